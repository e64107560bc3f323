#include "simulators/imaging/fourier_sum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace glasswatch::simulation {
namespace {

constexpr double kHalfWidth = SpreadingKernel::kWidth / 2.0;

double kernel_value(double t) {
  constexpr double kBeta = 2.30 * SpreadingKernel::kWidth;
  const double x = t / kHalfWidth;
  return x * x < 1 ? std::exp(kBeta * (std::sqrt(1 - x * x) - 1)) : 0;
}

/// The next even number with no prime factor above 5, which FFTW likes.
int fast_size(int least) {
  for (int size = least + least % 2;; size += 2) {
    int rest = size;
    for (const int prime : {2, 3, 5}) {
      while (rest % prime == 0) rest /= prime;
    }
    if (rest == 1) return size;
  }
}

/// Twice as many cells as the highest frequency asks for, and room for the kernel beyond the outermost
/// points.
int grid_size(double reach_share, int highest) {
  const double room = (SpreadingKernel::kTaps + 2) / (1 - 2 * reach_share);
  return fast_size(std::max(4 * highest, static_cast<int>(std::ceil(room))));
}

}  // namespace

SpreadingKernel::SpreadingKernel() : table_(kSteps + 2) {
  for (std::size_t step = 0; step < table_.size(); ++step) {
    const double offset = static_cast<double>(step) / kSteps;
    for (int tap = 0; tap < kWidth; ++tap) {
      table_[step][static_cast<std::size_t>(tap)] =
          static_cast<float>(kernel_value(offset + tap - kHalfWidth));
    }
  }
}

SpreadingKernel::Spread SpreadingKernel::at(double position) const {
  const double edge = position - kHalfWidth;
  Spread spread;
  spread.first = static_cast<int>(std::ceil(edge));
  const double place = (spread.first - edge) * kSteps;
  const auto step = static_cast<std::size_t>(place);
  const auto share = static_cast<float>(place - static_cast<double>(step));
  const auto& low = table_[step];
  const auto& high = table_[step + 1];
  for (std::size_t tap = 0; tap < kTaps; ++tap)
    spread.weight[tap] = low[tap] + share * (high[tap] - low[tap]);
  return spread;
}

double SpreadingKernel::transform(double cycles_per_cell) {
  // Midpoint rule in theta, t = w/2 sin(theta): smooth and periodic, so it converges exponentially.
  constexpr int kPoints = 64;
  double sum = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double theta = ((i + 0.5) / kPoints - 0.5) * std::numbers::pi;
    const double t = kHalfWidth * std::sin(theta);
    sum += kernel_value(t) * std::cos(2 * std::numbers::pi * cycles_per_cell * t) * std::cos(theta);
  }
  return sum * kHalfWidth * std::numbers::pi / kPoints;
}

FourierSum::FourierSum(double period_nm, double reach_nm, int highest_x, int highest_y)
    : period_nm_(period_nm),
      columns_(grid_size(reach_nm / period_nm, highest_x)),
      rows_(grid_size(reach_nm / period_nm, highest_y)),
      stride_(columns_ / 2 + 1),
      wanted_(highest_x + 1) {
  const double reach_cells = reach_nm / period_nm * rows_;
  first_row_ = std::max(0, static_cast<int>(std::floor(rows_ / 2.0 - reach_cells - kHalfWidth)));
  last_row_ = std::min(rows_, static_cast<int>(std::ceil(rows_ / 2.0 + reach_cells + kHalfWidth)) + 1);
  const int reached = last_row_ - first_row_;
  const auto spectra = static_cast<std::size_t>(rows_) * static_cast<std::size_t>(stride_);
  const auto cells = static_cast<std::size_t>(reached) * static_cast<std::size_t>(columns_);
  density_.reset(fftwf_alloc_real(cells));
  half_.reset(reinterpret_cast<std::complex<float>*>(fftwf_alloc_complex(spectra)));
  spectrum_.reset(reinterpret_cast<std::complex<float>*>(fftwf_alloc_complex(spectra)));
  std::fill_n(density_.get(), cells, 0.0F);
  std::fill_n(half_.get(), spectra, std::complex<float>());
  std::fill_n(spectrum_.get(), spectra, std::complex<float>());
  static const bool kPlannerIsSafe = (fftwf_make_planner_thread_safe(), true);
  static_cast<void>(kPlannerIsSafe);
  auto* half = reinterpret_cast<fftwf_complex*>(half_.get());
  auto* spectrum = reinterpret_cast<fftwf_complex*>(spectrum_.get());
  along_x_.reset(fftwf_plan_many_dft_r2c(1, &columns_, reached, density_.get(), nullptr, 1, columns_,
                                         half + static_cast<std::ptrdiff_t>(first_row_) * stride_, nullptr, 1,
                                         stride_, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT));
  along_y_.reset(fftwf_plan_many_dft(1, &rows_, wanted_, half, nullptr, stride_, 1, spectrum, nullptr,
                                     stride_, 1, FFTW_FORWARD, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT));
}

void FourierSum::clear() {
  if (empty_) return;
  const auto reached = static_cast<std::size_t>(last_row_ - first_row_);
  std::fill_n(density_.get(), reached * static_cast<std::size_t>(columns_), 0.0F);
  empty_ = true;
}

void FourierSum::add(double x_nm, double y_nm, double weight) {
  empty_ = false;
  const auto x = kernel_.at(x_nm / period_nm_ * columns_ + 0.5 * columns_);
  const auto y = kernel_.at(y_nm / period_nm_ * rows_ + 0.5 * rows_);
  float* cell = density_.get() + static_cast<std::ptrdiff_t>(y.first - first_row_) * columns_ + x.first;
  for (std::size_t i = 0; i < SpreadingKernel::kWidth; ++i, cell += columns_) {
    const float share = static_cast<float>(weight) * y.weight[i];
    for (std::size_t j = 0; j < SpreadingKernel::kTaps; ++j) cell[j] += share * x.weight[j];
  }
}

void FourierSum::transform() {
  fftwf_execute(along_x_.get());
  fftwf_execute(along_y_.get());
}

const std::complex<float>* FourierSum::row(int j) const {
  return spectrum_.get() + static_cast<std::ptrdiff_t>(j < 0 ? j + rows_ : j) * stride_;
}

// The origin lies at cell size / 2, which turns the phase of every other frequency by pi.
double FourierSum::factor(int index, int size) {
  const double sign = index % 2 == 0 ? 1 : -1;
  return sign / SpreadingKernel::transform(static_cast<double>(index) / size);
}

}  // namespace glasswatch::simulation

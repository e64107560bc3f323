#include "analysis/displacement_sums.h"

#include <fftw3.h>

#include <algorithm>
#include <complex>
#include <cstring>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

/// The next size of which FFTW makes short work.
int good_size(int size) {
  for (;; ++size) {
    int rest = size;
    for (const int factor : {2, 3, 5, 7}) {
      while (rest % factor == 0) rest /= factor;
    }
    if (rest == 1) return size;
  }
}

void make_planner_thread_safe() {
  static const bool kDone = (fftw_make_planner_thread_safe(), true);
  static_cast<void>(kDone);
}

}  // namespace

struct DisplacementSums::Transforms {
  Transforms(int padded_rows, int padded_columns)
      : rows(padded_rows),
        columns(padded_columns),
        bins(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns / 2 + 1)),
        real(fftw_alloc_real(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns))),
        first(fftw_alloc_complex(bins)),
        second(fftw_alloc_complex(bins)) {
    make_planner_thread_safe();
    forward = fftw_plan_dft_r2c_2d(rows, columns, real, first, FFTW_ESTIMATE);
    inverse = fftw_plan_dft_c2r_2d(rows, columns, first, real, FFTW_ESTIMATE);
  }
  Transforms(const Transforms&) = delete;
  Transforms& operator=(const Transforms&) = delete;
  ~Transforms() {
    fftw_destroy_plan(forward);
    fftw_destroy_plan(inverse);
    fftw_free(real);
    fftw_free(first);
    fftw_free(second);
  }

  void transform(std::span<const double> image, int image_columns, fftw_complex* out) const {
    std::fill_n(real, static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns), 0.0);
    for (std::size_t at = 0, row = 0; at < image.size(); at += image_columns, ++row) {
      std::memcpy(real + row * columns, image.data() + at, sizeof(double) * image_columns);
    }
    fftw_execute_dft_r2c(forward, real, out);
  }

  int rows, columns;
  std::size_t bins;
  double* real;
  fftw_complex* first;
  fftw_complex* second;
  fftw_plan forward, inverse;
};

DisplacementSums::DisplacementSums(int rows, int columns, int reach)
    : rows_(rows), columns_(columns), reach_(reach) {
  GLASSWATCH_CHECK(rows > 0 && columns > 0 && reach >= 0, rows, columns, reach);
  // So much padding that displacements within reach neither wrap around nor share a place.
  transforms_ = std::make_unique<Transforms>(good_size(std::max(rows + reach, 2 * reach + 1)),
                                             good_size(std::max(columns + reach, 2 * reach + 1)));
}
DisplacementSums::DisplacementSums(DisplacementSums&&) noexcept = default;
DisplacementSums& DisplacementSums::operator=(DisplacementSums&&) noexcept = default;
DisplacementSums::~DisplacementSums() = default;

void DisplacementSums::add(std::span<const double> first, std::span<const double> second, double weight,
                           std::span<double> sums) {
  const std::size_t pixels = static_cast<std::size_t>(rows_) * static_cast<std::size_t>(columns_);
  GLASSWATCH_CHECK(first.size() == pixels && second.size() == pixels, first.size(), second.size(), pixels);
  GLASSWATCH_CHECK(sums.size() == static_cast<std::size_t>(displacements()), sums.size(), displacements());
  Transforms& t = *transforms_;
  const auto* a = reinterpret_cast<const std::complex<double>*>(t.second);
  auto* b = reinterpret_cast<std::complex<double>*>(t.first);
  const bool same = first.data() == second.data();
  if (!same) t.transform(first, columns_, t.second);
  t.transform(second, columns_, t.first);
  for (std::size_t i = 0; i < t.bins; ++i) b[i] *= std::conj(same ? b[i] : a[i]);
  fftw_execute(t.inverse);
  const double scale = weight / (static_cast<double>(t.rows) * t.columns);
  std::size_t at = 0;
  for (int dr = -reach_; dr <= reach_; ++dr) {
    const double* row = t.real + static_cast<std::ptrdiff_t>((dr + t.rows) % t.rows) * t.columns;
    for (int dc = -reach_; dc <= reach_; ++dc) sums[at++] += scale * row[(dc + t.columns) % t.columns];
  }
}

}  // namespace glasswatch::analysis

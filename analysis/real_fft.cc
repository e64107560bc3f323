#include "analysis/real_fft.h"

#include <fftw3.h>

#include <utility>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

/// FFTW's planner is not re-entrant by itself; a function-local static runs this once, before the first plan.
void make_planner_safe() {
  static const bool kDone = (fftw_make_planner_thread_safe(), true);
  static_cast<void>(kDone);
}

}  // namespace

struct RealFft::Plans {
  Plans(int size, double* real, fftw_complex* spectrum)
      : forward(fftw_plan_dft_r2c_1d(size, real, spectrum, FFTW_ESTIMATE | FFTW_PRESERVE_INPUT)),
        inverse(fftw_plan_dft_c2r_1d(size, spectrum, real, FFTW_ESTIMATE)),
        real_buffer(real),
        spectrum_buffer(spectrum) {
    GLASSWATCH_CHECK(forward != nullptr && inverse != nullptr, size);
  }
  ~Plans() {
    fftw_destroy_plan(forward);
    fftw_destroy_plan(inverse);
    fftw_free(real_buffer);
    fftw_free(spectrum_buffer);
  }
  Plans(const Plans&) = delete;
  Plans& operator=(const Plans&) = delete;

  fftw_plan forward;
  fftw_plan inverse;
  double* real_buffer;
  fftw_complex* spectrum_buffer;
};

RealFft::RealFft(int size) : size_(size) {
  GLASSWATCH_CHECK(size >= 1, size);
  make_planner_safe();
  const auto count = static_cast<std::size_t>(size);
  real_ = fftw_alloc_real(count);
  fftw_complex* spectrum = fftw_alloc_complex(count / 2 + 1);
  GLASSWATCH_CHECK(real_ != nullptr && spectrum != nullptr, size);
  spectrum_ = reinterpret_cast<std::complex<double>*>(spectrum);  // same layout by FFTW's documentation
  plans_ = std::make_unique<Plans>(size, real_, spectrum);
}

RealFft::RealFft(RealFft&&) noexcept = default;
RealFft& RealFft::operator=(RealFft&&) noexcept = default;
RealFft::~RealFft() = default;

void RealFft::forward() {
  fftw_execute(plans_->forward);
}
void RealFft::inverse() {
  fftw_execute(plans_->inverse);
}

}  // namespace glasswatch::analysis

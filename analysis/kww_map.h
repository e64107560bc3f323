// KWW fits of very many curves at once: tau, beta and contrast maps.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "analysis/kww.h"
#include "analysis/lags.h"
#include "analysis/parallel.h"
#include "analysis/pixel_sums.h"

namespace glasswatch::analysis {

/// One entry per pixel of the PixelSums (or per curve). NaN where status is not kConverged, kAtBound or
/// kNotConverged.
struct KwwMap {
  std::vector<float> tau_slots, beta, contrast, baseline;
  std::vector<FitStatus> status;
  void resize(std::size_t count);  // new entries: NaN, kNoData
};

/// Fits g2 of every single pixel: least squares and statuses as fit_kww. Raw sums are divided in double, per
/// pixel and lag:
///   SYMMETRIC  g2 = (product/n) / ((past/n) (future/n)),   PAPER  g2 = (product/n) / (mean of all frames)^2;
/// a lag counts where n > 0 and each mean is > 0, and a pixel without such a lag is kNoData.
///
/// ln tau is that of fit_kww within 1e-6 (median) and 2e-3 (99 % of the pixels) on speckle with T = 15 tau,
/// and the status is the same in 99.9 %; with noise as large as the contrast two searches may end in
/// different minima. Single pixels of such a series read 0.6 tau (finite time average): a map needs its null
/// beside it.
///
/// `map` holds the previous fits, from which the usable ones start (warm: about a third of the time), and
/// receives the new ones; it is resized to the pixels of the sums. A warm fit stays in the minimum where it
/// was. Where the previous tau and beta leave no contrast at all to a curve, it is kNoContrast once and
/// starts from the data the next time. Results depend on curve and previous fit alone: not on lanes,
/// neighbours or the processor.
///
/// Cost: two float exponentials per lag and evaluation, about five evaluations cold and two warm. Memory per
/// lane about 0.2 MB and 3.6 kB per lag, made by the constructor; fit() does not allocate once `map` has its
/// size. One thread per object; `parallel` shares the work.
class PixelFits {
 public:
  /// lags: the most that will come; lanes: of the Parallel.
  PixelFits(const KwwModel& model, const KwwBounds& bounds, int lags, int lanes);
  ~PixelFits();
  PixelFits(const PixelFits&) = delete;
  PixelFits& operator=(const PixelFits&) = delete;

  void fit(const PixelSums& sums, Normalization normalization, KwwMap& map, Parallel& parallel);
  /// The same of given curves, g2 (L, count) row-major; values that are not finite are left out.
  void fit_curves(std::span<const double> lag_slots, std::span<const float> g2, KwwMap& map,
                  Parallel& parallel);

 private:
  struct Lane;

  template <typename Load>
  void fit_batches(std::size_t count, KwwMap& map, Parallel& parallel, Load load);

  std::size_t max_lags_;
  std::vector<double> lag_slots_;    // with pairs
  std::vector<std::size_t> lag_of_;  // their places among those of the sums
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace glasswatch::analysis

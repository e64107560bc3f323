#include "analysis/null_map.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "analysis/exact_correlator.h"
#include "analysis/pooled_fits.h"
#include "analysis/pooled_sums.h"
#include "analysis/speckle_filter.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kSmallestSidePx = 16;
constexpr int kMeanBlockPixels = 256;  // summed by themselves, whatever the lanes

ExactCorrelatorSettings exact_settings(const NullSettings& settings) {
  ExactCorrelatorSettings exact;
  exact.rows = settings.surrogate.rows;
  exact.columns = settings.surrogate.columns;
  exact.pixel_type = PixelType::kF4;
  exact.lags_slots = settings.lags_slots;
  return exact;
}

MultiTauSettings multi_tau_settings(const NullSettings& settings) {
  MultiTauSettings multi_tau = *settings.multi_tau;
  multi_tau.rows = settings.surrogate.rows;
  multi_tau.columns = settings.surrogate.columns;
  multi_tau.pixel_type = PixelType::kF4;
  return multi_tau;
}

/// The frames stay while they are correlated; what made them is gone by then.
std::size_t memory_bytes(const NullSettings& settings, int lanes) {
  const SurrogateSettings& s = settings.surrogate;
  const std::size_t frames =
      s.slots.size() * sizeof(float) * static_cast<std::size_t>(s.rows) * static_cast<std::size_t>(s.columns);
  const std::size_t correlator = settings.multi_tau
                                     ? MultiTauCorrelator::memory_bytes(multi_tau_settings(settings))
                                     : ExactCorrelator::memory_bytes(exact_settings(settings));
  return std::max(KwwSurrogate::memory_bytes(s, lanes), frames + correlator);
}

/// Halves the field until it fits; false if it cannot.
bool shrink_to_fit(NullSettings& settings, int lanes) {
  int& rows = settings.surrogate.rows;
  int& columns = settings.surrogate.columns;
  while (memory_bytes(settings, lanes) > settings.memory_limit_bytes) {
    int& longer = rows > columns ? rows : columns;
    if (longer / 2 < kSmallestSidePx) return false;
    longer /= 2;
  }
  return true;
}

template <typename Correlator, typename Settings>
std::unique_ptr<PixelSums> correlate(const KwwSurrogate& surrogate, const SurrogateSettings& made,
                                     const Settings& settings, Parallel& parallel) {
  auto correlator = std::make_unique<Correlator>(settings, std::span<const std::uint8_t>{});
  for (std::size_t i = 0; i < surrogate.frames(); ++i) {
    const FrameView frame{surrogate.frame(i).data(), PixelType::kF4, made.rows, made.columns};
    correlator->add(made.slots[i], frame, 1, parallel);
  }
  correlator->update(parallel);
  return correlator;
}

/// The surrogate's sums; its frames are gone when this returns.
std::unique_ptr<PixelSums> surrogate_sums(const NullSettings& settings, double& clipped_share,
                                          Parallel& parallel) {
  KwwSurrogate surrogate(settings.surrogate);
  clipped_share = surrogate.clipped_share();
  surrogate.generate(parallel);
  return settings.multi_tau
             ? correlate<MultiTauCorrelator>(surrogate, settings.surrogate, multi_tau_settings(settings),
                                             parallel)
             : correlate<ExactCorrelator>(surrogate, settings.surrogate, exact_settings(settings), parallel);
}

KwwMap map_of(const std::vector<KwwFit>& fits) {
  KwwMap map;
  map.resize(fits.size());
  for (std::size_t i = 0; i < fits.size(); ++i) {
    map.tau_slots[i] = static_cast<float>(fits[i].tau_slots);
    map.beta[i] = static_cast<float>(fits[i].beta);
    map.contrast[i] = static_cast<float>(fits[i].contrast);
    map.baseline[i] = static_cast<float>(fits[i].baseline);
    map.status[i] = fits[i].status;
  }
  return map;
}

double median_ln_ratio(const KwwMap& map, double tau_slots) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < map.status.size(); ++i) {
    if (map.status[i] == FitStatus::kConverged) ratios.push_back(std::log(map.tau_slots[i] / tau_slots));
  }
  if (ratios.empty()) return kNaN;
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::ranges::nth_element(ratios, middle);
  return *middle;
}

double tau_or_nan(const KwwFit& fit) {
  return fit.usable() ? fit.tau_slots : kNaN;
}

NullResult nothing(NullStatus status, const NullSettings& settings) {
  NullResult result;
  result.status = status;
  result.independent = result.skewness = result.clipped_share = result.span_over_tau = kNaN;
  result.fraction_above_mean_curve = result.fraction_above_mean_curve_sigma = kNaN;
  result.pixel_bias_ln_tau = result.cell_bias_ln_tau = kNaN;
  result.pixel_histogram = result.cell_histogram = tau_histogram({}, settings.edge_slots, kNaN, kNaN);
  return result;
}

/// Everything that was measured has a value.
bool known(const SurrogateSettings& s) {
  return s.fit.usable() && s.fit.contrast > 0 && s.mean_counts > 0 && std::isfinite(s.mean_counts) &&
         s.counts_per_electron >= 0 && std::isfinite(s.noise_variance_counts2) && s.speckle_size_px >= 0 &&
         std::isfinite(s.speckle_size_px) && !s.slots.empty();
}

void fit_all(const PixelSums& sums, const NullSettings& settings, NullResult& result, Parallel& parallel) {
  const KwwModel& model = settings.surrogate.model;
  PixelFits pixel_fits(model, settings.bounds, static_cast<int>(sums.lag_slots().size()), parallel.lanes());
  pixel_fits.fit(sums, settings.normalization, result.pixels, parallel);

  const std::vector<std::int32_t> one_unit(sums.pixels().size(), 0);
  const PooledSums field = pool(sums, one_unit, 1, {}, parallel);
  result.field = fit_units(field, settings.normalization, model, settings.bounds, parallel).front();
  result.mean_curve = fit_kww(sums.lag_slots(), mean_pixel_g2(sums, settings.normalization, parallel), model,
                              settings.bounds);

  const CellGrid grid = cell_grid(sums, settings.pool_px);
  result.cell_rows = grid.rows;
  result.cell_columns = grid.columns;
  const PooledSums cells = pool(sums, grid.unit_of_pixel, grid.rows * grid.columns, {}, parallel);
  result.cells = map_of(fit_units(cells, settings.normalization, model, settings.bounds, parallel));
}

void count_all(const NullSettings& settings, NullResult& result) {
  const double tau = tau_or_nan(result.field);
  const double mean_curve_tau = tau_or_nan(result.mean_curve);
  result.pixel_histogram = tau_histogram(result.pixels, settings.edge_slots, tau, result.independent);
  const TauHistogram of_mean_curve =
      tau_histogram(result.pixels, settings.edge_slots, mean_curve_tau, result.independent);
  result.fraction_above_mean_curve = of_mean_curve.fraction_above_threshold;
  result.fraction_above_mean_curve_sigma = of_mean_curve.fraction_above_sigma;
  const auto cells = static_cast<double>(result.cells.status.size());
  result.cell_histogram =
      tau_histogram(result.cells, settings.edge_slots, tau, std::min(cells, result.independent));
  const double true_tau = settings.surrogate.fit.tau_slots;
  result.pixel_bias_ln_tau = median_ln_ratio(result.pixels, true_tau);
  result.cell_bias_ln_tau = median_ln_ratio(result.cells, true_tau);
}

/// Raw sums of some pixels, (L, width).
struct RawBlock {
  std::size_t width = 0;
  std::vector<double> product, past, future, total;

  void read(const PixelSums& sums, int begin, int end) {
    width = static_cast<std::size_t>(end - begin);
    for (auto* array : {&product, &past, &future}) array->resize(sums.pairs().size() * width);
    total.resize(width);
    sums.read(begin, end, product.data(), past.data(), future.data());
    sums.read_total(begin, end, total.data());
  }
};

struct MeanCurve {
  std::vector<double> g2;  // sum over pixels
  double pixels = 0;
};

MeanCurve sum_of_curves(const RawBlock& raw, const PixelSums& sums, Normalization normalization) {
  const auto pairs = sums.pairs();
  MeanCurve curve{std::vector<double>(pairs.size(), 0.0), 0};
  for (std::size_t p = 0; p < raw.width; ++p) {
    const double mean = raw.total[p] / static_cast<double>(sums.frames());
    if (!(mean > 0)) continue;
    ++curve.pixels;
    for (std::size_t k = 0; k < pairs.size(); ++k) {
      const auto n = static_cast<double>(pairs[k]);
      const std::size_t at = k * raw.width + p;
      const bool paper = normalization == Normalization::kPaper;
      const double squared_mean = paper ? mean * mean : (raw.past[at] / n) * (raw.future[at] / n);
      curve.g2[k] += raw.product[at] / n / squared_mean;
    }
  }
  return curve;
}

}  // namespace

NullResult null_map(const NullSettings& settings, Parallel& parallel) {
  if (!known(settings.surrogate)) return nothing(NullStatus::kNoFit, settings);
  NullSettings fitting = settings;
  double& skewness = fitting.surrogate.skewness;
  skewness = std::isnan(skewness) ? 2 : std::clamp(skewness, 0.0, 2.0);
  double& noise = fitting.surrogate.noise_variance_counts2;
  noise = std::max(noise, 0.0);
  if (!shrink_to_fit(fitting, parallel.lanes())) return nothing(NullStatus::kTooLong, settings);

  NullResult result;
  result.status = NullStatus::kDone;
  result.rows = fitting.surrogate.rows;
  result.columns = fitting.surrogate.columns;
  result.skewness = skewness;
  const std::unique_ptr<PixelSums> sums = surrogate_sums(fitting, result.clipped_share, parallel);
  result.independent = std::max(1.0, static_cast<double>(sums->pixels().size()) /
                                         pixels_per_speckle(fitting.surrogate.speckle_size_px));
  result.span_over_tau = static_cast<double>(sums->span_slots()) / settings.surrogate.fit.tau_slots;
  fit_all(*sums, fitting, result, parallel);
  count_all(fitting, result);
  return result;
}

std::vector<double> mean_pixel_g2(const PixelSums& sums, Normalization normalization, Parallel& parallel) {
  const auto pixels = static_cast<int>(sums.pixels().size());
  const int blocks = (pixels + kMeanBlockPixels - 1) / kMeanBlockPixels;
  std::vector<MeanCurve> curves(static_cast<std::size_t>(blocks));
  std::vector<RawBlock> scratch(static_cast<std::size_t>(parallel.lanes()));
  auto add_blocks = [&](int lane, int first, int last) {
    for (int block = first; block < last; ++block) {
      const int begin = block * kMeanBlockPixels;
      const int end = std::min(pixels, begin + kMeanBlockPixels);
      RawBlock& raw = scratch[static_cast<std::size_t>(lane)];
      raw.read(sums, begin, end);
      curves[static_cast<std::size_t>(block)] = sum_of_curves(raw, sums, normalization);
    }
  };
  parallel.run(blocks, add_blocks);

  MeanCurve all{std::vector<double>(sums.pairs().size(), 0.0), 0};
  for (const MeanCurve& curve : curves) {
    all.pixels += curve.pixels;
    for (std::size_t k = 0; k < all.g2.size(); ++k) all.g2[k] += curve.g2[k];
  }
  for (double& g2 : all.g2) g2 /= all.pixels;
  return all.g2;
}

}  // namespace glasswatch::analysis

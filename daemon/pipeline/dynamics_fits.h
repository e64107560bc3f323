// From raw sums to relaxation times: curves, maps, their uncertainties, their null, and what they mean.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/difference_noise.h"
#include "analysis/kww_map.h"
#include "analysis/null_map.h"
#include "analysis/parallel.h"
#include "analysis/pixel_sums.h"
#include "analysis/pooled_fits.h"
#include "analysis/pooled_sums.h"
#include "analysis/speckle_count.h"
#include "analysis/tau_histogram.h"
#include "analysis/two_time.h"
#include "daemon/pipeline/halfway_sums.h"
#include "detectors/numpy/mask.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// What the frames left behind beside the sums. Everything outlives the call it is given to.
struct DynamicsEvidence {
  const analysis::PixelSums* sums = nullptr;
  const analysis::SpeckleShape* shape = nullptr;
  const analysis::DifferenceNoise* noise = nullptr;
  const HalfwaySums* halfway = nullptr;
  analysis::TwoTime* two_time = nullptr;  // null = not kept; gets the regions
  std::span<const std::int64_t> slots;    // of the frames in the sums
  std::uint64_t frames_used = 0;          // of the series, also those that have left a window
  double period_s = 0;
  double offset_counts = 0;
  double skewness = 2;  // of the speckle's fluctuations
};

/// How much of earlier fits a fit may use. All but kRefresh start from nothing but the frames: they give the
/// same bits however often, and whenever, there was a fit before.
enum class FitKind : std::uint8_t {
  kRefresh,   // the series goes on
  kInterval,  // the sums are about to begin anew
  kFinal,     // the series is over; the null is made at once
};

struct TemperatureInterval {
  double mean_c = 0, low_c = 0, high_c = 0;
};

/// The null of one state of the fits: a uniform sample, analysed the same way. Self-contained: run() may be
/// called on any thread.
class NullMap {
 public:
  /// `state` tells which sums it belongs to.
  NullMap(analysis::NullSettings settings, std::uint64_t state, std::uint64_t frames)
      : settings_(std::move(settings)), state_(state), frames_(frames) {}
  void run(analysis::Parallel& parallel) { result_ = analysis::null_map(settings_, parallel); }

  const analysis::NullSettings& settings() const { return settings_; }
  const analysis::NullResult& result() const { return result_; }
  std::uint64_t state() const { return state_; }
  std::uint64_t frames() const { return frames_; }

 private:
  analysis::NullSettings settings_;
  std::uint64_t state_;
  std::uint64_t frames_;
  analysis::NullResult result_;
};

/// Fits of one series. Curves and maps are renewed by every fit(); what costs more (flat field, regions,
/// uncertainties, tests) when there are a twentieth more frames, or at the end. One thread at a time.
class DynamicsFits {
 public:
  /// The settings and `labels` (as ecm.label_path says, or empty) outlive it.
  DynamicsFits(const config::Ecm& settings, const LabelImage& labels);

  void begin_series(std::uint64_t series_id);
  /// The sums begin anew within the series.
  void begin_interval() { forget(); }
  /// Fits the evidence into `dynamics`.
  void fit(const DynamicsEvidence& evidence, FitKind kind, result::Dynamics& dynamics,
           analysis::Parallel& parallel);
  /// tau(T) of the series, with the last fit at its end. `closed`: it stays in what comes later.
  void write_tau_of_temperature(const TemperatureInterval& interval, bool closed, result::Dynamics& dynamics);

  std::unique_ptr<NullMap> null_map();
  void install(const NullMap& done);

 private:
  struct Unit {  // field, matrix, channel
    std::string name;
    analysis::KwwFit fit;
    analysis::KwwSigma sigma;
    std::uint64_t pixels = 0;
    double speckles = 0;
  };

  static analysis::PooledSums within(const analysis::PooledSums& pool, const analysis::PixelSums& range);
  void forget();
  void prepare(const analysis::PixelSums& sums, const DynamicsEvidence& evidence, result::Dynamics& dynamics);
  void find_regions(const analysis::PixelSums& sums, double speckle_px, result::Dynamics& dynamics);
  void lay_out_parts(const analysis::PixelSums& sums);
  void fit_units(const analysis::PooledSums& parts, const analysis::PixelSums& range,
                 result::Dynamics& dynamics, analysis::Parallel& parallel);
  void fit_cells(const analysis::PooledSums& parts, const analysis::PixelSums& range,
                 result::Dynamics& dynamics, analysis::Parallel& parallel);
  void fit_pixels(const analysis::PixelSums& range, result::Dynamics& dynamics, analysis::Parallel& parallel);
  void write_uncertainties(result::Dynamics& dynamics) const;
  // dynamics_inference.cc
  void infer(const analysis::PixelSums& range, const DynamicsEvidence& evidence, bool from_nothing,
             result::Dynamics& dynamics, analysis::Parallel& parallel);
  void infer_g2_sigma(result::Dynamics& dynamics) const;
  void infer_regions(result::Dynamics& dynamics) const;
  void infer_halves(const analysis::PixelSums& range, const DynamicsEvidence& evidence,
                    result::Dynamics& dynamics, analysis::Parallel& parallel) const;
  std::vector<double> cell_factors(const analysis::CellGrid& grid) const;
  void infer_two_time(const DynamicsEvidence& evidence, bool from_nothing, result::Dynamics& dynamics,
                      analysis::Parallel& parallel) const;
  void infer_histogram(result::Dynamics& dynamics);
  void write_histogram(const analysis::TauHistogram& histogram, result::TauHistogram& out) const;
  void prepare_null(const DynamicsEvidence& evidence);
  void write_null(result::Dynamics& dynamics) const;

  const config::Ecm& settings_;
  const LabelImage& labels_;
  analysis::KwwModel model_;
  analysis::Normalization normalization_;
  double period_s_ = 0;
  std::uint64_t inference_frames_ = 0;  // in the sums, at the last inference
  std::uint64_t inferred_at_ = 0;       // frames of the series then

  // of the last inference
  std::vector<float> flat_field_;    // per pixel of the sums; empty = none
  double flat_field_variance_ = 0;   // of the flat field about 1: the pedestal in g2
  std::vector<std::uint8_t> label_;  // (rows, columns); empty = none
  std::vector<std::int32_t> field_unit_, region_unit_;
  analysis::CellGrid cells_;
  // Field, regions and cells are all made of parts: what a cell, or the rim outside all cells, has of a
  // region.
  std::vector<std::int32_t> part_of_pixel_, region_of_part_, cell_of_part_;
  std::vector<analysis::KwwSigma> cell_sigma_;
  double speckles_per_cell_ = 0;

  std::vector<double> edge_slots_;  // of both histograms

  // of the last fit
  std::vector<Unit> units_;  // field first
  analysis::PooledSums field_pool_, region_pool_, cell_pool_;
  std::vector<analysis::KwwFit> cell_fit_;
  analysis::KwwMap pixel_map_;
  std::optional<analysis::PixelFits> pixel_fits_;
  std::size_t fitted_lags_ = 0;
  int fit_lanes_ = 0;

  std::unique_ptr<analysis::NullSettings> null_wanted_;
  std::uint64_t null_state_ =
      0;  // which sums these are: of a series, between two times that all was forgotten
  std::string null_reason_;
  std::uint64_t null_frames_ = 0;
  double null_span_over_tau_ = 0;
  analysis::TauHistogram null_histogram_;
  double null_field_tau_slots_ = 0;

  std::vector<result::TauAtTemperature> closed_intervals_;  // of the series
};

}  // namespace glasswatch

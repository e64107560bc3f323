// Exposures become frames, beside the program's loop.
#pragma once

#include <cstddef>
#include <future>
#include <map>
#include <memory>
#include <vector>

#include "simulators/camera/detector.h"
#include "simulators/imaging/imaging_mode.h"
#include "simulators/specimen/specimen.h"

namespace glasswatch::simulation {

/// All modes that the scenario has a section for, and the detector behind them. One frame is made at a time,
/// on a thread of its own, so that the streams, commands and signals are served meanwhile.
/// frames.prepared_loop: the expected images of the first exposures in the scenario's mode are computed by
/// the constructor and repeated with new noise.
class Renderer {
 public:
  /// `specimen` may be null when only PATTERN is there. Throws UserError when the specimen's files cannot be
  /// read.
  Renderer(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen, int threads);
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  bool has(scenario::Mode mode) const { return modes_.contains(mode); }

  /// Whether frames of this mode come from the prepared loop.
  bool repeats(scenario::Mode mode) const { return mode == scenario_.mode() && !loop_.empty(); }

  /// What a series in this mode says of camera and optics.
  void describe(scenario::Mode mode, stream::SeriesStart& start) const;

  /// Begins a frame. The one before must have been finished, and the specimen must not change before
  /// finish().
  void begin(scenario::Mode mode, const Exposure& exposure);
  bool busy() const { return frame_.valid(); }

  /// Waits for the frame and gives its pixels: int16 counts, row-major.
  std::vector<std::byte> finish();

  /// The modes of the scenario.
  std::vector<scenario::Mode> modes() const;
  std::vector<TruthMap> truth_maps(scenario::Mode mode) const { return modes_.at(mode)->truth_maps(); }

 private:
  std::vector<std::byte> make(scenario::Mode mode, const Exposure& exposure);
  std::span<const float> prepared(const Exposure& exposure);

  scenario::Scenario scenario_;
  std::size_t pixels_;
  std::map<scenario::Mode, std::unique_ptr<ImagingMode>> modes_;
  Detector detector_;
  std::vector<float> electrons_;
  std::vector<std::vector<float>> loop_;
  std::vector<std::int16_t> counts_;
  std::future<std::vector<std::byte>> frame_;
};

}  // namespace glasswatch::simulation

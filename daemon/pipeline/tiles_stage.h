// Local symmetry of images: knows configuration and cadence, leaves the numerics to analysis.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/parallel.h"
#include "analysis/tile_spectra.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"
#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch {

/// A map of n-fold power over the tiles of every so-many-th image (by sequence number, so that replay takes
/// the same). Diffraction patterns, and images of unknown pixel size, have none. No allocation per frame. One
/// thread.
class TilesStage {
 public:
  TilesStage(const config::Configuration& configuration, analysis::Parallel& parallel);

  void begin_series(std::uint64_t series_id, const stream::SeriesStart& start);

  /// True when the frame's turn had come and there is a new map.
  bool process(const Frame& frame);

  /// The last map, whole.
  const result::MapUpdate& map() const { return map_; }
  /// Why this series has no maps; empty when it has.
  const std::string& refused() const { return refused_; }

 private:
  const config::Tiles& settings_;
  const config::Configuration& configuration_;
  analysis::Parallel& parallel_;
  std::optional<analysis::TileSpectra> spectra_;
  std::string refused_;
  double offset_counts_ = 0;
  std::size_t orders_ = 0;
  std::vector<float> power_, ring_mean_, peak_;
  result::MapUpdate map_;
};

}  // namespace glasswatch

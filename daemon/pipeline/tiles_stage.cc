#include "daemon/pipeline/tiles_stage.h"

#include <limits>

#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TilesStage::TilesStage(const config::Configuration& configuration, analysis::Parallel& parallel)
    : settings_(configuration.tiles()), configuration_(configuration), parallel_(parallel) {}

void TilesStage::begin_series(std::uint64_t series_id, const stream::SeriesStart& start) {
  spectra_.reset();
  refused_.clear();
  map_.Clear();
  const auto& optics = start.optics();
  analysis::TileGeometry geometry;
  geometry.pixel_nm = optics.pixel_unit() == "nm" && optics.has_pixel_size() ? optics.pixel_size() : kNan;
  if (settings_.has_pixel_nm()) geometry.pixel_nm = settings_.pixel_nm();
  geometry.rows = static_cast<int>(start.camera().rows());
  geometry.columns = static_cast<int>(start.camera().columns());
  geometry.tile_px = static_cast<int>(settings_.tile_px());
  geometry.step_px = static_cast<int>(settings_.step_px());
  geometry.window =
      settings_.window() == config::RECTANGLE ? analysis::Window::kRectangle : analysis::Window::kHann;
  geometry.k_min_inv_nm = settings_.k_min_inv_nm();
  geometry.k_max_inv_nm = settings_.k_max_inv_nm();
  geometry.radial_bins = static_cast<int>(settings_.radial_bins());
  geometry.azimuthal_bins = static_cast<int>(settings_.azimuthal_bins());
  geometry.flatten = settings_.flatten();
  if (optics.mode() == stream::DIFFRACTION) {
    refused_ = "patterns of diffraction have no tiles";
  } else if (!(geometry.pixel_nm > 0)) {
    refused_ = "the size of a pixel is unknown; give tiles.pixel_nm";
  } else {
    refused_ = analysis::tile_geometry_fault(geometry);
  }
  if (!refused_.empty()) return;

  const auto& camera = start.camera();
  offset_counts_ = configuration_.detector().has_offset_counts() ? configuration_.detector().offset_counts()
                                                                 : camera.detector_offset_counts();
  std::vector<int> orders(settings_.orders().begin(), settings_.orders().end());
  orders_ = orders.size();
  spectra_.emplace(geometry, orders, parallel_.lanes());
  const int tiles = geometry.map_rows() * geometry.map_columns();
  power_.resize(static_cast<std::size_t>(tiles) * orders_);
  ring_mean_.resize(static_cast<std::size_t>(tiles));
  peak_.resize(static_cast<std::size_t>(tiles));
  map_.set_series_id(series_id);
  map_.set_kind(result::MapUpdate::TILES);
  map_.set_rows(static_cast<std::uint32_t>(geometry.map_rows()));
  map_.set_columns(static_cast<std::uint32_t>(geometry.map_columns()));
  for (const int n : orders) map_.add_channel(text::concatenate("power ", n));
  map_.add_channel("ring mean");
  map_.add_channel("peak");
  for (int tile = 0; tile < tiles; ++tile) map_.add_position(static_cast<std::uint32_t>(tile));
  map_.mutable_value()->Resize(tiles * map_.channel_size(), std::numeric_limits<float>::quiet_NaN());
  map_.set_filled(static_cast<std::uint64_t>(tiles));
  map_.set_complete(true);
  map_.set_step_nm(geometry.step_px * geometry.pixel_nm);
}

bool TilesStage::process(const Frame& frame) {
  if (!spectra_ || frame.info.sequence % settings_.every_frames() != 0) return false;
  spectra_->process(frame.view(), offset_counts_, {power_, ring_mean_, peak_}, parallel_);
  float* value = map_.mutable_value()->mutable_data();
  for (std::size_t tile = 0; tile < peak_.size(); ++tile) {
    for (std::size_t n = 0; n < orders_; ++n) *value++ = power_[tile * orders_ + n];
    *value++ = ring_mean_[tile];
    *value++ = peak_[tile];
  }
  map_.set_sequence(frame.info.sequence);
  map_.set_frame_received_utc_ns(frame.info.received_utc_ns);
  return true;
}

}  // namespace glasswatch

#include "daemon/pipeline/scan_map.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace glasswatch {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

}  // namespace

void ScanMap::name_channels(const result::Setup& setup) {
  channel_.clear();
  const auto name = [&](const char* quantity) {
    for (const auto n : setup.orders()) channel_.push_back(std::string(quantity) + " " + std::to_string(n));
  };
  name("power");
  name("coefficient");
  if (motifs_) {
    name("score");
    name("disc coefficient");
  }
  channel_.emplace_back("mean counts");
  orders_ = static_cast<std::size_t>(setup.orders_size());
  radii_ = static_cast<std::size_t>(setup.radius_px_size());
  radius_px_.assign(setup.radius_px().begin(), setup.radius_px().end());
  in_ring_.assign(setup.in_ring().begin(), setup.in_ring().end());
}

void ScanMap::begin_series(std::uint64_t series_id, const stream::SeriesStart& start,
                           const result::Setup& setup, bool motifs) {
  value_.clear();
  row_power_.clear();
  dirty_.clear();
  filled_ = 0;
  if (!start.has_scan()) return;
  series_id_ = series_id;
  rows_ = start.scan().rows();
  columns_ = start.scan().columns();
  step_nm_ = start.scan().step_nm();
  motifs_ = motifs;
  name_channels(setup);
  const std::size_t positions = rows_ * columns_;
  if (positions == 0 || positions > kMaxValues / channel_.size()) return;
  value_.assign(positions * channel_.size(), kNan);
  keep_rows();
  arrived_.assign(positions, 0);
  is_dirty_.assign(positions, 0);
  dirty_.reserve(positions);
}

void ScanMap::add(const result::FrameResult& frame) {
  if (!exists() || frame.series_id() != series_id_ || frame.scan_row() < 0 || frame.scan_column() < 0) return;
  const auto row = static_cast<std::uint64_t>(frame.scan_row());
  const auto column = static_cast<std::uint64_t>(frame.scan_column());
  if (row >= rows_ || column >= columns_) return;
  const auto position = static_cast<std::uint32_t>(row * columns_ + column);
  const result::Symmetry& symmetry = frame.symmetry();
  float* value = value_.data() + position * channel_.size();
  const auto put = [&value, this](const google::protobuf::RepeatedField<double>& from) {
    for (std::size_t i = 0; i < orders_; ++i) {
      const int at = static_cast<int>(i);
      *value++ = at < from.size() ? static_cast<float>(from.Get(at)) : kNan;
    }
  };
  put(symmetry.ring_power());
  put(symmetry.ring_coefficient());
  if (motifs_) {
    put(symmetry.motif_score());
    put(symmetry.motif_coefficient());
  }
  *value = static_cast<float>(frame.mean_counts());
  if (!row_power_.empty() && static_cast<std::size_t>(symmetry.power_size()) == radii_ * orders_) {
    std::transform(symmetry.power().begin(), symmetry.power().end(),
                   row_power_.begin() + static_cast<std::ptrdiff_t>(position * radii_ * orders_),
                   [](double power) { return static_cast<float>(power); });
  }
  sequence_ = frame.sequence();
  received_utc_ns_ = frame.received_utc_ns();
  filled_ += arrived_[position] == 0 ? 1 : 0;
  arrived_[position] = 1;
  if (is_dirty_[position] == 0) dirty_.push_back(position);
  is_dirty_[position] = 1;
}

void ScanMap::keep_rows() {
  const std::size_t values = rows_ * columns_ * radii_ * orders_;
  row_power_.clear();
  if (values <= kMaxValues) row_power_.assign(values, kNan);
}

void ScanMap::average_rows(std::uint32_t position) {
  const float* power = row_power_.data() + position * radii_ * orders_;
  for (std::size_t n = 0; n < orders_; ++n) {
    double sum = 0;
    int rows = 0;
    for (std::size_t k = 0; k < radii_; ++k) {
      const float value = power[k * orders_ + n];
      if (in_ring_[k] == 0 || std::isnan(value)) continue;
      sum += value;
      ++rows;
    }
    value_[position * channel_.size() + n] = rows > 0 ? static_cast<float>(sum / rows) : kNan;
  }
}

void ScanMap::change_rows(const result::Setup& setup) {
  if (!exists()) return;
  const std::vector<std::string> channel = channel_;
  const std::vector<std::uint8_t> in_ring = in_ring_;
  const std::vector<double> radius_px = radius_px_;
  name_channels(setup);
  const bool same_grid = channel == channel_ && radius_px == radius_px_;
  if (same_grid && in_ring == in_ring_) return;
  if (!same_grid) {
    value_.assign(rows_ * columns_ * channel_.size(), kNan);
    keep_rows();
  }
  dirty_.clear();
  for (std::uint32_t position = 0; position < arrived_.size(); ++position) {
    is_dirty_[position] = arrived_[position];
    if (arrived_[position] == 0) continue;
    dirty_.push_back(position);
    if (!same_grid) continue;
    for (std::size_t i = 0; i < orders_; ++i) value_[position * channel_.size() + i] = kNan;
    if (!row_power_.empty()) average_rows(position);
    // Coefficients and scores of the old rows would be another quantity under the same name.
    for (std::size_t i = orders_; i + 1 < channel_.size(); ++i) value_[position * channel_.size() + i] = kNan;
  }
}

void ScanMap::describe(result::MapUpdate& update) const {
  update.Clear();
  update.set_series_id(series_id_);
  update.set_kind(result::MapUpdate::SCAN);
  update.set_sequence(sequence_);
  update.set_rows(static_cast<std::uint32_t>(rows_));
  update.set_columns(static_cast<std::uint32_t>(columns_));
  for (const std::string& channel : channel_) update.add_channel(channel);
  update.set_filled(filled_);
  update.set_complete(complete());
  update.set_step_nm(step_nm_);
  update.set_frame_received_utc_ns(received_utc_ns_);
}

void ScanMap::append(std::uint32_t position, result::MapUpdate& update) const {
  update.add_position(position);
  const float* value = value_.data() + position * channel_.size();
  update.mutable_value()->Add(value, value + channel_.size());
}

bool ScanMap::take(result::MapUpdate& update) {
  if (dirty_.empty()) return false;
  describe(update);
  for (const std::uint32_t position : dirty_) {
    append(position, update);
    is_dirty_[position] = 0;
  }
  dirty_.clear();
  return true;
}

void ScanMap::put_back(const result::MapUpdate& update) {
  for (const std::uint32_t position : update.position()) {
    if (is_dirty_[position] == 0) dirty_.push_back(position);
    is_dirty_[position] = 1;
  }
}

void ScanMap::whole(result::MapUpdate& update) const {
  describe(update);
  for (std::uint32_t position = 0; position < arrived_.size(); ++position) {
    if (arrived_[position] != 0) append(position, update);
  }
}

}  // namespace glasswatch

#include "protocol/client/whole_map.h"

#include <algorithm>
#include <limits>

namespace glasswatch {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

WholeMap::Outcome check(const result::MapUpdate& update) {
  const std::uint64_t positions = std::uint64_t{update.rows()} * update.columns();
  const auto channels = static_cast<std::uint64_t>(update.channel_size());
  if (update.kind() == result::MapUpdate::KIND_UNSPECIFIED || positions == 0 || channels == 0) {
    return WholeMap::Outcome::kMalformed;
  }
  if (positions > kMaxMapValues / channels) return WholeMap::Outcome::kTooLarge;
  if (static_cast<std::uint64_t>(update.value_size()) !=
      static_cast<std::uint64_t>(update.position_size()) * channels) {
    return WholeMap::Outcome::kMalformed;
  }
  const bool inside = std::all_of(update.position().begin(), update.position().end(),
                                  [positions](std::uint32_t position) { return position < positions; });
  return inside ? WholeMap::Outcome::kTaken : WholeMap::Outcome::kMalformed;
}

}  // namespace

result::MapUpdate map_header(const result::MapUpdate& update) {
  result::MapUpdate header = update;
  header.clear_position();
  header.clear_value();
  return header;
}

WholeMap::Outcome WholeMap::add(const result::MapUpdate& update) {
  if (const Outcome outcome = check(update); outcome != Outcome::kTaken) return outcome;
  if (!continues(update)) begin(update);
  header_ = map_header(update);
  const float* value = update.value().data();
  for (const std::uint32_t position : update.position()) {
    arrived_[position] = true;
    std::copy_n(value, channels(), values_.begin() + static_cast<std::ptrdiff_t>(position * channels()));
    value += channels();
  }
  return Outcome::kTaken;
}

bool WholeMap::continues(const result::MapUpdate& update) const {
  return update.kind() != result::MapUpdate::TILES && update.kind() == header_.kind() &&
         update.series_id() == header_.series_id() && update.rows() == header_.rows() &&
         update.columns() == header_.columns() &&
         std::equal(update.channel().begin(), update.channel().end(), header_.channel().begin(),
                    header_.channel().end());
}

void WholeMap::begin(const result::MapUpdate& update) {
  const std::size_t positions = std::size_t{update.rows()} * update.columns();
  arrived_.assign(positions, false);
  values_.assign(positions * static_cast<std::size_t>(update.channel_size()), kNan);
}

std::span<const float> WholeMap::at(std::size_t position) const {
  return std::span(values_).subspan(position * channels(), channels());
}

result::MapUpdate WholeMap::update(std::size_t first, std::size_t end) const {
  result::MapUpdate all = header_;
  for (std::size_t position = first; position < std::min(end, arrived_.size()); ++position) {
    if (!arrived_[position]) continue;
    all.add_position(static_cast<std::uint32_t>(position));
    const auto values = at(position);
    all.mutable_value()->Add(values.begin(), values.end());
  }
  return all;
}

}  // namespace glasswatch

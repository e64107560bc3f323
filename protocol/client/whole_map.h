// A map put together from its updates: what a client that sees only the increments needs to have all of it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Largest map that is put together, in values (positions x channels): 256 MiB.
inline constexpr std::uint64_t kMaxMapValues = std::uint64_t{64} << 20;

/// The (rows, columns, channels) of one MapUpdate.kind. Not safe for use by several threads.
class WholeMap {
 public:
  enum class Outcome : std::uint8_t {
    kTaken,
    kMalformed,  // no size or channel, arrays that do not fit each other, or a position outside of the map
    kTooLarge,   // above kMaxMapValues
  };

  /// Takes the positions of an update; those that had arrived before are replaced. An update of another
  /// series, size or list of channels begins the map anew, and so does every one of TILES. A refused update
  /// changes nothing. Memory is taken where a map begins, and only then; cost: the values of the update.
  Outcome add(const result::MapUpdate& update);

  bool empty() const { return arrived_.empty(); }  // before the first update

  /// Newest update without its arrays: kind, size, channels, counts.
  const result::MapUpdate& header() const { return header_; }

  /// The values of a position, one per channel; NaN where it has not arrived.
  std::span<const float> at(std::size_t position) const;

  /// All positions that have arrived as one update, in ascending order.
  result::MapUpdate update() const { return update(0, arrived_.size()); }

  /// The same of positions first ... end - 1 alone, for a receiver that wants small messages.
  result::MapUpdate update(std::size_t first, std::size_t end) const;

 private:
  bool continues(const result::MapUpdate& update) const;
  void begin(const result::MapUpdate& update);
  std::size_t channels() const { return static_cast<std::size_t>(header_.channel_size()); }

  result::MapUpdate header_;
  std::vector<bool> arrived_;  // by position
  std::vector<float> values_;  // (positions, channels)
};

/// An update without its arrays.
result::MapUpdate map_header(const result::MapUpdate& update);

}  // namespace glasswatch

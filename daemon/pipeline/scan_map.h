// The map of a scan: fills as patterns arrive, in any order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "protocol/schema/results.pb.h"
#include "protocol/schema/streams.pb.h"

namespace glasswatch {

/// (rows, columns, channels) of a scan: "power n" (mean over the ring), "coefficient n", with motif scan
/// "score n" and "disc coefficient n", then "mean counts". Positions that have not arrived are NaN. The power
/// of every row k is kept beside, so that another choice of ring rows gives the whole map anew; a scan of
/// more than kMaxValues such values goes without, and one with more than that of channels has no map. Memory:
/// positions * (channels + K N) * 4 bytes, taken when a scan begins. No allocation per frame. One thread.
class ScanMap {
 public:
  static constexpr std::size_t kMaxValues = std::size_t{1} << 28;  // 1 GiB

  /// A series without a scan, or with one too large to keep, has no map.
  void begin_series(std::uint64_t series_id, const stream::SeriesStart& start, const result::Setup& setup,
                    bool motifs);

  /// Ring rows, radii or orders may have changed: powers of the ring are computed again from the rows kept;
  /// what cannot be is NaN from now on.
  void change_rows(const result::Setup& setup);

  void add(const result::FrameResult& frame);

  bool exists() const { return !value_.empty(); }
  bool changed() const { return !dirty_.empty(); }
  bool complete() const { return filled_ == rows_ * columns_; }

  /// Moves what has changed since the last call into `update`. False when nothing has.
  bool take(result::MapUpdate& update);
  /// An update that could not be passed on: its positions are news again.
  void put_back(const result::MapUpdate& update);
  /// All of it, as one update.
  void whole(result::MapUpdate& update) const;

 private:
  void describe(result::MapUpdate& update) const;
  void append(std::uint32_t position, result::MapUpdate& update) const;
  void name_channels(const result::Setup& setup);
  void keep_rows();
  void average_rows(std::uint32_t position);

  std::uint64_t series_id_ = 0;
  std::uint64_t sequence_ = 0;
  std::int64_t received_utc_ns_ = 0;
  double step_nm_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t columns_ = 0;
  std::size_t orders_ = 0;
  std::size_t radii_ = 0;
  std::vector<double> radius_px_;
  bool motifs_ = false;
  std::vector<std::string> channel_;
  std::vector<std::uint8_t> in_ring_;
  std::vector<float> value_;      // (positions, channels)
  std::vector<float> row_power_;  // (positions, K, N)
  std::vector<std::uint8_t> arrived_;
  std::vector<std::uint8_t> is_dirty_;
  std::vector<std::uint32_t> dirty_;
  std::uint64_t filled_ = 0;
};

}  // namespace glasswatch

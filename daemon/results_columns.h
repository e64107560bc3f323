// The datasets of the result file that grow with the frames. All paths are below the group that is given.
#pragma once

#include <H5Cpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/frame_column.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch::hdf5 {

/// frames/*: what every frame has. Creates the group. Throws H5::Exception.
class FrameColumns {
 public:
  explicit FrameColumns(H5::Group& root);
  void add(const result::FrameResult& frame, double pixel_nm);
  void flush();

 private:
  // Creates the group before its columns are.
  struct Folder {
    explicit Folder(H5::Group& root) { root.createGroup("frames"); }
  };
  Folder folder_;
  FrameColumn<std::uint64_t> series_id_, sequence_;
  FrameColumn<std::int64_t> time_;
  FrameColumn<double> exposure_, temperature_, temperature_sigma_, temperature_rate_;
  FrameColumn<std::uint32_t> temperature_status_;
  FrameColumn<double> drift_row_, drift_column_, mean_counts_;
  FrameColumn<std::int64_t> scan_row_, scan_column_;
  FrameColumn<std::uint32_t> flags_;
};

/// symmetry/*: rows, orders and bins are those of `setup`. The group exists. Throws H5::Exception.
class SymmetryColumns {
 public:
  SymmetryColumns(H5::Group& root, const result::Setup& setup);
  void add(const result::Symmetry& symmetry);
  void flush();

 private:
  using Field = const google::protobuf::RepeatedField<double>& (result::Symmetry::*)() const;
  std::vector<std::pair<std::unique_ptr<FrameColumn<double>>, Field>> columns_;
  FrameColumn<double> noise_floor_, center_shift_, center_shift_sigma_;
  FrameColumn<std::uint32_t> ring_state_, status_;
  std::vector<double> absent_, floor_;
};

/// Maps of tiles, one after the other: a group for each geometry. Creates the group. Throws H5::Exception.
class TileColumns {
 public:
  TileColumns(H5::Group& root, const std::string& group, const result::MapUpdate& map);
  bool fits(const result::MapUpdate& map) const;
  void add(const result::MapUpdate& map);
  void flush();

 private:
  hsize_t rows_, columns_;
  int channels_, orders_;
  std::optional<FrameColumn<std::uint64_t>> sequence_;
  std::optional<FrameColumn<float>> power_, ring_mean_, peak_;
};

}  // namespace glasswatch::hdf5

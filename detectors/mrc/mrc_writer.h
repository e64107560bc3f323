// Writes frames as an MRC2014 image stack.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <vector>

#include "detectors/partial_file.h"
#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch {

/// Appears as `path` at close(), is PATH.partial until then, and is removed when never closed. Rows are
/// stored bottom first, as IMOD, SerialEM and RELION expect. The format has no times: the nominal ones of the
/// series stand as text in the header's labels, those of single frames are lost; and no unit of reciprocal
/// space: a calibration in 1/nm stands in a label too. Costs one copy and one pass (minimum, maximum, mean,
/// deviation) over each frame. One thread.
class MrcWriter {
 public:
  /// `frame_count`: how many frames will be added, 0 = not known. Throws UserError when MRC has no such pixel
  /// type (it has i1, i2, u2, f4) or too many frames are to come, and std::runtime_error as PartialFile does.
  MrcWriter(const std::filesystem::path& path, const stream::SeriesStart& start, std::uint64_t frame_count);

  /// Throws std::runtime_error when the frame has not the shape and type of the series, or cannot be written.
  void add(const Frame& frame);
  /// Throws std::runtime_error when no frame, or another number than announced, was added, or the file system
  /// fails.
  void close();

 private:
  /// Of the finite pixels so far; sums in double precision.
  struct Statistics {
    double count = 0;
    double sum = 0;
    double sum_of_squares = 0;
    double minimum = std::numeric_limits<float>::max();
    double maximum = std::numeric_limits<float>::lowest();
    template <typename T>
    void add(const T* pixels, std::size_t pixel_count);
  };
  std::vector<std::byte> header() const;
  void add_labels(std::vector<std::byte>& header) const;

  std::filesystem::path path_;
  stream::SeriesStart start_;
  std::uint64_t announced_;
  std::int32_t mode_;
  PartialFile file_;
  std::vector<std::byte> pixels_;  // of one frame, bottom row first
  Statistics statistics_;
  std::uint64_t frames_ = 0;
  std::int64_t first_exposure_utc_ns_ = 0;
};

}  // namespace glasswatch

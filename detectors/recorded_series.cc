#include "detectors/recorded_series.h"

#include <cstdio>
#include <cstdlib>

#include "detectors/input_error.h"
#include "detectors/utf8.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

void check_count(const std::filesystem::path& path, const char* what, std::uint64_t value,
                 std::uint64_t limit) {
  if (value < 1 || value > limit) {
    throw input_error(path, value, " ", what, "; allowed: 1 to ", limit,
                      "; the file is empty, damaged, or not an image series");
  }
}

}  // namespace

std::uint64_t checked_byte_count(const std::filesystem::path& path, const SeriesShape& shape,
                                 std::uint64_t pixel_bytes) {
  check_count(path, "rows", shape.rows, kMaxFrameEdge);
  check_count(path, "columns", shape.columns, kMaxFrameEdge);
  check_count(path, "frames", shape.frames, kMaxFrames);
  // At most 2^16 * 2^16 * 8 * 2^32 = 2^67: the last factor is checked by division.
  const std::uint64_t bytes_per_frame = shape.rows * shape.columns * pixel_bytes;
  if (shape.frames > (std::uint64_t{1} << 62) / bytes_per_frame) {
    throw input_error(path, shape.frames, " frames of ", bytes_per_frame,
                      " bytes are more than any file holds; the header is damaged");
  }
  return bytes_per_frame * shape.frames;
}

stream::SeriesStart recorded_start(const std::filesystem::path& path, const SeriesShape& shape,
                                   PixelType type) {
  stream::SeriesStart start;
  start.set_name(valid_utf8(path.stem().string()));
  start.set_source_mode(stream::REPLAY);
  start.mutable_clock()->set_name("recording");
  start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  start.mutable_identity()->set_source(valid_utf8(path.filename().string()));
  start.set_expected_frames(shape.frames);
  stream::Camera& camera = *start.mutable_camera();
  camera.set_rows(static_cast<std::uint32_t>(shape.rows));
  camera.set_columns(static_cast<std::uint32_t>(shape.columns));
  camera.set_pixel_type(wire::pixel_type(type));
  camera.set_binning(1);
  if (shape.scan_rows > 0) {
    start.mutable_scan()->set_rows(static_cast<std::uint32_t>(shape.scan_rows));
    start.mutable_scan()->set_columns(static_cast<std::uint32_t>(shape.scan_columns));
  }
  return start;
}

void add_note(stream::SeriesStart& start, const std::string& sentence) {
  std::string& note = *start.mutable_identity()->mutable_note();
  if (!note.empty()) note += ' ';
  note += sentence;
}

void begin_frame(const stream::SeriesStart& start, std::uint64_t index, Frame& frame) {
  if (index >= start.expected_frames()) {
    throw input_error(start.identity().source(), "frame ", index, " was asked for; the file holds ",
                      start.expected_frames());
  }
  if (frame.writable_bytes().size() < frame_bytes(start)) {
    std::fprintf(stderr, "Recording::read: buffer of %zu bytes for a frame of %zu\n",
                 frame.writable_bytes().size(), frame_bytes(start));
    std::abort();
  }
  frame.info = FrameInfo{};
  frame.info.sequence = index;
  frame.info.rows = static_cast<std::int32_t>(start.camera().rows());
  frame.info.columns = static_cast<std::int32_t>(start.camera().columns());
  frame.info.pixel_type = wire::pixel_type(start.camera().pixel_type());
  if (start.has_scan()) {
    frame.info.scan_row = static_cast<std::int32_t>(index / start.scan().columns());
    frame.info.scan_column = static_cast<std::int32_t>(index % start.scan().columns());
  }
}

}  // namespace glasswatch

#include "detectors/recorded/rebuild.h"

#include <optional>
#include <string>
#include <utility>

#include "detectors/input_error.h"
#include "detectors/recorded/block_file.h"
#include "detectors/recorded/file_writer.h"
#include "detectors/utf8.h"
#include "protocol/wire/wire.h"

namespace glasswatch::recorded {
namespace {

// Written to the disk, and forgotten in memory, so often.
constexpr std::size_t kFlushBytes = std::size_t{256} << 20;

std::optional<recording::FileBegin> first_record(const FoundBlocks& blocks) {
  std::optional<recording::FileBegin> begin;
  for_each_record(blocks, [&](std::uint64_t number, const recording::Record& record) {
    if (number == 0 && record.has_begin()) begin = record.begin();
  });
  return begin;
}

// What the first frame knows: enough to write the pixels in their shape.
recording::FileBegin begin_of_frames(const std::filesystem::path& path, const FoundBlocks& blocks) {
  const recording::BlockLabel label = label_of(blocks.frames.front());
  const stream::StreamMessage& header = label.frame().header();
  recording::FileBegin begin;
  begin.set_file_id(blocks.file_id);
  begin.set_series_id(header.series_id());
  begin.set_part(1);
  begin.set_recording_id(blocks.file_id);
  stream::SeriesStart& start = *begin.mutable_start();
  start.set_name(valid_utf8(path.stem().string()));
  start.mutable_clock()->set_name("unknown");
  start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  start.mutable_camera()->set_rows(header.frame().rows());
  start.mutable_camera()->set_columns(header.frame().columns());
  start.mutable_camera()->set_pixel_type(header.frame().pixel_type());
  start.mutable_timing()->set_start_utc_ns(header.frame().exposure_start_utc_ns());
  start.mutable_identity()->set_note(
      "The beginning of the recording was lost: calibration, instrument and nominal times are not known.");
  return begin;
}

class Rebuilder {
 public:
  Rebuilder(const FoundBlocks& blocks, const recording::FileBegin& begin, const std::filesystem::path& target)
      : blocks_(blocks), start_(begin.start()), writer_(target, begin, true) {}

  void run() {
    for_each_in_order(
        blocks_, [&](const FoundBlock& block, const recording::Frame& frame) { add_frame(block, frame); },
        [&](const recording::Record& record) { add_record(record); });
    recording::FileEnd end = end_.value_or(recording::FileEnd());
    if (!end_) end.set_frames_not_recorded(not_recorded_);
    end.set_frames(writer_.frames());
    end.set_reason(end_ ? end_->reason() + "; repaired" : "repaired");
    writer_.close(end);
  }

  std::uint64_t frames() const { return writer_.frames(); }

 private:
  void add_record(const recording::Record& record) {
    const bool gap = record.has_gap() && record.gap().cause() == recording::Gap::NOT_RECORDED;
    if (gap) not_recorded_ += record.gap().count();
    if (record.has_end()) end_ = record.end();
    if (!record.has_begin() && !record.has_end()) writer_.add(record);
  }

  void add_frame(const FoundBlock& block, const recording::Frame& frame) {
    std::string detail;
    if (wire::check_frame(frame.header().frame(), frame_bytes(start_), start_, detail) !=
        wire::Rejection::kNone) {
      return;
    }
    const auto stream = stream_of(block);
    compressed_.assign(stream.begin(), stream.end());
    writer_.add_frame(frame_info(frame), compressed_);
    unflushed_bytes_ += stream.size();
    if (unflushed_bytes_ < kFlushBytes) return;
    writer_.flush();
    unflushed_bytes_ = 0;
  }

  const FoundBlocks& blocks_;
  const stream::SeriesStart start_;
  FileWriter writer_;
  std::size_t unflushed_bytes_ = 0;
  std::uint64_t not_recorded_ = 0;
  std::optional<recording::FileEnd> end_;
  std::vector<std::byte> compressed_;
};

}  // namespace

Rebuilt rebuild(const std::filesystem::path& path, const FoundBlocks& blocks,
                const std::filesystem::path& target) {
  const auto begin = first_record(blocks);
  if (!begin && blocks.frames.empty()) {
    throw input_error(path,
                      "holds neither a frame nor the first record of a recording; nothing can be repaired");
  }
  try {
    Rebuilder rebuilder(blocks, begin ? *begin : begin_of_frames(path, blocks), target);
    rebuilder.run();
    return {.frames = rebuilder.frames(), .beginning_lost = !begin};
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(target, ignored);
    throw;
  }
}

}  // namespace glasswatch::recorded

#include "detectors/recorded/recorded_file.h"

#include <algorithm>
#include <utility>

#include "detectors/hdf5_guard.h"
#include "detectors/input_error.h"
#include "detectors/recorded/block_file.h"
#include "detectors/recorded/record_stream.h"
#include "detectors/recorded/recorded_layout.h"
#include "detectors/recorded_series.h"
#include "detectors/utf8.h"
#include "protocol/wire/wire.h"

namespace glasswatch {

using recorded::Block;
using recorded::RecordStream;
using recorded::repair_advice;

struct RecordedFile::State {
  explicit State(const std::filesystem::path& file_path) : path(file_path), blocks(file_path) {
    read_begin();
    pages = blocks.pages();
    while (blocks.growing() && pages > 1 && !blocks.page(pages - 1)) --pages;
    read_file_end();
    count_frames();
    describe();
  }

  InputError damaged(const char* what, std::uint64_t index) const {
    return input_error(path, what, " ", index, " is missing or damaged; ", repair_advice(path));
  }

  // Hands the records that end in pages [first, last) to `take`; one that begins before is skipped.
  void read_records(std::uint64_t first, std::uint64_t last, const RecordStream::Take& take) {
    RecordStream records;
    for (std::uint64_t index = first; index < last; ++index) read_page(index, records, take);
  }

  void read_page(std::uint64_t index, RecordStream& records, const RecordStream::Take& take) {
    const auto page = blocks.page(index);
    page_bytes.resize(recorded::kJournalPageBytes);
    if (!page || !decoder.decompress(page->bytes, 1, page_bytes) ||
        !records.add(page->label.page(), page_bytes, take)) {
      throw damaged("journal page", index);
    }
  }

  void read_begin() {
    bool found = false;
    RecordStream records;
    for (std::uint64_t index = 0; !found && index < std::max<std::uint64_t>(blocks.pages(), 1); ++index) {
      read_page(index, records, [&](std::uint64_t number, const recording::Record& record) {
        if (number != 0) return;
        begin = record.begin();
        found = true;
      });
    }
    const stream::Camera& camera = begin.start().camera();
    stream::StreamMessage message;
    message.set_schema_version(wire::kSchemaVersion);
    message.set_series_id(begin.series_id());
    *message.mutable_series_start() = begin.start();
    const std::string bytes = message.SerializeAsString();
    constexpr wire::SizeLimits kFormatLimits{.max_rows = kMaxFrameEdge,
                                             .max_columns = kMaxFrameEdge,
                                             .max_frame_bytes = kMaxFrameEdge * kMaxFrameEdge * 8};
    std::string detail;
    if (wire::decode_header(std::as_bytes(std::span(bytes)), kFormatLimits, message, detail) !=
        wire::Rejection::kNone) {
      throw input_error(path, "the beginning of the recording: ", detail, "; ", repair_advice(path));
    }
    if (camera.rows() != blocks.rows() || camera.columns() != blocks.columns() ||
        bytes_per_pixel(wire::pixel_type(camera.pixel_type())) != blocks.pixel_bytes()) {
      throw input_error(path, "frames of ", blocks.rows(), " x ", blocks.columns(), " x ",
                        blocks.pixel_bytes(),
                        " bytes are stored, but the series has others; another program changed the file");
    }
  }

  // The last record of a file that was closed; it may stand alone in the last page, or begin long before.
  void read_file_end() {
    bool found = false;
    for (std::uint64_t count = 1; !found; count *= 4) {
      const std::uint64_t first = pages > count ? pages - count : 0;
      read_records(first, pages, [&](std::uint64_t, const recording::Record& record) {
        found = true;
        file_end.reset();
        if (record.has_end()) file_end = record.end();
      });
      found = found || first == 0;
    }
  }

  // SeriesEnd is among the last records, if the series has ended at all.
  std::optional<stream::SeriesEnd> read_series_end() {
    std::optional<stream::SeriesEnd> end;
    for (std::uint64_t count = 16;; count *= 4) {
      const std::uint64_t first = pages > count ? pages - count : 0;
      read_records(first, pages, [&](std::uint64_t, const recording::Record& record) {
        if (record.has_series_end()) end = record.series_end();
      });
      if (end || first == 0) return end;
    }
  }

  // A file that was not closed may claim frames that had not reached it; one that was closed must hold them
  // all.
  void count_frames() {
    frames = blocks.frames();
    if (!file_end) {
      while (frames > 0 && !blocks.frame(frames - 1)) --frames;
    } else if (file_end->frames() != frames) {
      throw input_error(path, "holds ", frames, " frames, but was closed with ", file_end->frames(), "; ",
                        repair_advice(path));
    }
  }

  void describe() {
    start = begin.start();
    start.set_source_mode(stream::REPLAY);
    start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
    start.mutable_identity()->set_source(valid_utf8(path.filename().string()));
    start.set_recorded_series_id(begin.series_id());
    start_in_file = start;
    start_in_file.set_expected_frames(frames);
  }

  Block frame_block(std::uint64_t index) {
    if (index >= frames) {
      throw input_error(path, "frame ", index, " was asked for; the file holds ", frames);
    }
    auto block = blocks.frame(index);
    if (!block || block->label.file_id() != begin.file_id()) throw damaged("frame", index);
    std::string detail;
    if (wire::check_frame(block->label.frame().header().frame(), frame_bytes(begin.start()), begin.start(),
                          detail) != wire::Rejection::kNone) {
      throw input_error(path, "frame ", index, ": ", detail, "; ", repair_advice(path));
    }
    return std::move(*block);
  }

  std::filesystem::path path;
  recorded::BlockFile blocks;
  recorded::BlockDecoder decoder;
  std::vector<std::byte> page_bytes;
  std::uint64_t pages = 0;   // that are there
  std::uint64_t frames = 0;  // that are there
  recording::FileBegin begin;
  std::optional<recording::FileEnd> file_end;
  stream::SeriesStart start;
  stream::SeriesStart start_in_file;  // what the source expected may be more frames, or unknown
};

RecordedFile::RecordedFile(const std::filesystem::path& path, Origin origin) {
  if (origin == Origin::kAnywhere) {
    probe_in_child(path, [&] {
      State(path).blocks.walk();
      return std::string();
    });
  }
  state_ = std::make_unique<State>(path);
}

RecordedFile::~RecordedFile() = default;

const stream::SeriesStart& RecordedFile::start() const {
  return state_->start;
}
std::uint64_t RecordedFile::frame_count() const {
  return state_->frames;
}
const recording::FileBegin& RecordedFile::begin() const {
  return state_->begin;
}
const std::optional<recording::FileEnd>& RecordedFile::file_end() const {
  return state_->file_end;
}

std::optional<stream::SeriesEnd> RecordedFile::end() const {
  return state_->read_series_end();
}

void RecordedFile::read(std::uint64_t index, Frame& frame) {
  begin_frame(state_->start_in_file, index, frame);
  const Block block = state_->frame_block(index);
  const auto pixels = frame.writable_bytes().first(frame_bytes(state_->start));
  if (!state_->decoder.decompress(block.bytes, state_->blocks.pixel_bytes(), pixels)) {
    throw state_->damaged("frame", index);
  }
  frame.info = recorded::frame_info(block.label.frame());
}

FrameInfo RecordedFile::info(std::uint64_t index) {
  return recorded::frame_info(state_->frame_block(index).label.frame());
}

std::uint64_t RecordedFile::records_before(std::uint64_t index) {
  return state_->frame_block(index).label.frame().records_before();
}

void RecordedFile::for_each_record(const std::function<void(const recording::Record&)>& take) {
  state_->read_records(0, state_->pages,
                       [&](std::uint64_t, const recording::Record& record) { take(record); });
}

bool matches_recorded(const std::filesystem::path& path, std::span<const std::byte> head) {
  return recorded::is_recording(path, head);
}

std::unique_ptr<Recording> open_recorded(const std::filesystem::path& path, const RecordingSettings&) {
  return std::make_unique<RecordedFile>(path);
}

}  // namespace glasswatch

// Recordings for the tests of their writer, and what is in them by their blocks alone.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "detectors/recorded/block.h"
#include "detectors/recorded/file_writer.h"
#include "detectors/recorded/recorded_layout.h"
#include "tests/detectors/sample_files.h"

namespace glasswatch::recorded::writer_samples {

inline constexpr std::uint64_t kFileId = 4711;
inline constexpr std::uint64_t kSeriesId = 12;
inline constexpr std::uint32_t kRows = 16;
inline constexpr std::uint32_t kColumns = 24;

inline recording::FileBegin file_begin(std::uint32_t rows = kRows, std::uint32_t columns = kColumns) {
  recording::FileBegin begin;
  begin.set_file_id(kFileId);
  begin.set_series_id(kSeriesId);
  stream::SeriesStart& start = *begin.mutable_start();
  start.set_name("series");
  start.mutable_camera()->set_rows(rows);
  start.mutable_camera()->set_columns(columns);
  start.mutable_camera()->set_pixel_type(stream::U2);
  return begin;
}

// Pixels of all values, so that a block is about as long as the frame.
inline std::vector<std::uint16_t> pixels(std::uint64_t index, std::size_t count = kRows * kColumns) {
  std::mt19937 random(static_cast<unsigned>(index));
  std::vector<std::uint16_t> values(count);
  for (std::uint16_t& value : values) value = static_cast<std::uint16_t>(random());
  return values;
}

inline FrameInfo frame_info(std::uint64_t sequence) {
  FrameInfo info;
  info.series_id = kSeriesId;
  info.sequence = sequence;
  info.exposure_start_utc_ns = static_cast<std::int64_t>(sequence) * 1000;
  info.exposure_end_utc_ns = info.exposure_start_utc_ns + 900;
  info.received_utc_ns = info.exposure_end_utc_ns + 50;
  info.flags = kFlagLate;
  info.rows = kRows;
  info.columns = kColumns;
  return info;
}

inline void add_frame(FileWriter& writer, std::uint64_t sequence,
                      std::size_t pixel_count = kRows * kColumns) {
  BlockEncoder encoder;
  std::vector<std::byte> block;
  const auto values = pixels(sequence, pixel_count);
  encoder.compress(std::as_bytes(std::span(values)), 2, Effort::kFast, block);
  writer.add_frame(frame_info(sequence), block);
}

inline recording::Record note(const std::string& text, std::int64_t time_ns = 5) {
  recording::Record record;
  record.set_written_utc_ns(time_ns);
  record.mutable_note()->set_text(text);
  return record;
}

inline recording::Record temperature(std::uint64_t sequence, double value_c,
                                     std::uint64_t series_id = kSeriesId) {
  recording::Record record;
  result::FrameResult& frame = *record.mutable_result()->mutable_frame();
  frame.set_series_id(series_id);
  frame.set_sequence(sequence);
  frame.set_flags(kFlagSaturated);
  frame.mutable_temperature()->set_validity(result::VALID);
  frame.mutable_temperature()->set_value_c(value_c);
  return record;
}

// What is in the file by its blocks alone.
struct Blocks {
  std::map<std::uint64_t, recording::Frame> frames;
  std::map<std::uint64_t, std::string> pages;  // the used part of each
  std::map<std::uint64_t, recording::JournalPage> page_labels;
};
inline Blocks blocks_of(const std::filesystem::path& path) {
  Blocks blocks;
  BlockDecoder decoder;
  const std::string bytes = samples::read_file(path);
  find_blocks(std::as_bytes(std::span(bytes)),
              [&](std::size_t, std::span<const std::byte> block, const auto& label) {
                EXPECT_EQ(label.file_id(), kFileId);
                if (label.has_frame()) {
                  blocks.frames[label.frame().index()] = label.frame();
                } else {
                  std::string page(kJournalPageBytes, '?');
                  EXPECT_TRUE(decoder.decompress(block, 1, std::as_writable_bytes(std::span(page))));
                  EXPECT_EQ(page.find_first_not_of('\0', label.page().used_bytes()), std::string::npos);
                  blocks.page_labels[label.page().index()] = label.page();
                  blocks.pages[label.page().index()] = page.substr(0, label.page().used_bytes());
                }
              });
  return blocks;
}

inline std::vector<recording::Record> records_of(const Blocks& blocks) {
  std::string stream;
  for (const auto& [index, page] : blocks.pages) stream += page;
  std::vector<recording::Record> records;
  for (std::size_t at = 0; at < stream.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, stream.data() + at, sizeof length);
    EXPECT_LE(at + sizeof length + length, stream.size());
    EXPECT_TRUE(records.emplace_back().ParseFromString(stream.substr(at + sizeof length, length)));
    at += sizeof length + length;
  }
  return records;
}

class FileWriterTest : public testing::Test {
 protected:
  std::string error_of(const std::function<void()>& function) {
    try {
      function();
    } catch (const WriteError& error) {
      return error.what();
    }
    return "";
  }
  samples::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "series.hspy";
};

}  // namespace glasswatch::recorded::writer_samples

#include "tests/detectors/recording_sample.h"

#include <H5Cpp.h>

#include <array>
#include <random>
#include <stdexcept>

#include "detectors/recorded/block.h"
#include "tests/detectors/sample_files.h"

namespace glasswatch::samples {
namespace {

bool same(const FrameInfo& a, const FrameInfo& b) {
  return a.series_id == b.series_id && a.sequence == b.sequence && a.device_frame_id == b.device_frame_id &&
         a.exposure_start_utc_ns == b.exposure_start_utc_ns &&
         a.exposure_end_utc_ns == b.exposure_end_utc_ns && a.exposure_sigma_ns == b.exposure_sigma_ns &&
         a.sent_utc_ns == b.sent_utc_ns && a.received_utc_ns == b.received_utc_ns && a.flags == b.flags &&
         a.rows == b.rows && a.columns == b.columns && a.pixel_type == b.pixel_type;
}

}  // namespace

recording::FileBegin sample_begin(std::uint32_t rows, std::uint32_t columns) {
  recording::FileBegin begin;
  begin.set_file_id(0xF11E);
  begin.set_series_id(kSampleSeries);
  begin.set_part(1);
  begin.set_recording_id(0x4EC0);
  begin.set_program_version("1.2.3");
  begin.set_configuration_text("camera { }\n");
  stream::SeriesStart& start = *begin.mutable_start();
  start.set_name("heating");
  start.set_source_mode(stream::CONTINUOUS_ACQUISITION);
  start.mutable_clock()->set_name("camera-pc");
  start.mutable_clock()->set_kind(stream::LIVE_CLOCK);
  start.mutable_clock()->set_sigma_s(0.001);
  start.mutable_camera()->set_name("BM-Ceta");
  start.mutable_camera()->set_rows(rows);
  start.mutable_camera()->set_columns(columns);
  start.mutable_camera()->set_pixel_type(stream::U2);
  start.mutable_optics()->set_mode(stream::DIFFRACTION);
  start.mutable_optics()->set_pixel_size(0.02);
  start.mutable_optics()->set_pixel_unit("1/nm");
  start.mutable_timing()->set_start_utc_ns(kSampleStartNs);
  start.mutable_timing()->set_frame_period_s(0.1);
  start.mutable_timing()->set_exposure_s(0.09);
  start.mutable_identity()->set_source("bench");
  start.set_expected_frames(500);
  return begin;
}

std::vector<std::uint16_t> sample_pixels(std::uint64_t sequence, std::size_t count) {
  std::mt19937_64 random(sequence);
  std::vector<std::uint16_t> pixels(count);
  for (std::uint16_t& pixel : pixels) pixel = static_cast<std::uint16_t>(random() & 0xFFF);
  return pixels;
}

FrameInfo sample_info(std::uint64_t index, std::uint32_t rows, std::uint32_t columns) {
  const auto step = static_cast<std::int64_t>(index);
  FrameInfo info;
  info.series_id = kSampleSeries;
  info.sequence = index + index / 5;  // every fifth is followed by a lost one
  info.device_frame_id = 7000 + step;
  info.exposure_start_utc_ns = kSampleStartNs + step * 100'000'000 + step * step;  // no uniform grid
  info.exposure_end_utc_ns = info.exposure_start_utc_ns + 90'000'000;
  info.exposure_sigma_ns = 1000 + step;
  info.sent_utc_ns = info.exposure_end_utc_ns + 5'000'000;
  info.received_utc_ns = info.exposure_end_utc_ns + 9'000'000 + step;
  if (index > 0 && index % 5 == 0) info.flags |= kFlagGapBefore;
  if (index % 7 == 3) info.flags |= kFlagTransferNotOk;
  info.rows = static_cast<std::int32_t>(rows);
  info.columns = static_cast<std::int32_t>(columns);
  info.pixel_type = PixelType::kU2;
  return info;
}

recording::Record note(const std::string& text) {
  recording::Record record;
  record.set_written_utc_ns(kSampleStartNs);
  record.mutable_note()->set_text(text);
  return record;
}

recording::Record sample_record(std::int64_t time_utc_ns, double temperature_c) {
  recording::Record record;
  record.set_written_utc_ns(time_utc_ns);
  record.mutable_sample()->mutable_sample()->set_time_utc_ns(time_utc_ns);
  record.mutable_sample()->mutable_sample()->set_temperature_c(temperature_c);
  record.mutable_sample()->set_received_utc_ns(time_utc_ns + 1000);
  return record;
}

void add_sample_frame(recorded::FileWriter& writer, std::uint64_t index, const recording::FileBegin& begin) {
  const stream::Camera& camera = begin.start().camera();
  const FrameInfo info = sample_info(index, camera.rows(), camera.columns());
  const auto pixels = sample_pixels(info.sequence, std::size_t{camera.rows()} * camera.columns());
  recorded::BlockEncoder encoder;
  std::vector<std::byte> block;
  encoder.compress(std::as_bytes(std::span(pixels)), sizeof pixels[0], recorded::Effort::kCompact, block);
  writer.add_frame(info, block);
}

void add_sample_series(recorded::FileWriter& writer, std::uint64_t frames) {
  for (std::uint64_t i = 0; i < frames; ++i) {
    writer.add(note("note " + std::to_string(i)));
    add_sample_frame(writer, i, sample_begin());
    if (i % 4 == 3) writer.flush();
  }
}

std::vector<std::uint64_t> planted_frames(Recording& recording) {
  std::vector<std::uint64_t> found;
  std::uint64_t index = 0;
  for (std::uint64_t at = 0; at < recording.frame_count(); ++at, ++index) {
    const auto frame = read_frame<std::uint16_t>(recording, at);
    while (sample_info(index).sequence < frame.info.sequence) ++index;
    if (!same(frame.info, sample_info(index)) ||
        frame.pixels != sample_pixels(frame.info.sequence, 32 * 48)) {
      throw std::logic_error("frame " + std::to_string(at) + " is none that was recorded");
    }
    found.push_back(index);
  }
  return found;
}

std::vector<std::string> notes_in(RecordedFile& file) {
  std::vector<std::string> notes;
  file.for_each_record([&](const recording::Record& record) {
    if (record.has_note()) notes.push_back(record.note().text());
  });
  return notes;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> chunk_places(const std::filesystem::path& path,
                                                                  const std::string& object) {
  const H5::H5File file(path.string(), H5F_ACC_RDONLY);
  const H5::DataSet dataset = file.openDataSet(object);
  const H5::DataSpace space = dataset.getSpace();
  std::array<hsize_t, 3> extent{};
  space.getSimpleExtentDims(extent.data());
  std::vector<std::pair<std::uint64_t, std::uint64_t>> places;
  for (hsize_t i = 0; i < extent[0]; ++i) {
    const std::array<hsize_t, 3> chunk = {i, 0, 0};
    unsigned mask = 0;
    haddr_t address = 0;
    hsize_t bytes = 0;
    if (H5Dget_chunk_info_by_coord(dataset.getId(), chunk.data(), &mask, &address, &bytes) < 0) return {};
    places.emplace_back(address, bytes);
  }
  return places;
}

}  // namespace glasswatch::samples

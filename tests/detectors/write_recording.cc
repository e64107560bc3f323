// Writes a recording as told line by line, for recorded_file_format_test.py, which knows the truth by the
// same formulas.
//
//   write_recording PATH PIXEL_TYPE EFFORT     with PIXEL_TYPE u1 ... f8, EFFORT compact, fast or stored
//
// Says "ok 0" when the file is there. Commands on stdin, each answered by one line "ok <frames>": "frames N",
// "flush", "close". The end of stdin ends the program; what was not closed stays as a crash would leave it.
// Pixel (i, r, c) is (7919 i + 31 r + 17 c) mod 251; frame i begins at second i / 4, and is at 100 + i °C but
// every fifth, whose temperature is not known.
#include <cmath>
#include <iostream>
#include <string>

#include "detectors/recorded/block.h"
#include "detectors/recorded/file_writer.h"

namespace glasswatch::recorded {
namespace {

constexpr std::uint32_t kRows = 5;
constexpr std::uint32_t kColumns = 7;
constexpr std::uint64_t kSeriesId = 0x0123456789abcdef;
constexpr std::int64_t kStartUtcNs = 1'683'882'001'500'000'000;  // 2023-05-12T09:00:01.5Z
constexpr std::int64_t kPeriodNs = 250'000'000;
constexpr std::int64_t kExposureNs = 200'000'000;

recording::FileBegin file_begin(PixelType type) {
  recording::FileBegin begin;
  begin.set_file_id(42);
  begin.set_series_id(kSeriesId);
  begin.set_part(1);
  begin.set_recording_id(77);
  begin.set_program_version("1.2.3");
  begin.set_configuration_text("acquisition { exposure_s: 0.2 }");
  begin.set_reason("configured");
  stream::SeriesStart& start = *begin.mutable_start();
  start.set_name("Cu60Zr40 0.5 K/s µ/π");
  start.mutable_camera()->set_name("BM-Ceta");
  start.mutable_camera()->set_rows(kRows);
  start.mutable_camera()->set_columns(kColumns);
  start.mutable_camera()->set_pixel_type(static_cast<stream::PixelType>(type));
  start.mutable_optics()->set_mode(stream::IMAGE);
  start.mutable_optics()->set_high_tension_kv(300);
  start.mutable_optics()->set_camera_length_m(0.115);
  start.mutable_optics()->set_magnification(185'000);
  start.mutable_optics()->set_pixel_size(0.05);
  start.mutable_optics()->set_pixel_unit("nm");
  start.mutable_stage()->set_x_um(-125.5);
  start.mutable_stage()->set_alpha_deg(1.25);
  start.mutable_timing()->set_start_utc_ns(kStartUtcNs);
  start.mutable_timing()->set_exposure_s(0.2);
  start.mutable_timing()->set_frame_period_s(0.25);
  start.mutable_identity()->set_instrument("Themis Z");
  start.mutable_identity()->set_operator_("A. Operator");
  start.mutable_identity()->set_sample("film 7");
  return begin;
}

template <typename T>
std::vector<std::byte> pixels_of(std::uint64_t index) {
  std::vector<std::byte> bytes;
  for (std::uint64_t row = 0; row < kRows; ++row) {
    for (std::uint64_t column = 0; column < kColumns; ++column) {
      const auto value = static_cast<T>((7919 * index + 31 * row + 17 * column) % 251);
      const auto* begin = reinterpret_cast<const std::byte*>(&value);
      bytes.insert(bytes.end(), begin, begin + sizeof value);
    }
  }
  return bytes;
}

std::vector<std::byte> pixels(PixelType type, std::uint64_t index) {
  FrameView view;
  view.type = type;
  return visit_pixels(view, [&]<typename T>(const T*) { return pixels_of<T>(index); });
}

FrameInfo frame_info(PixelType type, std::uint64_t index) {
  FrameInfo info;
  info.series_id = kSeriesId;
  info.sequence = index + 3;
  info.device_frame_id = static_cast<std::int64_t>(1000 + index);
  info.exposure_start_utc_ns = kStartUtcNs + static_cast<std::int64_t>(index) * kPeriodNs;
  info.exposure_end_utc_ns = info.exposure_start_utc_ns + kExposureNs;
  info.exposure_sigma_ns = 1'000'000;
  info.sent_utc_ns = info.exposure_end_utc_ns + 1;
  info.received_utc_ns = info.exposure_end_utc_ns + 2;
  if (index == 0) info.flags = kFlagGapBefore;
  info.rows = kRows;
  info.columns = kColumns;
  info.pixel_type = type;
  return info;
}

recording::Record frame_result(std::uint64_t index) {
  const bool valid = index % 5 != 4;
  recording::Record record;
  record.set_written_utc_ns(kStartUtcNs);
  result::FrameResult& frame = *record.mutable_result()->mutable_frame();
  frame.set_series_id(kSeriesId);
  frame.set_sequence(index + 3);
  frame.set_mean_counts(125);
  if (!valid) frame.set_flags(kFlagTemperatureInvalid);
  result::Temperature& temperature = *frame.mutable_temperature();
  temperature.set_validity(valid ? result::VALID : result::STALE);
  temperature.set_value_c(valid ? 100.0 + static_cast<double>(index) : std::nan(""));
  temperature.set_sigma_c(0.4);
  temperature.set_rate_k_per_s(4);
  frame.mutable_drift()->set_validity(result::VALID);
  frame.mutable_drift()->set_row_nm(0.1 * static_cast<double>(index));
  frame.mutable_drift()->set_column_nm(-0.2 * static_cast<double>(index));
  return record;
}

recording::Record sample(std::uint64_t index) {
  recording::Record record;
  record.set_written_utc_ns(kStartUtcNs);
  record.mutable_sample()->set_received_utc_ns(kStartUtcNs + 5);
  stream::EnvironmentSample& values = *record.mutable_sample()->mutable_sample();
  values.set_time_utc_ns(kStartUtcNs + static_cast<std::int64_t>(index) * kPeriodNs);
  values.set_temperature_c(99.5 + static_cast<double>(index));
  values.set_temperature_set_c(100);
  return record;
}

Effort effort(const std::string& name) {
  if (name == "fast") return Effort::kFast;
  return name == "stored" ? Effort::kStored : Effort::kCompact;
}

PixelType pixel_type(const std::string& name) {
  for (int type = 1; type <= 8; ++type) {
    if (pixel_type_name(static_cast<PixelType>(type)) == name) return static_cast<PixelType>(type);
  }
  throw std::invalid_argument("pixel type " + name + " is unknown; allowed u1 u2 u4 i1 i2 i4 f4 f8");
}

void run(const std::string& path, PixelType type, Effort effort) {
  FileWriter writer(path, file_begin(type), false);
  recording::Record environment;
  environment.mutable_environment_begin()->set_series_id(5);
  writer.add(environment);
  BlockEncoder encoder;
  std::vector<std::byte> block;
  const auto answer = [&] { std::cout << "ok " << writer.frames() << std::endl; };
  answer();
  std::string command;
  while (std::cin >> command) {
    if (command == "frames") {
      std::uint64_t count = 0;
      for (std::cin >> count; count > 0; --count) {
        const std::uint64_t index = writer.frames();
        encoder.compress(pixels(type, index), bytes_per_pixel(type), effort, block);
        writer.add(sample(index));
        writer.add_frame(frame_info(type, index), block);
        writer.add(frame_result(index));
      }
    } else if (command == "flush") {
      writer.flush();
    } else if (command == "close") {
      recording::FileEnd end;
      end.set_frames(writer.frames());
      writer.close(end);
    }
    answer();
  }
}

}  // namespace
}  // namespace glasswatch::recorded

int main(int count, char** arguments) try {
  if (count != 4) throw std::invalid_argument("usage: write_recording PATH PIXEL_TYPE EFFORT");
  namespace recorded = glasswatch::recorded;
  recorded::run(arguments[1], recorded::pixel_type(arguments[2]), recorded::effort(arguments[3]));
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 4;
}

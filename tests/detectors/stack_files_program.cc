// Reads or writes one MRC or TIFF file for stack_files_test.py, which compares it with independent programs.
//   stack_files_program read FORMAT FILE PIXELS      pixels of all frames into PIXELS; facts as JSON to
//   stdout stack_files_program write FORMAT FILE PIXELS TYPE FRAMES ROWS COLUMNS PIXEL_SIZE UNIT PERIOD_S
// FORMAT is mrc or tiff; an error is printed, with exit code 3 for bad input and 4 for everything else.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "detectors/mrc/mrc.h"
#include "detectors/mrc/mrc_writer.h"
#include "detectors/tiff/tiff.h"
#include "detectors/tiff/tiff_writer.h"
#include "protocol/wire/wire.h"
#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

constexpr std::int64_t kStartUtcNs = 1'683'882'000'250'000'000;

void read(const std::string& format, const std::string& path, const std::string& pixels_path) {
  const auto recording = format == "mrc" ? open_mrc(path, {}) : open_tiff(path, {});
  const stream::SeriesStart& start = recording->start();
  std::ofstream pixels(pixels_path, std::ios::binary);
  for (std::uint64_t i = 0; i < recording->frame_count(); ++i) {
    const auto frame = samples::read_frame<char>(*recording, i);
    pixels.write(frame.pixels.data(), static_cast<std::streamsize>(frame.pixels.size()));
  }
  const nlohmann::json facts = {{"frames", recording->frame_count()},
                                {"rows", start.camera().rows()},
                                {"columns", start.camera().columns()},
                                {"type", pixel_type_name(wire::pixel_type(start.camera().pixel_type()))},
                                {"pixel_size", start.optics().pixel_size()},
                                {"pixel_unit", start.optics().pixel_unit()},
                                {"high_tension_kv", start.optics().high_tension_kv()},
                                {"period_s", start.timing().frame_period_s()},
                                {"start_utc_ns", start.timing().start_utc_ns()},
                                {"note", start.identity().note()}};
  std::cout << facts << '\n';
}

template <typename Writer>
void write(const std::string& path, const stream::SeriesStart& start, const std::string& pixels) {
  const std::size_t bytes = frame_bytes(start);
  Writer writer(path, start, start.expected_frames());
  FramePool pool(1, bytes);
  for (std::uint64_t i = 0; i < start.expected_frames(); ++i) {
    Frame frame = pool.acquire();
    frame.info.sequence = i;
    frame.info.rows = static_cast<std::int32_t>(start.camera().rows());
    frame.info.columns = static_cast<std::int32_t>(start.camera().columns());
    frame.info.pixel_type = wire::pixel_type(start.camera().pixel_type());
    frame.info.exposure_start_utc_ns = kStartUtcNs + static_cast<std::int64_t>(i) * 1'000'000'000;
    frame.info.exposure_end_utc_ns = frame.info.exposure_start_utc_ns + 900'000'000;
    std::memcpy(frame.writable_bytes().data(), pixels.data() + i * bytes, bytes);
    writer.add(frame);
  }
  writer.close();
}

stream::SeriesStart series(const std::vector<std::string>& words) {
  stream::SeriesStart start;
  start.set_name("test");
  for (int type = stream::U1; type <= stream::F8; ++type) {
    const auto pixel_type = static_cast<PixelType>(type);
    if (pixel_type_name(pixel_type) == words[4])
      start.mutable_camera()->set_pixel_type(wire::pixel_type(pixel_type));
  }
  start.set_expected_frames(std::stoull(words[5]));
  start.mutable_camera()->set_rows(static_cast<std::uint32_t>(std::stoul(words[6])));
  start.mutable_camera()->set_columns(static_cast<std::uint32_t>(std::stoul(words[7])));
  start.mutable_optics()->set_pixel_size(std::stod(words[8]));
  start.mutable_optics()->set_pixel_unit(words[9]);
  start.mutable_timing()->set_frame_period_s(std::stod(words[10]));
  return start;
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 4 && words[0] == "read") {
    read(words[1], words[2], words[3]);
  } else if (words.size() == 11 && words[0] == "write" && words[1] == "mrc") {
    write<MrcWriter>(words[2], series(words), samples::read_file(words[3]));
  } else if (words.size() == 11 && words[0] == "write") {
    write<TiffWriter>(words[2], series(words), samples::read_file(words[3]));
  } else {
    std::fputs("usage: see the first lines of stack_files_program.cc\n", stderr);
    return kBadUsage;
  }
  return kSuccess;
}

}  // namespace
}  // namespace glasswatch

int main(int argc, char** argv) {
  try {
    return glasswatch::run({argv + 1, argv + argc});
  } catch (const glasswatch::UserError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return glasswatch::kFailed;
  }
}

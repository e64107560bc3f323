#include "detectors/tiff/tiff.h"

#include "tests/detectors/stack_samples.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reader_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::read_as_recording(data, size, glasswatch::open_tiff);
  return 0;
}

// Small files in every arrangement and with the compressions that grey values may have in Debian 12's
// libtiff.
std::vector<std::string> fuzz_seeds() {
  constexpr std::uint16_t kNone = 1;
  // LZW, deflate, PackBits, LZMA, ZSTD
  constexpr std::uint16_t kCompressions[] = {kNone, 5, 8, 32773, 34925, 50000};
  std::vector<std::string> seeds;
  glasswatch::samples::TiffSample sample;
  sample.rows = 4;
  sample.pages.assign(3, "abcdefghijklabcdefghijkl");
  sample.pixels_per_unit = 100;
  for (const char* mode : {"wl", "wb", "w8"}) {
    sample.mode = mode;
    for (const std::uint16_t compression : kCompressions) {
      sample.compression = compression;
      sample.rows_per_strip = 4;
      seeds.push_back(tiff_file(sample));
      sample.rows_per_strip = 3;
      sample.tile = 16;
      seeds.push_back(tiff_file(sample));
      sample.tile = 0;
    }
  }
  sample.mode = "w";
  sample.bits = 8;
  sample.rows = 8;
  sample.rows_per_strip = 8;
  sample.compression = 7;  // JPEG
  seeds.push_back(tiff_file(sample));
  sample.compression = kNone;
  sample.pages.resize(1);
  sample.description = "ImageJ=1.53t\nimages=2\nunit=nm\nfinterval=0.5\nc0=0\n";
  seeds.push_back(tiff_file(sample));
  return seeds;
}

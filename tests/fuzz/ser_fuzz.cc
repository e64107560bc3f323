#include "detectors/tia_ser/tia_ser.h"

#include "tests/detectors/sample_files.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reader_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::read_as_recording(data, size, glasswatch::open_tia_ser);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  glasswatch::samples::SerSample sample;
  sample.rows = 4;
  sample.columns = 3;
  sample.elements.assign(3, std::string(24, 'x'));
  sample.times_s = {1456073345, 1456073346, 0};
  const std::string narrow = ser_file(sample);
  sample.version = 0x0220;
  sample.planned = 4;
  sample.dimensions = {2, 2};
  return {narrow, ser_file(sample)};
}

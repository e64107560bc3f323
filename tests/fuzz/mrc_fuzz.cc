#include "detectors/mrc/mrc.h"

#include "tests/detectors/stack_samples.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reader_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> head(reinterpret_cast<const std::byte*>(data), size);
  glasswatch::matches_mrc("/nonexistent", head);
  glasswatch::fuzz::read_as_recording(data, size, glasswatch::open_mrc);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  glasswatch::samples::MrcSample sample;
  sample.sections = 2;
  sample.data = std::string(24, 'x');
  const std::string plain = mrc_file(sample);
  sample.map_word = false;
  const std::string old = mrc_file(sample);
  sample.map_word = true;
  sample.big_endian = true;
  sample.cell_x_angstrom = sample.cell_y_angstrom = 12;
  const std::string big_endian = mrc_file(sample);
  sample.big_endian = false;
  sample.mode = 0;
  sample.imod = true;
  sample.data = std::string(12, 'x');
  const std::string imod = mrc_file(sample);
  sample.imod = false;
  sample.extended_type = "FEI1";
  sample.extended = glasswatch::samples::fei_record(3e5, 1e-10, 0.5, "BM-Ceta");
  return {plain, old, big_endian, imod, mrc_file(sample)};
}

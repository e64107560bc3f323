#include "detectors/velox_emd/velox_emd.h"

#include "tests/detectors/sample_files.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reader_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::read_as_recording(data, size, glasswatch::open_velox_emd);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  using namespace glasswatch::samples;
  const TemporaryFolder folder;
  VeloxSample sample;
  sample.pixels = {Hdf5Type::kI2, {4, 4, 3}, {4, 4, 2}, 3, std::string(96, 'x')};
  sample.metadata.assign(3, velox_json({.stamp_us = "1575540226238991", .frame_id = 1}));
  sample.metadata_length = 2000;
  write_velox(folder / "seed", {sample});
  return {read_file(folder / "seed")};
}

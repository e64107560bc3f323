#include "detectors/hyperspy/hyperspy.h"

#include "tests/detectors/sample_files.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reader_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::read_as_recording(data, size, glasswatch::open_hyperspy);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  using namespace glasswatch::samples;
  const TemporaryFolder folder;
  HyperspySample sample;
  sample.data = {Hdf5Type::kU2, {2, 3, 4, 4}, {1, 2, 4, 4}, 3, std::string(192, 'x')};
  sample.axes = {{1, "nm", true}, {1, "nm", true}, {0.1, "1/nm", false}, {0.1, "1/nm", false}};
  sample.date = "2023-05-12";
  sample.time = "09:00:00";
  write_hyperspy(folder / "seed", sample);
  return {read_file(folder / "seed")};
}

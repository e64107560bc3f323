#include "detectors/numpy/numpy.h"

#include "tests/detectors/sample_files.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reader_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::read_as_recording(data, size, glasswatch::open_numpy);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  using glasswatch::samples::npy_file;
  return {npy_file("<i2", "(3, 4, 5)", std::string(120, 'x')),
          npy_file("<i8", "(2, 2)", std::string(32, '\1'), 2),
          npy_file("|u1", "(2, 2, 3, 1)", std::string(12, 'y'), 3)};
}

#include "detectors/protochips/protochips.h"

#include "tests/detectors/sample_files.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reader_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::read_as_log(data, size, glasswatch::read_protochips);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  return {
      "Time, Notes, Channel A Temperature, Channel B Current\n"
      "0, Date (yyyy.mm.dd) = 2014.12.03, 25, 0\n"
      "0, Time (hh:mm:ss.ms) = 17:15:37.192, 25, 0\n"
      "0, Time units = Milliseconds, 25, 0\n"
      "0, Temperature units = Degrees C, 25, 0\n"
      "49, a, note, 25.5, 1e-6\n"
      "99, , NaN, 0\n"};
}

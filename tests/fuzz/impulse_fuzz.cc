#include "detectors/impulse/impulse.h"

#include "tests/detectors/sample_files.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reader_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::read_as_log(data, size, glasswatch::read_impulse);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  return {
      "TimeStamp,Experiment time,Temperature Measured (\xB0"
      "C),Power (mW)\r\n"
      "23:59:59.811,6.749,1.05,2\r\n00:00:00.336,7.274,nan,\r\n",
      "TimeStamp,Experiment time,Temperature Measured\n13:40:25.811,6.749,1.05\n"};
}

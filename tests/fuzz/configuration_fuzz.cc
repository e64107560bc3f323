#include "protocol/configuration/configuration.h"

#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glasswatch;
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    // What is accepted must be printable and be accepted again.
    const std::string effective = effective_text(parse_configuration(text, "fuzz", "/"));
    parse_configuration(effective, "fuzz", "/");
  } catch (const ConfigurationError&) {
    // refused with a reason: fine
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  return {
      "calibration { center_row_px: 1 center_col_px: 2 k_per_px_inv_nm: 0.1 }\n"
      "symmetry { r_min_px: 3 r_max_px: 9 orders: [2, 4] ring_min_inv_nm: 0.4 ring_max_inv_nm: 0.8 }\n",
      "trigger { name: \"a\" quantity: MEAN_COUNTS threshold: 1.5 require_temperature: false }\n"
      "acquisition { frame_period_s: 5 exposure_s: 4 start_utc: \"2023-05-12T09:00:00Z\" }"};
}

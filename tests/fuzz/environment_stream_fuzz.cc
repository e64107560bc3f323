#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/stream_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::converse("axon", data, size);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  using namespace glasswatch;
  stream::StreamMessage message;
  message.set_schema_version(wire::kSchemaVersion);
  message.set_series_id(7);
  message.mutable_environment_start()->mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  std::string seed = fuzz::pack({"environment", message.SerializeAsString()});
  for (const std::uint64_t sequence : {0, 1, 4, 2}) {
    message.set_sequence(sequence);
    message.mutable_environment()->set_time_utc_ns(static_cast<std::int64_t>(sequence) * 75'000'000);
    message.mutable_environment()->set_temperature_c(400);
    seed += fuzz::pack({"environment", message.SerializeAsString()});
  }
  message.mutable_series_end()->set_count(5);
  seed += fuzz::pack({"environment", message.SerializeAsString()});
  return {seed};
}

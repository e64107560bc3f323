#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/stream_input.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::converse("ceta", data, size);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  using namespace glasswatch;
  stream::StreamMessage start;
  start.set_schema_version(wire::kSchemaVersion);
  start.set_series_id(7);
  start.mutable_series_start()->set_name("fuzz");
  start.mutable_series_start()->mutable_clock()->set_kind(stream::LIVE_CLOCK);
  auto& camera = *start.mutable_series_start()->mutable_camera();
  camera.set_rows(4);
  camera.set_columns(5);
  camera.set_pixel_type(stream::I2);
  std::string seed = fuzz::pack({"camera", start.SerializeAsString()});
  for (const std::uint64_t sequence : {0, 1, 3, 2, 3}) {
    stream::StreamMessage frame;
    FrameInfo info;
    info.series_id = 7;
    info.sequence = sequence;
    info.rows = 4;
    info.columns = 5;
    info.pixel_type = PixelType::kI2;
    wire::encode_frame_info(info, frame);
    seed += fuzz::pack({"camera", frame.SerializeAsString(), std::string(40, 'p')});
  }
  stream::StreamMessage end;
  end.set_schema_version(wire::kSchemaVersion);
  end.set_series_id(7);
  end.mutable_series_end()->set_count(5);
  seed += fuzz::pack({"camera", end.SerializeAsString()});
  return {seed};
}

#include <stdexcept>

#include "detectors/recorded/found_blocks.h"
#include "detectors/recorded/recorded_file.h"
#include "tests/detectors/recording_sample.h"
#include "tests/detectors/sample_files.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/reader_input.h"

// Reading, and what repair does before it writes.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  glasswatch::fuzz::read_as_recording(data, size, glasswatch::open_recorded);
  glasswatch::fuzz::read_as_log(data, size, glasswatch::read_recorded_environment);
  using namespace glasswatch::recorded;
  const FoundBlocks blocks = find_recording(std::as_bytes(std::span(data, size)));
  for_each_in_order(
      blocks,
      [](const FoundBlock& block, const glasswatch::recording::Frame&) {
        if (stream_of(block).size() >= block.bytes.size()) throw std::logic_error("a block is all stream");
      },
      [](const glasswatch::recording::Record&) {});
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  using namespace glasswatch;
  const samples::TemporaryFolder folder;
  const auto write = [&](std::string_view name, bool close) {
    const recording::FileBegin begin = samples::sample_begin(4, 6);
    {
      recorded::FileWriter writer(folder / name, begin, false);
      for (std::uint64_t i = 0; i < 3; ++i) {
        writer.add(samples::sample_record(1'000'000 * static_cast<std::int64_t>(i), 25));
        samples::add_sample_frame(writer, i, begin);
        writer.flush();
      }
      recording::FileEnd end;
      end.set_frames(3);
      if (close) writer.close(end);
    }
    return samples::read_file(folder / name);
  };
  return {write("closed", true), write("left open", false)};
}

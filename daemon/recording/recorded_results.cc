#include "daemon/recording/recorded_results.h"

#include <optional>

#include "daemon/results_file.h"
#include "detectors/recorded/recorded_file.h"
#include "protocol/client/whole_map.h"

namespace glasswatch {
namespace {

// What the end of the journal knows: the axes hold for the frames of the last settings only.
struct Summary {
  std::optional<result::Setup> setup;
  std::optional<result::Dynamics> dynamics;
  WholeMap scan;
  std::uint64_t frames = 0;
};

Summary summarize(RecordedFile& file) {
  Summary summary;
  file.for_each_record([&](const recording::Record& record) {
    if (!record.has_result()) return;
    const result::ResultMessage& message = record.result();
    if (message.has_setup()) summary.setup = message.setup();
    if (message.has_frame()) ++summary.frames;
    if (message.has_dynamics()) summary.dynamics = message.dynamics();
    if (message.has_map() && message.map().kind() == result::MapUpdate::SCAN) summary.scan.add(message.map());
  });
  return summary;
}

}  // namespace

void add_results(const std::filesystem::path& recording) {
  std::optional<RecordedFile> file(std::in_place, recording, RecordedFile::Origin::kThisProcess);
  const Summary summary = summarize(*file);
  if (!summary.setup || summary.frames == 0) return;
  const result::Setup& setup = *summary.setup;
  file.reset();  // for writing first: HDF5 then opens it for reading as well, but not the other way round
  ResultsFile results(recording, "results", setup);
  file.emplace(recording, RecordedFile::Origin::kThisProcess);
  const stream::SeriesStart& start = file->begin().start();
  const std::uint64_t series_id = file->begin().series_id();
  results.begin_series(series_id, start);
  result::FrameResult frame;
  file->for_each_record([&](const recording::Record& record) {
    const result::ResultMessage& message = record.result();
    if (message.has_frame() && message.frame().configuration_digest() == setup.configuration_digest()) {
      frame = message.frame();
      if (start.recorded_series_id() != 0)
        frame.set_series_id(start.recorded_series_id());  // of the original
      results.add(frame);
    }
    if (message.has_map() && message.map().kind() == result::MapUpdate::TILES) results.add_map(message.map());
  });
  if (!summary.scan.empty()) results.add_map(summary.scan.update());
  if (summary.dynamics) results.add_dynamics(*summary.dynamics);
  results.finish(setup);
}

}  // namespace glasswatch

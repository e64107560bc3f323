#include "simulators/replay_recordings.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "detectors/recorded/journal_facts.h"
#include "detectors/recorded/recorded_file.h"
#include "protocol/configuration/text.h"
#include "simulators/message.h"

namespace glasswatch::simulation {
namespace {

class ScanRecording final : public Recording {
 public:
  ScanRecording(std::unique_ptr<Recording> recording, std::uint32_t rows, std::uint32_t columns)
      : recording_(std::move(recording)), columns_(columns), start_(recording_->start()) {
    const std::uint64_t positions = std::uint64_t{rows} * columns;
    start_.set_expected_frames(std::min(positions, recording_->frame_count()));
    start_.mutable_scan()->set_rows(rows);
    start_.mutable_scan()->set_columns(columns);
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return start_.expected_frames(); }

  std::optional<stream::SeriesEnd> end() const override {
    return frame_count() == recording_->frame_count() ? recording_->end() : std::nullopt;
  }

  void read(std::uint64_t index, Frame& frame) override {
    recording_->read(index, frame);
    frame.info.scan_row = static_cast<std::int32_t>(index / columns_);
    frame.info.scan_column = static_cast<std::int32_t>(index % columns_);
  }

 private:
  std::unique_ptr<Recording> recording_;
  std::uint32_t columns_;
  stream::SeriesStart start_;
};

// Of a recording as it will be played.
double length_s(const Recording& recording, const InputSettings& settings) {
  std::uint64_t frames = recording.frame_count() * settings.repeat;
  if (settings.scan) frames = std::min(frames, std::uint64_t{settings.scan->rows} * settings.scan->columns);
  return recording.start().timing().frame_period_s() * static_cast<double>(frames);
}

// Files in the order given, before they are put together.
class Files {
 public:
  Files(const InputSettings& settings, bool environment)
      : settings_(settings), environment_(environment), next_(settings.recording) {}

  void open(const std::string& path) {
    auto recording = open_recording(path, next_);
    if (next_.start_utc_ns) *next_.start_utc_ns += to_ns(length_s(*recording, settings_));
    const std::int64_t start_utc_ns = recording->start().timing().start_utc_ns();
    if (!recordings_.empty() && start_utc_ns < last_start_utc_ns_) finish_act();
    last_start_utc_ns_ = start_utc_ns;
    if (auto* const file = dynamic_cast<RecordedFile*>(recording.get())) {
      look_into(*file, path);
    } else {
      first_sequences_.emplace_back();
      recording_id_ = 0;
    }
    recordings_.push_back(std::move(recording));
  }

  ReplayMaterial finish() {
    finish_act();
    return std::move(material_);
  }

 private:
  void look_into(RecordedFile& file, const std::string& path) {
    const JournalFacts facts = journal_facts(file);
    const std::uint64_t id = file.begin().recording_id();
    const bool further_part = id != 0 && id == recording_id_;
    if (!further_part) first_sequences_.emplace_back(facts.first_sequence);
    recording_id_ = id;
    if (!environment_ || !facts.samples) return;
    logs_.push_back(read_recorded_environment(path, {}));
    for (const std::string& remark : logs_.back().remarks) {
      material_.notes.push_back(text::concatenate(path, ": ", remark));
    }
  }

  void finish_act() {
    ReplayAct act;
    act.log = join_logs(std::exchange(logs_, {}));
    auto recordings = join_parts(std::exchange(recordings_, {}));
    for (std::size_t i = 0; i < recordings.size(); ++i) {
      act.inputs.push_back(as_set(std::move(recordings[i]), first_sequences_.at(i)));
    }
    first_sequences_.clear();
    recording_id_ = 0;
    material_.acts.push_back(std::move(act));
  }

  ReplayInput as_set(std::unique_ptr<Recording> recording,
                     std::optional<std::uint64_t> first_sequence) const {
    if (settings_.preload_bytes) {
      recording = preload_recording(std::move(recording), *settings_.preload_bytes);
    }
    if (settings_.repeat > 1) {
      recording = repeat_recording(std::move(recording), settings_.repeat);
      first_sequence.reset();  // its numbers begin at 0
    }
    if (const auto& scan = settings_.scan) {
      recording = scan_recording(std::move(recording), scan->rows, scan->columns);
    }
    return {std::move(recording), first_sequence};
  }

  const InputSettings& settings_;
  bool environment_;
  RecordingSettings next_;  // for the next file
  std::int64_t last_start_utc_ns_ = 0;
  std::vector<std::unique_ptr<Recording>> recordings_;
  std::vector<EnvironmentLog> logs_;
  std::vector<std::optional<std::uint64_t>> first_sequences_;  // of the recordings, joined
  std::uint64_t recording_id_ = 0;                             // of the last file; 0 = not of ours
  ReplayMaterial material_;
};

}  // namespace

std::unique_ptr<Recording> scan_recording(std::unique_ptr<Recording> recording, std::uint32_t rows,
                                          std::uint32_t columns) {
  return std::make_unique<ScanRecording>(std::move(recording), rows, columns);
}

ReplayMaterial open_inputs(const std::vector<std::string>& paths, const InputSettings& settings,
                           bool environment) {
  Files files(settings, environment);
  for (const std::string& path : paths) files.open(path);
  return files.finish();
}

EnvironmentLog join_logs(std::vector<EnvironmentLog> logs) {
  if (logs.empty()) return {};
  EnvironmentLog joined = std::move(logs.front());
  std::unordered_set<std::string> known;
  for (std::size_t i = 1, counted = 0; i < logs.size(); ++i) {
    for (; counted < joined.samples.size(); ++counted)
      known.insert(joined.samples[counted].SerializeAsString());
    for (stream::EnvironmentSample& sample : logs[i].samples) {
      if (!known.contains(sample.SerializeAsString())) joined.samples.push_back(std::move(sample));
    }
  }
  return joined;
}

}  // namespace glasswatch::simulation

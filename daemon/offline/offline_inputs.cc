#include "daemon/offline/offline_inputs.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "detectors/recorded/journal_facts.h"
#include "detectors/recorded/recorded_file.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

bool same_source(stream::EnvironmentStart a, stream::EnvironmentStart b) {
  a.mutable_identity()->clear_source();  // the file's name
  b.mutable_identity()->clear_source();
  return a.SerializeAsString() == b.SerializeAsString();
}

// Appends the samples of a log that goes on where another of the same source ends; what both hold is taken
// once. False when it does not go on.
bool append(EnvironmentLog& log, const EnvironmentLog& next) {
  const stream::EnvironmentSample& last = log.samples.back();
  if (!same_source(log.start, next.start)) return false;
  const auto is_last = [&](const stream::EnvironmentSample& sample) {
    return sample.time_utc_ns() == last.time_utc_ns() &&
           sample.SerializeAsString() == last.SerializeAsString();
  };
  const auto overlap = std::find_if(next.samples.rbegin(), next.samples.rend(), is_last).base();
  const bool apart = overlap == next.samples.begin();
  if (apart && next.samples.front().time_utc_ns() < last.time_utc_ns()) return false;
  log.samples.insert(log.samples.end(), overlap, next.samples.end());
  return true;
}

// Collects the recordings one by one.
class Inputs {
 public:
  Inputs(const OfflineRequest& request, const std::function<void(const std::string&)>& remark)
      : request_(request), remark_(remark) {}

  void open(const std::string& path) {
    auto recording = open_recording(path, request_.settings);
    auto* recorded = dynamic_cast<RecordedFile*>(recording.get());
    const std::uint64_t recording_id = recorded != nullptr ? recorded->begin().recording_id() : 0;
    const JournalFacts facts = recorded != nullptr ? journal_facts(*recorded) : JournalFacts{};
    if (recording_id == 0 || recording_id != last_recording_id_) {
      names_.push_back(path);
      first_sequences_.push_back(facts.first_sequence);
    }
    last_recording_id_ = recording_id;
    if (facts.samples && request_.environment.empty()) add_environment(path);
    recordings_.push_back(std::move(recording));
  }

  OfflineInputs finish() {
    recordings_ = join_parts(std::move(recordings_));
    OfflineInputs inputs;
    for (std::size_t i = 0; i < recordings_.size(); ++i) {
      const std::uint64_t recorded_id = recordings_[i]->start().recorded_series_id();
      OfflineSeries series{names_.at(i), std::move(recordings_[i]), recorded_id != 0 ? recorded_id : i + 1,
                           first_sequences_.at(i)};
      if (request_.repeat > 1) {
        series.recording = repeat_recording(std::move(series.recording), request_.repeat);
        series.first_sequence = 0;
      }
      inputs.series.push_back(std::move(series));
    }
    inputs.environments = std::move(environments_);
    return inputs;
  }

  void read_log() {
    EnvironmentLog log = read_environment_log(request_.environment, request_.environment_settings);
    tell_remarks(request_.environment, log);
    environments_.push_back({0, std::move(log)});
  }

 private:
  void tell_remarks(const std::string& path, const EnvironmentLog& log) {
    for (const std::string& remark : log.remarks) remark_(text::concatenate(path, ": ", remark));
  }

  void add_environment(const std::string& path) {
    EnvironmentLog log = read_recorded_environment(path, request_.environment_settings);
    tell_remarks(path, log);
    if (environments_.empty() || !append(environments_.back().log, log)) {
      environments_.push_back({names_.size() - 1, std::move(log)});
    }
  }

  const OfflineRequest& request_;
  const std::function<void(const std::string&)>& remark_;
  std::vector<std::unique_ptr<Recording>> recordings_;
  std::vector<std::string> names_;              // of the series
  std::vector<std::uint64_t> first_sequences_;  // of the series
  std::vector<SeriesEnvironment> environments_;
  std::uint64_t last_recording_id_ = 0;
};

}  // namespace

OfflineInputs open_inputs(const OfflineRequest& request,
                          const std::function<void(const std::string&)>& remark) {
  Inputs inputs(request, remark);
  for (const std::string& path : request.inputs) inputs.open(path);
  if (!request.environment.empty()) inputs.read_log();
  return inputs.finish();
}

}  // namespace glasswatch

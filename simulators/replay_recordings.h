// What a replay plays: recordings put together, or played otherwise than they were taken, and their samples.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "detectors/environment_log.h"
#include "detectors/recording.h"
#include "simulators/replay_feeds.h"

namespace glasswatch::simulation {

/// The same recording as a scan: frame i is at row i / columns, column i % columns. Frames beyond the last
/// position are left out, positions beyond the last frame stay empty. rows, columns >= 1.
std::unique_ptr<Recording> scan_recording(std::unique_ptr<Recording> recording, std::uint32_t rows,
                                          std::uint32_t columns);

struct ScanShape {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
};

struct InputSettings {
  RecordingSettings recording;
  std::optional<std::size_t> preload_bytes;  // into memory, each at most so much
  std::uint64_t repeat = 1;
  std::optional<ScanShape> scan;
};

/// What is played one after the other, on one environment series.
struct ReplayAct {
  std::vector<ReplayInput> inputs;
  EnvironmentLog log;  // of the holder, as far as the inputs have it; without samples: they have none
};

struct ReplayMaterial {
  std::vector<ReplayAct> acts;
  std::vector<std::string> notes;  // what a careful user should know, one line each, with the file
};

/// Opens the inputs, joins parts of one recording, and plays each as the settings say. A given start is that
/// of the first; each further one begins where the one before ended. An input that starts before the one
/// before it begins another act. With `environment`, collects the samples that recordings of ours hold; one
/// that several files hold is there once. Throws InputError.
ReplayMaterial open_inputs(const std::vector<std::string>& paths, const InputSettings& settings,
                           bool environment);

/// One log of several, in their order, under the name of the first. Samples of one log that an earlier one
/// holds too, bit for bit, are left out; repeated samples within a log stay.
EnvironmentLog join_logs(std::vector<EnvironmentLog> logs);

}  // namespace glasswatch::simulation

// The inputs of an offline run: files of any known format, the parts of one recording joined.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "daemon/offline/offline_run.h"
#include "detectors/environment_log.h"

namespace glasswatch {

struct OfflineRequest {
  std::vector<std::string> inputs;
  std::uint64_t repeat = 1;  // each input that many times without a pause
  RecordingSettings settings;
  std::string environment;  // empty: what the recordings among the inputs hold
  EnvironmentLogSettings environment_settings;
};

struct OfflineInputs {
  std::vector<OfflineSeries> series;
  std::vector<SeriesEnvironment> environments;
};

/// Opens everything; `remark` is told what a careful reader should know. Our own recordings keep the identity
/// of their series; others get 1, 2, ... Throws InputError.
OfflineInputs open_inputs(const OfflineRequest& request,
                          const std::function<void(const std::string&)>& remark);

}  // namespace glasswatch

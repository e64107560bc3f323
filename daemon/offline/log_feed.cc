#include "daemon/offline/log_feed.h"

#include <algorithm>

namespace glasswatch {

void LogFeed::begin_series(std::size_t series) {
  const EnvironmentLog* log = nullptr;
  for (const SeriesEnvironment& environment : environments_) {
    if (environment.first_series <= series) log = &environment.log;
  }
  first_frame_ = true;
  if (log == nullptr || log == log_) return;
  log_ = log;
  begin_log();
}

void LogFeed::begin_log() {
  pipeline_.begin_environment({1, log_->start});
  next_ = 0;
  newest_utc_ns_ = 0;
}

void LogFeed::advance(const Frame& frame) {
  if (log_ == nullptr) return;
  const std::int64_t end_utc_ns = frame.info.exposure_end_utc_ns;
  if (first_frame_ && end_utc_ns < newest_utc_ns_) begin_log();
  first_frame_ = false;
  newest_utc_ns_ = std::max(newest_utc_ns_, end_utc_ns);
  while (!pipeline_.ready(frame) && next_ < log_->samples.size()) {
    pipeline_.add_environment({log_->samples[next_++], 0, 0});
  }
  if (next_ == log_->samples.size()) pipeline_.end_environment();
}

}  // namespace glasswatch

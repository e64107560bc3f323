// The simulated camera: series of exposures in simulated time, with the truth about each kept.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "protocol/wire/random_id.h"
#include "simulators/feed.h"
#include "simulators/heater.h"
#include "simulators/ring_pattern.h"

namespace glasswatch::simulation {

/// What is common to all instruments of one run.
struct RunSettings {
  std::int64_t start_utc_ns = 0;
  std::int64_t end_utc_ns = 0;  // no exposure ends after it
  stream::ClockKind clock = stream::RECORDED_CLOCK;
  std::function<std::uint64_t()> new_series_id = wire::random_id;
};

/// The planted truth of one frame.
struct FrameTruth {
  std::uint64_t series_id = 0;
  std::uint64_t sequence = 0;
  std::int64_t time_utc_ns = 0;  // start of exposure
  double temperature_c = 0;      // mean over the exposure
  double amplitude = 0;          // a at the temperature of mid-exposure
  double power = 0;              // a^2 / 4, of the planted order
  bool burst = false;
};

class VirtualCamera : public Feed {
 public:
  /// The heater must outlive the camera.
  VirtualCamera(const scenario::Scenario& scenario, const Heater& heater, RunSettings run);

  std::optional<std::int64_t> due_utc_ns() override;
  Message take() override;
  void finish(stream::SeriesEnd::Reason reason, const std::string& note) override;

  /// Ends the present series and takes `frames` frames at `period_s` from `now` on, each exposed
  /// min(exposure_s, 0.9 period_s) with the dose in proportion; then begins an ordinary series again if one
  /// was running. Returns what was done; empty when nothing was because a burst is under way or no frame fits
  /// any more.
  std::string burst(std::uint64_t frames, double period_s, const std::string& reason,
                    std::int64_t now_utc_ns);

  /// Ends the present series; false when none is running.
  bool stop_series(const std::string& note, std::int64_t now_utc_ns);

  bool bursting() const { return running_ && series_.burst; }
  const std::vector<FrameTruth>& truth() const { return truth_; }

 private:
  struct Series {
    std::uint64_t id = 0;
    std::int64_t start_utc_ns = 0;
    std::int64_t period_ns = 0;
    std::int64_t exposure_ns = 0;
    std::uint64_t frames = 0;  // 0 = until the run ends
    std::uint64_t taken = 0;
    bool burst = false;

    std::int64_t exposure_start() const {
      return start_utc_ns + static_cast<std::int64_t>(taken) * period_ns;
    }
    std::int64_t exposure_end() const { return exposure_start() + exposure_ns; }
  };
  struct Announcement {
    std::int64_t due_utc_ns;
    Message message;
  };

  bool begin(std::int64_t start_utc_ns, double period_s, double exposure_s, std::uint64_t frames,
             const std::string& reason);
  void end(stream::SeriesEnd::Reason reason, const std::string& note, std::int64_t due_utc_ns);
  Message take_frame();
  void after_frame();
  double seconds(std::int64_t utc_ns) const { return static_cast<double>(utc_ns - run_.start_utc_ns) * 1e-9; }

  scenario::Scenario scenario_;
  const Heater& heater_;
  RunSettings run_;
  RingPattern pattern_;
  std::deque<Announcement> announcements_;  // starts and ends; they go before the next frame
  Series series_;
  bool running_ = false;
  bool resume_ = false;  // begin an ordinary series after the burst
  std::int64_t busy_until_utc_ns_;
  std::vector<FrameTruth> truth_;
};

}  // namespace glasswatch::simulation

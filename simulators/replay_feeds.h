// Recordings and temperature logs as feeds, at their original times.
#pragma once

#include <deque>
#include <limits>
#include <memory>
#include <vector>

#include "detectors/environment_log.h"
#include "detectors/recording.h"
#include "protocol/wire/random_id.h"
#include "simulators/feed.h"

namespace glasswatch::simulation {

/// Which frames are played: those whose exposure starts in [start_s, stop_s), seconds after the first
/// recorded frame.
struct ReplayWindow {
  double start_s = 0;
  double stop_s = std::numeric_limits<double>::infinity();

  bool everything() const { return start_s <= 0 && stop_s == std::numeric_limits<double>::infinity(); }
};

/// Each recording becomes one series under a new id, in the order given. Sequence numbers are the recorded
/// ones, counted from the first frame played, so that recorded gaps stay gaps. Reads one frame ahead. Throws
/// InputError while playing when a file does not deliver a frame.
class ReplayCamera : public Feed {
 public:
  ReplayCamera(std::vector<std::unique_ptr<Recording>> recordings, const ReplayWindow& window);

  std::optional<std::int64_t> due_utc_ns() override;
  Message take() override;
  void finish(stream::SeriesEnd::Reason reason, const std::string& note) override;

 private:
  void load_next_frame();
  bool advance();
  Message take_start();
  Message take_frame();
  Message take_end(stream::SeriesEnd::Reason reason, const std::string& note);

  std::deque<std::unique_ptr<Recording>> recordings_;  // the front one is playing
  ReplayWindow window_;
  std::optional<std::int64_t> first_utc_ns_;  // first recorded exposure of all
  std::uint64_t next_index_ = 0;              // in the front recording
  Frame frame_;                               // read, not yet taken; false = none left in the front recording
  std::uint64_t series_id_ = 0;               // 0 = start not sent
  std::uint64_t first_sequence_ = 0;
  std::uint64_t played_ = 0;
  std::int64_t last_due_utc_ns_ = 0;
  std::optional<Message> last_words_;
  bool finished_ = false;
};

/// A log as one series of samples, in file order. A sample whose time goes back is due with the latest before
/// it.
class ReplayHolder : public Feed {
 public:
  explicit ReplayHolder(EnvironmentLog log);

  std::optional<std::int64_t> due_utc_ns() override;
  Message take() override;
  void finish(stream::SeriesEnd::Reason reason, const std::string& note) override;

 private:
  EnvironmentLog log_;
  std::uint64_t series_id_ = wire::random_id();
  std::size_t next_ = 0;
  bool started_ = false;
  bool ended_ = false;
  std::int64_t latest_utc_ns_;
  stream::SeriesEnd end_;
};

}  // namespace glasswatch::simulation

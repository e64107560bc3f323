// Recordings and temperature logs as feeds, at their original times.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "detectors/environment_log.h"
#include "detectors/recording.h"
#include "simulators/feed.h"
#include "simulators/replay_window.h"

namespace glasswatch::simulation {

struct ReplayInput {
  std::unique_ptr<Recording> recording;
  // Where its numbers begin, if frames before the first one in it were missed; otherwise with that frame.
  std::optional<std::uint64_t> first_sequence;
};

/// Each input becomes one series under a new id, in the order given. Sequence numbers are the recorded ones:
/// gaps stay gaps, frames that came late come late. The start announces the lowest number of those to come,
/// so that what was not played does not count as lost, or the input's own beginning. An input that is played
/// to its end ends as it did, with what was lost after its last frame. Reads one frame ahead, and up to
/// FrameCursor::kPlaces at the start of a series whose first number is not 0. Throws InputError while playing
/// when a file does not deliver a frame.
class ReplayCamera : public Feed {
 public:
  ReplayCamera(std::vector<ReplayInput> inputs, const ReplayWindow& window);

  /// Everything once more, under new series ids.
  void rewind();

  std::optional<std::int64_t> due_utc_ns() override;
  Message take() override;
  void finish(stream::SeriesEnd::Reason reason, const std::string& note) override;

 private:
  Recording& recording() { return *inputs_[playing_].recording; }
  bool advance();
  std::uint64_t first_sequence();
  stream::SeriesEnd recorded_end();
  Message message() const;
  Message take_start();
  Message take_frame();
  Message take_end(const stream::SeriesEnd& end);

  std::vector<ReplayInput> inputs_;
  ReplayWindow window_;
  std::size_t playing_ = 0;
  std::optional<FrameCursor> cursor_;  // of the input that is playing
  Frame frame_;                        // read, not yet taken
  bool exhausted_ = false;             // the input that is playing has no further frame
  std::uint64_t series_id_ = 0;        // 0 = start not sent
  std::uint64_t next_sequence_ = 0;    // above all that were played
  std::int64_t latest_due_utc_ns_ = 0;
  std::optional<Message> last_words_;
  bool finished_ = false;
};

/// A log as one series of samples, in file order. A sample whose time goes back is due with the latest before
/// it. Always whole from its first sample, whatever the window of frames: estimators of temperature learn
/// from all of them, the scale of their noise for one. A log without samples is silent.
class ReplayHolder : public Feed {
 public:
  explicit ReplayHolder(EnvironmentLog log);

  /// Everything once more, under a new series id.
  void rewind();

  std::optional<std::int64_t> due_utc_ns() override;
  Message take() override;
  void finish(stream::SeriesEnd::Reason reason, const std::string& note) override;

 private:
  EnvironmentLog log_;
  std::uint64_t series_id_ = 0;
  std::size_t next_ = 0;
  std::size_t stop_ = 0;  // samples up to here are played
  bool started_ = false;
  bool ended_ = false;
  std::int64_t latest_utc_ns_ = 0;
  stream::SeriesEnd end_;
};

}  // namespace glasswatch::simulation

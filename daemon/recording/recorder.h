// The recorder: a thread that puts on disk what the sources deliver and what the analysis makes of it.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "daemon/bounded_queue.h"
#include "daemon/outbound.h"
#include "daemon/recording/disk_plan.h"
#include "daemon/recording/frame_copies.h"
#include "daemon/recording/pretrigger_ring.h"
#include "daemon/recording/recording_session.h"
#include "detectors/recorded/block.h"
#include "detectors/stream_decoder.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/recording.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Takes items where they enter the daemon, so that a frame which the analysis has no room for is recorded
/// all the same, and results where they leave it. The recorder's own trouble (full disk, slow disk) never
/// stops the analysis: it is told in the status and in the log.
///
/// Overflow policy: frames wait in up to queue_mib of memory. Beyond it frames of a live source are not
/// recorded, counted, and leave a Gap in the journal; a recorded source waits. The compression becomes
/// cheaper while frames wait.
class Recorder {
 public:
  /// `configuration` outlives it, and has a recording section.
  explicit Recorder(const config::Configuration& configuration);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// Throws UsageError when recording.directory cannot be written.
  void start();

  /// Writes what waits, closes the files, joins. For use when nobody calls take_*() any more.
  void stop();

  // What enters the daemon; the threads of the ingests. `may_wait`: the source is recorded.
  void take_camera(const StreamItem& item, bool may_wait);
  void take_environment(const StreamItem& item, bool may_wait);

  /// What leaves it: any thread that publishes.
  void take_result(const Outbound& result, bool may_wait);
  /// Whole; the published ones are thinned.
  void take_last_dynamics(const result::Dynamics& dynamics, bool may_wait);
  void take_status(const result::Status& status);
  /// What a client did.
  void note(std::string text);

  /// Begins with the next frame, or with the next series. Returns why not, or an empty text. Any thread.
  std::string request_start(const std::string& client);
  std::string request_stop(const std::string& client);

  /// Any thread.
  result::Recording status() const;

 private:
  using Clock = std::chrono::steady_clock;

  struct CopiedFrame {
    Frame frame;
    std::shared_ptr<FrameCopies> copies;
  };
  struct Start {
    std::string client;
  };
  struct Stop {
    std::string client;
  };
  // What a recording whose stream is over waits for before it is closed.
  enum class Awaits : std::uint8_t {
    kNothing,
    kLastFrame,  // the result of its last frame
    kSeries,     // all results of the series
  };
  struct Ended {
    std::unique_ptr<RecordingSession> session;
    std::string reason;
    Awaits awaits;
    Clock::time_point deadline;
    bool closed = false;
  };
  static constexpr char kSeriesEnded[] = "the series ended";
  using Item = std::variant<std::monostate, CopiedFrame, SeriesStarted, SeriesEnded, recording::Record,
                            std::string, Start, Stop>;

  // On the threads that call take_*().
  void begin_copies(const stream::SeriesStart& start);
  void take_frame(const Frame& frame, bool may_wait);
  void set_running(std::optional<stream::SeriesStart> start);
  void count_refused(bool may_wait);
  bool push(Item item, bool may_wait);
  void push_in_order(Item item, bool may_wait);
  bool push_held(bool may_wait);

  // On the recorder's thread.
  void run();
  void handle(Item& item);
  bool series_running() const { return series_ && !series_over_; }
  void begin_series(SeriesStarted series);
  void end_series(const SeriesEnded& series);
  void take(const Frame& frame, const FrameCopies& copies);
  void take(const recording::Record& record);
  void take_gap(const recording::Record& record);
  void take_encoded_result(const std::string& bytes);
  void add_result(const recording::Record& record);
  bool complete(const Ended& ended, const result::ResultMessage& message) const;
  void keep_for_trigger(const recording::Record& record);
  void trigger(const result::TriggerEvent& event);
  void write_ring();
  void forget_ring();
  void begin_session(const std::string& reason, bool triggered);
  void end_session(const std::string& reason, Awaits awaits);
  void on_ended(const std::function<void(Ended&)>& work);
  void close_ended();
  void flush_if_due();
  void check_disk();
  void write_results_of_one();
  void refuse(const std::string& reason);
  void fail(const std::string& reason);
  recorded::Effort effort(const FrameCopies& copies) const;
  std::string plan(stream::SeriesStart start, bool triggered);
  void update_status();

  const config::Configuration& configuration_;
  const config::Recording& settings_;
  const std::string configuration_text_;
  Doorbell doorbell_;
  BoundedQueue<Item> queue_;

  // The camera's ingest thread.
  std::shared_ptr<FrameCopies> copies_;
  std::deque<Item> held_;   // starts and ends that found no room
  recording::Gap refused_;  // since the last frame that found room

  // The recorder's thread.
  std::optional<SeriesStarted> series_;  // the newest
  bool series_over_ = false;
  std::unique_ptr<RecordingSession> session_;
  std::deque<Ended> ended_;  // wait for their last results: series may be short, and the analysis behind
  std::deque<std::filesystem::path> without_results_;
  Prelude prelude_;
  std::shared_ptr<const recording::Record> setup_;  // of the results that come now
  PretriggerRing ring_;
  std::deque<recording::Record> ring_records_;
  std::int64_t triggered_utc_ns_ = 0;     // the frame that fired last
  std::int64_t record_until_utc_ns_ = 0;  // of a triggered recording; 0 = none
  bool wanted_by_client_ = false;
  recorded::BlockEncoder encoder_;
  std::vector<std::byte> block_;
  std::uint64_t pixel_bytes_ = 0;  // of the frames recorded, for the ratio
  Clock::time_point next_flush_{};
  Clock::time_point next_status_record_{};
  Clock::time_point session_began_{};
  std::string failure_;  // until the next series or the next request

  double write_bytes_per_s_ = 0;            // of the disk; since start()
  std::atomic<bool> takes_frames_ = false;  // from the first time that anybody may want them
  std::atomic<bool> source_waits_ = false;  // the camera's series is recorded
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> waiting_ = 0;    // copies in the queue
  std::atomic<std::uint64_t> overflown_ = 0;  // frames that found no room, of this recording

  mutable std::mutex mutex_;
  result::Recording status_;                    // guarded by mutex_
  std::optional<stream::SeriesStart> running_;  // guarded by mutex_

  std::thread thread_;
};

}  // namespace glasswatch

// The pipeline thread: takes items from the queues, lets frames wait for their temperature, runs the
// pipeline.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "analysis/display_image.h"
#include "daemon/bounded_queue.h"
#include "daemon/ingest.h"
#include "daemon/microscope_link.h"
#include "daemon/outbox.h"
#include "daemon/pipeline/pipeline.h"
#include "daemon/state.h"
#include "daemon/workers.h"

namespace glasswatch {

/// Owns the pipeline. A frame is processed when its temperature is settled, or when it has waited long
/// enough: temperature.wait_s for live sources, the environment's silence_s for recorded ones (which cannot
/// be late, only slow). It does not wait at all while the environment source is silent. A failure of the
/// pipeline puts the daemon into ERROR: frames are then counted as skipped until a reset.
class Engine {
 public:
  /// `environment` and `microscope` may be null: not configured. lanes: threads that share the work of a
  /// frame, this one included.
  Engine(config::Configuration configuration, MaskImage mask, Doorbell& doorbell, Ingest& camera,
         Ingest* environment, MicroscopeLink* microscope, Outbox& outbox, SharedState& state, int lanes,
         LabelImage labels = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Called on the engine's thread with the last dynamics of each series, whole, before they are published
  /// thinned. Before start().
  using TakeLastDynamics = std::function<void(const result::Dynamics&, bool may_wait)>;
  void on_last_dynamics(TakeLastDynamics take) { take_last_dynamics_ = std::move(take); }

  void start();

  /// Processes what is queued, then ends; for use after the ingests have stopped. Somebody must go on
  /// emptying the outbox until finished(), then join().
  void request_stop();
  bool finished() const { return finished_; }
  void join();

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  bool step();  // false when there is nothing to do before the doorbell rings
  bool drain_environment();
  bool may_wait_longer() const;
  void handle(StreamItem& item);
  void process_pending();
  void deliver(const Frame& frame, const result::FrameResult& result);
  void release_held();
  void leave_series();
  void look_after_rebuild();
  void finish_rebuild();
  void publish_scan_map(bool at_once);
  void refresh_dynamics();
  void publish_dynamics(const result::Dynamics& dynamics);
  void finish_dynamics();
  void await_finished_dynamics();
  void look_after_null();
  void fire(const TriggerFiring& firing, const result::FrameResult& frame);
  bool publish(const result::ResultMessage& message, std::string_view topic);
  void publish_setup();
  void publish_display(const Frame& frame);
  void reset();
  void fail(const std::string& error);

  Workers workers_;
  Pipeline pipeline_;
  Doorbell& doorbell_;
  Ingest& camera_;
  Ingest* environment_;
  MicroscopeLink* microscope_;
  Outbox& outbox_;
  SharedState& state_;

  StreamItem item_;
  std::optional<Frame> pending_;
  Clock::time_point pending_since_{};
  bool gave_up_waiting_ = false;  // until the environment speaks again
  bool recorded_ = false;
  int setup_revision_ = -1;  // as last published
  Pipeline::Deliver deliver_;
  TakeLastDynamics take_last_dynamics_;
  Clock::time_point processing_since_{};
  std::unique_ptr<SymmetryRebuild> rebuild_;
  std::future<void> rebuilding_;              // after what it works on: its destructor waits
  std::unique_ptr<EcmStage> ended_dynamics_;  // of the last series, while it is fitted for the last time
  std::future<void> fitting_;
  std::unique_ptr<NullMap> null_;
  std::future<void> making_null_;
  std::uint64_t next_event_id_ = 1;
  std::uint64_t next_command_id_;
  Clock::time_point next_display_{};
  Clock::time_point next_map_{};
  Clock::time_point next_tiles_{};
  Clock::time_point next_dynamics_{};
  bool map_complete_ = false;  // as last published
  result::ResultMessage message_;
  result::ResultMessage frame_message_;
  result::ResultMessage map_message_;
  result::ResultMessage dynamics_message_;
  Outbound outbound_;
  Outbound display_;

  std::atomic<bool> stopping_ = false;
  std::atomic<bool> finished_ = false;
  std::thread thread_;
};

/// The event of a finished command, as a message. For MicroscopeLink's callback.
void publish_event(const result::TriggerEvent& event, Outbox& outbox, SharedState& state);

}  // namespace glasswatch

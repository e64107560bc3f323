// The daemon's state machine and the few facts that several threads share.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

enum class StateEvent : std::uint8_t { kSeriesStarted, kSeriesEnded, kFailed, kReset };

/// The whole state machine: the state after `event`, or nullopt where the event changes nothing.
/// Resetting out of ERROR leads to ACQUIRING when a series is running, else to IDLE.
std::optional<result::DaemonState> next_state(result::DaemonState state, StateEvent event,
                                              bool series_running);

/// State shared between the pipeline thread (which reports) and the service thread (which commands). Every
/// method may be called from any thread.
class SharedState {
 public:
  /// Source clock - daemon clock; NaN = unknown.
  struct Clocks {
    double camera_offset_s = std::numeric_limits<double>::quiet_NaN();
    double camera_sigma_s = std::numeric_limits<double>::quiet_NaN();
    double environment_offset_s = std::numeric_limits<double>::quiet_NaN();
    double environment_sigma_s = std::numeric_limits<double>::quiet_NaN();
    std::uint64_t samples_implausible = 0;
  };
  struct View {
    result::DaemonState state = result::IDLE;
    std::string error;
    bool armed = false;
    std::uint64_t series_id = 0;  // of the running series; 0 = none
    std::string series_name;
    std::uint64_t processed = 0;
    std::uint64_t skipped = 0;
    std::uint64_t temperature_invalid = 0;
    std::uint64_t trigger_events = 0;
    std::uint64_t commands_failed = 0;
    std::uint64_t publish_dropped = 0;
    std::uint64_t display_dropped = 0;
    Clocks clocks;
  };

  View view() const;

  void series_started(std::uint64_t series_id, const std::string& name);
  void series_ended();
  void failed(const std::string& error);
  void set_armed(bool armed);
  bool armed() const;

  /// Asks the pipeline thread to reset; it takes the request when it gets there and calls reset_done().
  void request_reset();
  bool take_reset_request();
  void reset_done();

  /// Asks the pipeline thread for a new calibration, or for other rows and orders; it takes the request when
  /// it gets there. A newer request replaces one that has not been taken.
  void request_calibration();
  bool take_calibration_request();
  void request_symmetry(const config::Symmetry& symmetry);
  std::optional<config::Symmetry> take_symmetry_request();

  /// The last dynamics, whole, for snapshots; null before the first.
  void set_dynamics(std::shared_ptr<const result::Dynamics> dynamics);
  std::shared_ptr<const result::Dynamics> dynamics() const;

  void set_clocks(const Clocks& clocks);
  void count_processed(bool temperature_valid);
  void count_skipped();
  void count_trigger_event();
  void count_command_failed();
  void count_publish_dropped();
  void count_display_dropped();

 private:
  void apply(StateEvent event);  // with the lock held

  mutable std::mutex mutex_;
  View view_;
  bool reset_requested_ = false;
  bool calibration_requested_ = false;
  std::optional<config::Symmetry> symmetry_requested_;
  std::shared_ptr<const result::Dynamics> dynamics_;
};

}  // namespace glasswatch

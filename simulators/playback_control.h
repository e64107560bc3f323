// How people steer a replay: commands on standard input and on a control socket, a line of progress.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "simulators/player.h"
#include "simulators/standard_input.h"
#include "simulators/temperature_curve.h"

namespace glasswatch::simulation {

/// Reads commands from standard input, one a line, and answers them on a ZeroMQ REP socket: text in, one line
/// of JSON out with the state after the command:
///
///   ok, error (only if not ok), state ("playing", "paused", "stepping", "ending"), speed (number or "max"),
///   frames_sent and, once a frame was sent, series_id (text), sequence, time_utc_ns (start of the exposure),
///   time_utc (text), temperature_c (in the middle of the exposure; null = not known).
///
/// What is wrong with a line of standard input, and the answer to its "status", go to stderr. One thread.
class PlaybackControl : public Attendant {
 public:
  struct Settings {
    std::string endpoint;   // of the control socket; empty: there is none
    bool progress = false;  // one line on stderr, written over and over
  };

  /// Everything outlives the control. Throws StreamError when the endpoint cannot be opened.
  PlaybackControl(zmq::context_t& context, Playback& playback, const TemperatureCurve& log,
                  const Settings& settings);

  /// Empty: there is no socket.
  const std::string& endpoint() const { return endpoint_; }

  void attend(const Progress& progress) override;
  void add_items(std::vector<zmq::pollitem_t>& items) override;

  /// Shows the last of it, and leaves the line of progress.
  void end_progress(const Progress& progress);

  /// The answer to one request.
  std::string answer(std::string_view command, const Progress& progress);

 private:
  using Clock = Playback::Clock;

  std::string state(const Progress& progress, const std::string& error) const;
  std::optional<double> temperature_c(const stream::FrameHeader& frame) const;
  void obey_line(std::string_view line, const Progress& progress);
  void answer_requests(const Progress& progress);
  void show(const Progress& progress);

  Playback& playback_;
  const TemperatureCurve& log_;
  StandardInput input_;
  zmq::socket_t socket_;
  std::string endpoint_;
  bool shows_progress_;
  std::string shown_;
  Clock::time_point next_show_;
};

}  // namespace glasswatch::simulation

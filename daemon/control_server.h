// Answers clients: status, snapshot, arm, disarm, reset, record.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/asio_socket.h"
#include "daemon/publisher.h"
#include "daemon/recording/recorder.h"
#include "daemon/state.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/control.pb.h"

namespace glasswatch {

/// The control socket (REP). Every request gets exactly one reply; what cannot be done is answered with a
/// typed error. Service thread only.
class ControlServer {
 public:
  using StatusSource = std::function<result::Status()>;

  /// `recorder` may be null: not configured. Throws std::runtime_error when the endpoint cannot be bound.
  ControlServer(boost::asio::io_context& io, zmq::context_t& context,
                const config::Configuration& configuration, SharedState& state, const Publisher& publisher,
                StatusSource status, Recorder* recorder);

  /// From now on requests are answered.
  void start();

  std::string endpoint() const { return endpoint_; }
  void stop() { socket_.stop(); }

 private:
  void answer_all();
  control::Reply answer(const control::Request& request);
  void arm(control::Reply& reply);
  void calibrate(control::Reply& reply);
  void change_symmetry(const control::ChangeSymmetry& change, control::Reply& reply);
  void record(const control::Request& request, control::Reply& reply);
  void keep_for_recording(const control::Request& request, const control::Reply& reply);

  const config::Configuration& configuration_;
  AsioSocket socket_;
  SharedState& state_;
  const Publisher& publisher_;
  StatusSource status_;
  Recorder* recorder_;
  config::Symmetry symmetry_;  // as last asked for
  std::string endpoint_;
};

}  // namespace glasswatch

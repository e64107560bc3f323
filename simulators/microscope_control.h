// The control socket of a simulated microscope: REP, control.proto MicroscopeCommand to MicroscopeReply.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <zmq.hpp>

#include "protocol/schema/control.pb.h"

namespace glasswatch::simulation {

/// Answers every request. A command_id that was answered before gets the same reply and nothing is done. What
/// cannot be decoded, or comes from a newer schema, is refused with the reason in `detail`. One line per
/// command on stderr.
class MicroscopeControl {
 public:
  using Execute = std::function<control::MicroscopeReply(const control::MicroscopeCommand&)>;

  /// Throws StreamError when the endpoint cannot be opened.
  MicroscopeControl(zmq::context_t& context, const std::string& endpoint);

  const std::string& endpoint() const { return endpoint_; }
  zmq::socket_ref socket() { return socket_; }

  /// Answers what has arrived. Never blocks.
  void service(const Execute& execute);

  /// The reply to one request, sockets apart.
  control::MicroscopeReply answer(const void* bytes, std::size_t size, const Execute& execute);

 private:
  zmq::socket_t socket_;
  std::string endpoint_;
  std::deque<control::MicroscopeReply> answered_;  // bounded
};

}  // namespace glasswatch::simulation

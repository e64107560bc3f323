// Waiting for a ZeroMQ socket with a time limit.
#pragma once

#include <algorithm>
#include <chrono>

#include <zmq.hpp>

namespace glasswatch {

/// True when the socket can be read. False at the time limit, and when a signal arrived: a signal is no
/// error, the caller looks at its stop flag and waits again.
inline bool wait_readable(zmq::socket_ref socket, std::chrono::milliseconds timeout) {
  zmq_pollitem_t item{socket.handle(), 0, ZMQ_POLLIN, 0};
  return zmq_poll(&item, 1, std::max<long>(timeout.count(), 0)) > 0;
}

}  // namespace glasswatch

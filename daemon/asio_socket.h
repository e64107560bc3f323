// A ZeroMQ socket in a Boost.Asio event loop.
#pragma once

#include <utility>  // Boost 1.74 needs it before asio headers

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include <zmq.hpp>

namespace glasswatch {

/// Calls back on the loop's thread when the socket may have something to read. The descriptor that ZeroMQ
/// lends is edge-triggered: the callback must read until the socket would block, and touch() must be called
/// after any send, because a send can swallow the edge (zmq_getsockopt(3), ZMQ_FD).
class AsioSocket {
 public:
  AsioSocket(boost::asio::io_context& io, zmq::context_t& context, zmq::socket_type type)
      : socket_(context, type), descriptor_(io, socket_.get(zmq::sockopt::fd)) {}
  ~AsioSocket() { descriptor_.release(); }  // the descriptor stays ZeroMQ's
  AsioSocket(const AsioSocket&) = delete;
  AsioSocket& operator=(const AsioSocket&) = delete;

  void on_readable(std::function<void()> callback) {
    callback_ = std::move(callback);
    wait();
    touch();
  }

  /// Looks at the socket now; for use after a send.
  void touch() {
    if (callback_ && (socket_.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0) callback_();
  }

  zmq::socket_t& socket() { return socket_; }

  void stop() { descriptor_.cancel(); }

 private:
  void wait() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this](boost::system::error_code error) {
                             if (error) return;
                             touch();
                             wait();
                           });
  }

  zmq::socket_t socket_;
  boost::asio::posix::stream_descriptor descriptor_;
  std::function<void()> callback_;
};

}  // namespace glasswatch

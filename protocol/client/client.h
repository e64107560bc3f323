// The client library: subscribe to results, send control requests.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "protocol/schema/control.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// The daemon did not answer, or not sensibly.
class ClientError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Receives what a daemon publishes. Reconnects by itself when the daemon is restarted. One thread.
class ResultSubscriber {
 public:
  /// Subscribes to the given topics (protocol/wire/wire.h); empty = all. Throws ClientError for a bad
  /// endpoint.
  ResultSubscriber(const std::string& endpoint, const std::vector<std::string>& topics = {});

  struct Received {
    std::string topic;
    result::ResultMessage message;
    std::vector<std::uint8_t> payload;  // pixels of a display image
  };

  /// The next message, or nothing when none came in time. Messages that cannot be decoded are counted and
  /// skipped.
  std::optional<Received> next(std::chrono::milliseconds timeout);

  /// Messages missed on this connection, by the daemon's sequence numbers (meaningful when subscribed to all
  /// topics).
  std::uint64_t missed() const { return missed_; }
  std::uint64_t undecodable() const { return undecodable_; }

 private:
  void count_missed(const result::ResultMessage& message);
  bool seen_before(const result::ResultMessage& message);

  zmq::context_t context_;
  zmq::socket_t socket_;
  std::uint64_t daemon_id_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t last_series_id_ = 0;
  std::uint64_t last_frame_ = 0;
  std::uint64_t missed_ = 0;
  std::uint64_t undecodable_ = 0;
};

/// Sends control requests. One thread.
class ControlClient {
 public:
  ControlClient(std::string endpoint, std::chrono::milliseconds timeout);

  struct Answer {
    control::Reply reply;
    std::vector<result::FrameResult> frames;  // of a snapshot, oldest first
  };

  /// Sends and waits. Throws ClientError naming endpoint and remedy when there is no answer in time.
  Answer ask(control::Request request);

 private:
  std::string endpoint_;
  std::chrono::milliseconds timeout_;
  zmq::context_t context_;
};

/// One line of JSON, original field names, 64-bit integers as texts, NaN as "NaN" (protobuf's JSON mapping;
/// doubles are written so that they read back to the bit).
std::string to_json_line(const google::protobuf::Message& message);

}  // namespace glasswatch

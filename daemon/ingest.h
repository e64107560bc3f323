// One ingest thread: a ZeroMQ subscription, a decoder, a bounded queue.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include "daemon/bounded_queue.h"
#include "daemon/message_frames.h"
#include "detectors/stream_decoder.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Subscribes to one source and feeds its items to a queue until stopped. The connection is re-established by
/// ZeroMQ for as long as the thread lives.
///
/// Overflow policy: a live source loses its newest frame or sample when the queue is full (`drop_newest`:
/// counted, and a Gap takes its place); a recorded source waits (`block`), which holds back the publisher.
///
/// Pixels stay in the messages that brought them. At most queue_frames + kept_frames + 4 frames are alive
/// behind this, and queue_frames + 2 messages before it: in ZeroMQ's queue, arriving, and under decode.
class Ingest {
 public:
  using Fail = std::function<void(const std::string&)>;
  /// Sees every item that was decoded, before it may have to be dropped; `recorded`: the source can wait.
  using Tap = std::function<void(const StreamItem& item, bool recorded)>;

  /// `fail` is called from the thread if it cannot go on. `kept_frames`: how many the consumer may keep
  /// besides the one that it works on. `tap` is called on the thread. Throws UsageError for a bad endpoint.
  Ingest(zmq::context_t& context, std::string name, const config::Source& source, wire::SizeLimits limits,
         Doorbell& consumer, Fail fail, std::size_t kept_frames = 0, Tap tap = {});
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  void start();
  void stop();  // closes the queue and joins

  BoundedQueue<StreamItem>& queue() { return queue_; }

  /// Any thread.
  result::SourceCounters counters() const;
  /// Seconds since the last message; infinite when none came yet. Any thread.
  double silence_s() const;

 private:
  void run();
  bool receive(zmq::socket_t& socket);
  void deliver(StreamItem& item);
  void hold_back(StreamItem item);
  bool flush_held();
  void publish_counters();
  void count_overflow();
  Frame frame_of(std::span<const std::byte> pixels);

  const std::string name_;
  const config::Source& source_;
  const wire::SizeLimits limits_;
  Fail fail_;
  Tap tap_;
  zmq::socket_t socket_;
  std::unique_ptr<StreamDecoder> decoder_;
  MessageFrames frames_;
  BoundedQueue<StreamItem> queue_;

  // The thread's own.
  bool recorded_ = false;
  std::uint64_t reported_rejections_ = 0;
  std::chrono::steady_clock::time_point next_report_{};
  std::vector<StreamItem> items_;
  std::vector<StreamItem> held_;  // starts, ends and gaps that found the queue full; frames wait behind them
  std::vector<zmq::message_t> message_;
  std::vector<std::span<const std::byte>> parts_;

  // Shared with readers.
  mutable std::mutex mutex_;
  StreamCounters counters_;
  std::chrono::steady_clock::time_point heard_{};
  bool ever_heard_ = false;

  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace glasswatch

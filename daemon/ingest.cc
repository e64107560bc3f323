#include "daemon/ingest.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "protocol/client/utc_now.h"
#include "protocol/client/wait_readable.h"
#include "protocol/types/user_error.h"

namespace glasswatch {
namespace {

constexpr std::size_t kMaxParts = 4;  // one more than any valid message, so that the decoder sees the fault
constexpr auto kPoll = std::chrono::milliseconds(100);  // how soon a stop is noticed
constexpr auto kReportPeriod = std::chrono::seconds(1);
constexpr std::size_t kMaxHeld = 256;
constexpr std::size_t kBurst = 64;  // messages between two looks at the stop flag
// One frame in the hands of the pipeline, one waiting for its temperature, one on its way into the queue, one
// to spare.
constexpr std::size_t kFramesOutsideQueue = 4;

}  // namespace

Ingest::Ingest(zmq::context_t& context, std::string name, const config::Source& source,
               wire::SizeLimits limits, Doorbell& consumer, Fail fail, std::size_t kept_frames, Tap tap)
    : name_(std::move(name)),
      source_(source),
      limits_(limits),
      fail_(std::move(fail)),
      tap_(std::move(tap)),
      socket_(context, zmq::socket_type::sub),
      decoder_(make_stream_decoder(source.kind(), limits,
                                   [this](std::span<const std::byte> pixels) { return frame_of(pixels); })),
      frames_(source.queue_frames() + kFramesOutsideQueue + kept_frames),
      queue_(source.queue_frames(), consumer) {
  // What is far beyond the limits is refused by the transport (the connection is closed and re-opened); what
  // is moderately beyond is refused, counted and named by the decoder.
  socket_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(4 * limits.max_frame_bytes));
  socket_.set(zmq::sockopt::rcvhwm, static_cast<int>(source.queue_frames()));
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::reconnect_ivl, 100);
  socket_.set(zmq::sockopt::reconnect_ivl_max, 1000);
  // No ZMTP heartbeats: while back-pressure keeps us from reading, answers to them go unread, and
  // libzmq 4.3.4 then fails an assertion. Streams have heartbeats of their own; keep-alive finds half-open
  // connections.
  socket_.set(zmq::sockopt::tcp_keepalive, 1);
  socket_.set(zmq::sockopt::tcp_keepalive_idle, 5);
  socket_.set(zmq::sockopt::tcp_keepalive_intvl, 2);
  socket_.set(zmq::sockopt::tcp_keepalive_cnt, 3);
  socket_.set(zmq::sockopt::subscribe, std::string(decoder_->topic()));
  try {
    socket_.connect(source.endpoint());
  } catch (const zmq::error_t& error) {
    throw UsageError(name_ + ".endpoint = \"" + source.endpoint() + "\" cannot be used: " + error.what() +
                     "; write it like tcp://127.0.0.1:7101");
  }
  message_.resize(kMaxParts);
  parts_.reserve(kMaxParts);
}

Ingest::~Ingest() {
  stop();
}

void Ingest::start() {
  thread_ = std::thread([this] { run(); });
}

void Ingest::stop() {
  stopping_ = true;
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void Ingest::run() {
  while (!stopping_) {
    try {
      wait_readable(socket_, kPoll);
      for (std::size_t i = 0; i < kBurst && !stopping_ && receive(socket_); ++i) {
      }
      flush_held();
    } catch (const std::exception&
                 error) {  // a message that could not be taken, for want of memory: go on with the next
      fail_(name_ + ": " + error.what());
    }
  }
  socket_.close();
}

bool Ingest::receive(zmq::socket_t& socket) {
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    zmq::message_t& part = message_[std::min(count, kMaxParts - 1)];
    const auto flags = count == 0 ? zmq::recv_flags::dontwait : zmq::recv_flags::none;
    if (!socket.recv(part, flags)) return false;
    more = part.more();
  }
  parts_.clear();
  for (std::size_t i = 0; i < std::min(count, kMaxParts); ++i) {
    parts_.emplace_back(static_cast<const std::byte*>(message_[i].data()), message_[i].size());
  }
  items_.clear();
  decoder_->decode(parts_, utc_now_ns(), items_);
  publish_counters();
  for (StreamItem& item : items_) deliver(item);
  return true;
}

void Ingest::deliver(StreamItem& item) {
  if (const auto* started = std::get_if<SeriesStarted>(&item)) {
    recorded_ = started->start.clock().kind() == stream::RECORDED_CLOCK;
  } else if (const auto* environment = std::get_if<EnvironmentStarted>(&item)) {
    recorded_ = environment->start.clock().kind() == stream::RECORDED_CLOCK;
  }
  if (tap_) tap_(item, recorded_);

  if (recorded_) {
    for (StreamItem& held : held_) queue_.push(held);  // of a live series before
    held_.clear();
    queue_.push(item);
    return;
  }
  const bool room = flush_held();
  if (room && queue_.try_push(item)) return;
  if (const auto* frame = std::get_if<Frame>(&item)) {
    count_overflow();
    const Gap gap{frame->info.series_id, frame->info.sequence, 1, Gap::Cause::kDroppedByOverflow};
    if (tap_) tap_(gap, recorded_);
    hold_back(gap);
  } else if (std::holds_alternative<EnvironmentSampled>(item)) {
    count_overflow();  // later samples bracket the hole; the temperature says so when it is too wide
  } else {
    hold_back(std::move(item));
  }
}

void Ingest::count_overflow() {
  decoder_->count_overflow();
  const std::scoped_lock lock(mutex_);
  counters_ = decoder_->counters();
}

void Ingest::hold_back(StreamItem item) {
  // Neighbouring gaps become one, so that an overflow of any length holds one item.
  auto* gap = std::get_if<Gap>(&item);
  auto* last = held_.empty() ? nullptr : std::get_if<Gap>(&held_.back());
  if (gap != nullptr && last != nullptr && last->series_id == gap->series_id) {
    last->count += gap->count;
    return;
  }
  if (held_.size() == kMaxHeld) {  // a flood of starts and ends: read no further until there is room
    queue_.push(held_.front());
    held_.erase(held_.begin());
  }
  held_.push_back(std::move(item));
}

bool Ingest::flush_held() {
  std::size_t done = 0;
  while (done < held_.size() && queue_.try_push(held_[done])) ++done;
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(done));
  return held_.empty();
}

Frame Ingest::frame_of(std::span<const std::byte> pixels) {
  const auto holds = [pixels](const zmq::message_t& part) { return part.data() == pixels.data(); };
  return frames_.take(*std::find_if(message_.begin(), message_.end(), holds));
}

void Ingest::publish_counters() {
  const auto now = std::chrono::steady_clock::now();
  std::uint64_t rejections = 0;
  for (const std::uint64_t count : decoder_->counters().rejected) rejections += count;
  if (rejections != reported_rejections_ && now >= next_report_) {
    spdlog::warn("{}: {} messages refused so far, the last one because: {}", name_, rejections,
                 decoder_->last_rejection());
    reported_rejections_ = rejections;
    next_report_ = now + kReportPeriod;
  }
  const std::scoped_lock lock(mutex_);
  counters_ = decoder_->counters();
  heard_ = now;
  ever_heard_ = true;
}

double Ingest::silence_s() const {
  const std::scoped_lock lock(mutex_);
  if (!ever_heard_) return std::numeric_limits<double>::infinity();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - heard_).count();
}

result::SourceCounters Ingest::counters() const {
  const double silence = silence_s();
  result::SourceCounters out;
  const std::scoped_lock lock(mutex_);
  out.set_name(name_);
  // A recorded source that waits for us is silent and connected.
  out.set_connected(silence <= source_.silence_s() || queue_.depth() == queue_.capacity());
  out.set_silence_s(ever_heard_ ? silence : std::numeric_limits<double>::quiet_NaN());
  out.set_received(counters_.received);
  out.set_accepted(counters_.accepted);
  out.set_lost(counters_.lost);
  out.set_duplicate(counters_.duplicate);
  out.set_late(counters_.late);
  out.set_dropped_by_overflow(counters_.dropped_by_overflow);
  for (std::size_t i = 1; i < counters_.rejected.size(); ++i) {
    if (counters_.rejected[i] > 0) {
      const auto name = wire::rejection_name(static_cast<wire::Rejection>(i));
      (*out.mutable_rejected())[std::string(name)] = counters_.rejected[i];
    }
  }
  out.set_series_started(counters_.series_started);
  out.set_series_ended(counters_.series_ended);
  out.set_series_aborted(counters_.series_aborted);
  out.set_queue_depth(static_cast<std::uint32_t>(queue_.depth()));
  out.set_queue_capacity(static_cast<std::uint32_t>(queue_.capacity()));
  return out;
}

}  // namespace glasswatch

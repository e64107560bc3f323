#include "simulators/publisher.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"
#include "simulators/interrupt.h"

namespace glasswatch::simulation {
namespace {

constexpr std::chrono::seconds kHeartbeatPeriod{1};
constexpr std::chrono::seconds kReopenPatience{2};
constexpr std::chrono::seconds kDisconnectLinger{1};

zmq::message_t copy_of(std::string_view bytes) {
  return zmq::message_t(bytes.data(), bytes.size());
}

// Counts the shares made. libzmq orders making a share before letting it go by means that the thread
// sanitizer does not see; this says the same where it sees it.
std::atomic<std::uint64_t> g_shares{0};

// A message part that keeps the pixels alive until every subscriber has taken it.
zmq::message_t share_of(const SharedPixels& pixels) {
  auto share = std::make_unique<SharedPixels>(pixels);
  const auto let_go = [](void* /*bytes*/, void* kept) {
    static_cast<void>(g_shares.load(std::memory_order_acquire));
    delete static_cast<SharedPixels*>(kept);
  };
  g_shares.fetch_add(1, std::memory_order_release);
  zmq::message_t part(const_cast<std::byte*>(pixels.data()), pixels.size(), let_go, share.get());
  static_cast<void>(share.release());  // the part's now
  return part;
}

bool is_start(const Message& message) {
  return message.header.has_series_start() || message.header.has_environment_start();
}

}  // namespace

void bind_or_throw(zmq::socket_t& socket, const std::string& endpoint, std::string_view option) {
  try {
    socket.bind(endpoint);
  } catch (const zmq::error_t& error) {
    throw StreamError(
        text::concatenate(option, " ", endpoint, ": ", error.what(),
                          "; allowed: a ZeroMQ address of this machine that is free, such as "
                          "tcp://127.0.0.1:7101 or tcp://127.0.0.1:* for any free port; stop the program "
                          "that uses it or choose another"));
  }
}

Publisher::Publisher(zmq::context_t& context, const PublisherSettings& settings)
    : context_(context), high_water_mark_(settings.high_water_mark), socket_(open()), topic_(settings.topic) {
  bind_or_throw(socket_, settings.endpoint, settings.option);
  endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
}

zmq::socket_t Publisher::open() const {
  zmq::socket_t socket(context_, zmq::socket_type::xpub);
  socket.set(zmq::sockopt::sndhwm, high_water_mark_);
  socket.set(zmq::sockopt::xpub_nodrop, true);
  socket.set(zmq::sockopt::xpub_manual, true);
  socket.set(zmq::sockopt::linger, 0);
  return socket;
}

void Publisher::disconnect() {
  if (!connected()) return;
  set_linger(kDisconnectLinger);
  socket_.close();
  closed_at_ = Clock::now();
  subscribers_before_ = std::exchange(subscribers_, 0);
  lost_ = 0;
  greeting_due_ = false;
}

bool Publisher::reopen() {
  zmq::socket_t socket = open();
  try {
    socket.bind(endpoint_);
  } catch (const zmq::error_t& error) {
    const bool in_use = error.num() == EADDRINUSE;
    if (in_use && Clock::now() - *closed_at_ < kReopenPatience) return false;
    throw StreamError(endpoint_ + " cannot be opened again: " + error.what() +
                      "; another program has taken the address, end it");
  }
  socket_ = std::move(socket);
  closed_at_.reset();
  last_sent_ = Clock::now();
  return true;
}

void Publisher::service() {
  if (!connected()) return;
  zmq::message_t request;
  while (socket_.recv(request, zmq::recv_flags::dontwait)) {
    const std::string_view bytes = request.to_string_view();
    if (bytes.empty()) continue;
    const std::string_view prefix = bytes.substr(1);
    const bool joins = bytes.front() == '\1';
    if (joins) {
      socket_.set(zmq::sockopt::subscribe, prefix);
    } else {
      socket_.set(zmq::sockopt::unsubscribe, prefix);
    }
    if (!topic_.starts_with(prefix)) continue;
    subscribers_ = std::max(0, subscribers_ + (joins ? 1 : -1));
    greeting_due_ = greeting_due_ || joins;
  }
  greet();
}

bool Publisher::greet() {
  if (greeting_due_ && start_ && !transmit(*start_)) return false;
  greeting_due_ = false;
  return true;
}

bool Publisher::try_send(const Message& message) {
  service();
  if (greeting_due_) return false;
  if (!connected()) {
    ++lost_;
  } else if (!transmit(message)) {
    return false;
  }
  remember(message);
  return true;
}

void Publisher::remember(const Message& message) {
  if (is_start(message)) start_ = message;
  // A repeated start says which number comes next, so that a late joiner knows what it did not miss.
  const bool counted = message.header.has_frame() || message.header.has_environment();
  if (counted && start_)
    start_->header.set_sequence(std::max(start_->header.sequence(), message.header.sequence() + 1));
  if (message.header.has_series_end()) start_.reset();
}

bool Publisher::transmit(const Message& message) {
  const std::string header =
      message.raw_header.empty() ? message.header.SerializeAsString() : message.raw_header;
  std::array<zmq::message_t, 3> parts = {copy_of(topic_), copy_of(header), {}};
  if (!message.pixels.empty()) parts[2] = share_of(message.pixels);
  const std::size_t count = message.pixels.empty() ? 2 : 3;
  for (std::size_t i = 0; i < count; ++i) {
    const bool more = i + 1 < count;
    if (socket_.send(parts[i],
                     zmq::send_flags::dontwait | (more ? zmq::send_flags::sndmore : zmq::send_flags::none))) {
      continue;
    }
    // Queues are counted in whole messages, so that only the first part can be refused.
    if (i > 0) throw StreamError(endpoint_ + ": a message was cut in the middle; restart the program");
    return false;
  }
  last_sent_ = Clock::now();
  return true;
}

void Publisher::heartbeat_if_idle(std::int64_t now_utc_ns) {
  if (!connected() || Clock::now() - last_sent_ < kHeartbeatPeriod) return;
  Message message;
  message.header.set_schema_version(wire::kSchemaVersion);
  if (start_) message.header.set_series_id(start_->header.series_id());
  message.header.set_sent_utc_ns(now_utc_ns);
  message.header.mutable_heartbeat();
  try_send(message);
}

void Publisher::set_linger(std::chrono::milliseconds linger) {
  if (connected()) socket_.set(zmq::sockopt::linger, static_cast<int>(linger.count()));
}

bool wait_for_subscribers(std::span<Publisher* const> publishers, Publisher::Clock::time_point deadline) {
  std::vector<zmq::pollitem_t> items;
  for (Publisher* publisher : publishers) items.push_back({publisher->socket().handle(), 0, ZMQ_POLLIN, 0});
  for (;;) {
    for (Publisher* publisher : publishers) publisher->service();
    if (std::all_of(publishers.begin(), publishers.end(), [](auto* p) { return p->subscribers() > 0; }))
      return true;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Publisher::Clock::now());
    if (left.count() <= 0 || interrupted()) return false;
    // zmq_poll, not the C++ wrapper: a signal ends the wait and is no error.
    zmq_poll(items.data(), static_cast<int>(items.size()), std::min<long>(left.count(), 200));
  }
}

}  // namespace glasswatch::simulation

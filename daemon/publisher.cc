#include "daemon/publisher.h"

#include <stdexcept>

#include "protocol/client/client.h"
#include "protocol/client/utc_now.h"
#include "protocol/wire/random_id.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr int kSubscriberQueue = 10'000;
constexpr std::size_t kTriggersKept = 1000;

// The page draws ring values and the radial profile; the (K, N) arrays stay with the clients that ask for
// them.
void strip_for_page(result::ResultMessage& message) {
  auto& symmetry = *message.mutable_frame()->mutable_symmetry();
  symmetry.clear_power();
  symmetry.clear_coefficient();
  symmetry.clear_correlation();
}

}  // namespace

Publisher::Publisher(boost::asio::io_context& io, zmq::context_t& context,
                     const config::Configuration& configuration, DashboardServer* dashboard)
    : configuration_(configuration),
      socket_(io, context, zmq::socket_type::xpub),
      dashboard_(dashboard),
      daemon_id_(wire::random_id()) {
  zmq::socket_t& socket = socket_.socket();
  socket.set(zmq::sockopt::sndhwm, kSubscriberQueue);
  socket.set(zmq::sockopt::linger, 500);
  socket.set(zmq::sockopt::xpub_verbose, 1);
  const std::string& wanted = configuration.service().results_endpoint();
  try {
    socket.bind(wanted);
  } catch (const zmq::error_t& error) {
    throw std::runtime_error("service.results_endpoint = \"" + wanted + "\" cannot be bound: " +
                             error.what() + "; is another glasswatchd running? choose a free port");
  }
  endpoint_ = socket.get(zmq::sockopt::last_endpoint);
  if (dashboard_ != nullptr) dashboard_->set_welcome([this] { return welcome(); });
}

void Publisher::start() {
  socket_.on_readable([this] { greet_subscribers(); });
}

void Publisher::greet_subscribers() {
  // Sending the greeting takes in more subscriptions, hence the loop: they leave no edge on the descriptor.
  while (take_in_subscriptions()) greet();
}

bool Publisher::take_in_subscriptions() {
  zmq::message_t request;
  bool joined = false;
  while (socket_.socket().recv(request, zmq::recv_flags::dontwait)) {
    joined = joined || (request.size() > 0 && *static_cast<const std::uint8_t*>(request.data()) == 1);
  }
  return joined;
}

void Publisher::greet() {
  const auto repeat = [this](std::string_view topic, const result::ResultMessage& last) {
    if (last.body_case() == result::ResultMessage::BODY_NOT_SET) return;
    result::ResultMessage copy = last;
    copy.set_repeated(true);
    send(topic, copy, nullptr);
  };
  repeat(wire::kSnapshotTopic, setup_);
  repeat(wire::kSeriesTopic, series_);
  repeat(wire::kFrameTopic, frame_);
  repeat(wire::kStatusTopic, status_);
}

void Publisher::send(std::string_view topic, result::ResultMessage& message,
                     const std::vector<std::uint8_t>* payload) {
  message.set_schema_version(wire::kSchemaVersion);
  message.set_daemon_id(daemon_id_);
  message.set_sequence(sequence_++);
  message.set_published_utc_ns(utc_now_ns());
  message.SerializeToString(&bytes_);
  zmq::socket_t& socket = socket_.socket();
  socket.send(zmq::buffer(topic), zmq::send_flags::sndmore | zmq::send_flags::dontwait);
  const auto more = payload != nullptr ? zmq::send_flags::sndmore : zmq::send_flags::none;
  socket.send(zmq::buffer(bytes_), more | zmq::send_flags::dontwait);
  if (payload != nullptr) socket.send(zmq::buffer(*payload), zmq::send_flags::dontwait);
}

void Publisher::publish(const Outbound& message) {
  if (!message_.ParseFromString(message.bytes)) return;  // encoded by this process: cannot fail
  send(message.topic, message_, nullptr);
  remember(message_, bytes_);
  show(message_);
  socket_.touch();
}

void Publisher::publish_display(const Outbound& image) {
  if (!message_.ParseFromString(image.bytes)) return;
  send(image.topic, message_, &image.payload);
  socket_.touch();
  if (dashboard_ == nullptr || dashboard_->clients() == 0) return;
  dashboard_->publish_image(to_json_line(message_.display()), image.payload);
}

void Publisher::publish_status(const result::Status& status) {
  message_.Clear();
  *message_.mutable_status() = status;
  message_.mutable_status()->set_published(sequence_);
  send(wire::kStatusTopic, message_, nullptr);
  status_ = message_;
  show(message_);
  socket_.touch();
}

void Publisher::remember(const result::ResultMessage& message, const std::string& bytes) {
  switch (message.body_case()) {
    case result::ResultMessage::kSetup:
      setup_ = message;
      break;
    case result::ResultMessage::kSeries:
      series_ = message;
      break;
    case result::ResultMessage::kTrigger:
      triggers_.push_back(message.trigger());
      if (triggers_.size() > kTriggersKept) triggers_.pop_front();
      break;
    case result::ResultMessage::kFrame: {
      frame_ = message;
      history_.push_back(bytes);
      history_bytes_ += bytes.size();
      const std::size_t limit = std::size_t{configuration_.service().history_mib()} << 20;
      while (history_bytes_ > limit && history_.size() > 1) {
        history_bytes_ -= history_.front().size();
        history_.pop_front();
        ++forgotten_;
      }
      break;
    }
    default:
      break;
  }
}

void Publisher::show(const result::ResultMessage& message) {
  if (dashboard_ == nullptr || dashboard_->clients() == 0) return;
  if (message.body_case() != result::ResultMessage::kFrame) {
    dashboard_->publish(to_json_line(message), OnOverflow::kKeep);
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now < next_shown_) return;
  next_shown_ = now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                          std::chrono::duration<double>(1 / configuration_.dashboard().frame_rate_hz()));
  result::ResultMessage page = message;
  strip_for_page(page);
  dashboard_->publish(to_json_line(page));
}

std::vector<std::string> Publisher::welcome() const {
  std::vector<std::string> texts;
  const auto add = [&texts](const result::ResultMessage& message) {
    if (message.body_case() != result::ResultMessage::BODY_NOT_SET) texts.push_back(to_json_line(message));
  };
  add(setup_);
  add(series_);
  if (frame_.has_frame()) {
    result::ResultMessage page = frame_;
    strip_for_page(page);
    add(page);
  }
  add(status_);
  for (const result::TriggerEvent& event : triggers_) {
    result::ResultMessage message;
    *message.mutable_trigger() = event;
    add(message);
  }
  return texts;
}

}  // namespace glasswatch

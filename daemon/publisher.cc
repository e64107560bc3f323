#include "daemon/publisher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <stdexcept>

#include "daemon/dynamics_messages.h"
#include "protocol/client/client.h"
#include "protocol/client/utc_now.h"
#include "protocol/configuration/text.h"
#include "protocol/wire/random_id.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr int kSubscriberQueue = 10'000;
constexpr std::size_t kTriggersKept = 1000;
constexpr std::size_t kWelcomeMapValues = 64 * 1024;  // of one message: small enough for pings in between

// The page draws ring values and the radial profile; the (K, N) arrays stay with the clients that ask for
// them.
void strip_for_page(result::ResultMessage& message) {
  auto& symmetry = *message.mutable_frame()->mutable_symmetry();
  symmetry.clear_power();
  symmetry.clear_coefficient();
  symmetry.clear_correlation();
  symmetry.clear_power_sigma();
  symmetry.clear_noise_power();
}

OutgoingMessage as_text(const result::ResultMessage& message) {
  return text_message(to_json_line(message));
}

// Positions and values of a map as bytes behind the header: as text they are three times as long, and parsing
// them would hold up the page.
OutgoingMessage as_binary(const result::ResultMessage& message) {
  static_assert(std::endian::native == std::endian::little, "the page reads little-endian numbers");
  result::ResultMessage header;
  header.set_schema_version(message.schema_version());
  header.set_daemon_id(message.daemon_id());
  header.set_sequence(message.sequence());
  header.set_published_utc_ns(message.published_utc_ns());
  const result::MapUpdate& map = message.map();
  *header.mutable_map() = map_header(map);
  const std::size_t position_bytes = std::size_t{4} * static_cast<std::size_t>(map.position_size());
  const std::size_t value_bytes = std::size_t{4} * static_cast<std::size_t>(map.value_size());
  std::vector<std::uint8_t> arrays(position_bytes + value_bytes);
  if (position_bytes > 0) std::memcpy(arrays.data(), map.position().data(), position_bytes);
  if (value_bytes > 0) std::memcpy(arrays.data() + position_bytes, map.value().data(), value_bytes);
  return binary_message(to_json_line(header), arrays);
}

OnOverflow policy(const result::MapUpdate& map) {
  return map.kind() == result::MapUpdate::TILES ? OnOverflow::kLatestTiles : OnOverflow::kKeep;
}

// A map as messages for a page that has none of it.
void add_map(const WholeMap& map, result::ResultMessage& envelope, std::vector<WelcomeMessage>& messages) {
  if (map.empty()) return;
  const result::MapUpdate& header = map.header();
  const std::size_t positions = std::size_t{header.rows()} * header.columns();
  const auto channels = static_cast<std::size_t>(header.channel_size());
  const bool one = header.kind() == result::MapUpdate::TILES;  // each message is a whole map
  const std::size_t step = one ? positions : std::max<std::size_t>(1, kWelcomeMapValues / channels);
  for (std::size_t first = 0; first < positions; first += step) {
    *envelope.mutable_map() = map.update(first, first + step);
    messages.push_back({as_binary(envelope), policy(header)});
  }
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
  for (Joined joined = take_in_subscriptions(); joined.somebody; joined = take_in_subscriptions()) {
    greet();
    if (joined.to_maps) greet_with_maps();
    if (joined.to_dynamics) repeat(wire::kDynamicsTopic, dynamics_);
  }
}

Publisher::Joined Publisher::take_in_subscriptions() {
  zmq::message_t request;
  Joined joined;
  while (socket_.socket().recv(request, zmq::recv_flags::dontwait)) {
    // The first byte is 1 for who joins, 0 for who leaves; the rest is how the topics begin.
    const std::string_view text = request.to_string_view();
    if (text.empty() || text.front() != 1) continue;
    joined.somebody = true;
    joined.to_maps = joined.to_maps || wire::kMapTopic.starts_with(text.substr(1));
    joined.to_dynamics = joined.to_dynamics || wire::kDynamicsTopic.starts_with(text.substr(1));
  }
  return joined;
}

void Publisher::repeat(std::string_view topic, const result::ResultMessage& last) {
  if (last.body_case() == result::ResultMessage::BODY_NOT_SET) return;
  result::ResultMessage copy = last;
  copy.set_repeated(true);
  send(topic, copy, nullptr);
}

void Publisher::greet() {
  repeat(wire::kSnapshotTopic, setup_);
  repeat(wire::kSeriesTopic, series_);
  repeat(wire::kFrameTopic, frame_);
  repeat(wire::kStatusTopic, status_);
}

void Publisher::greet_with_maps() {
  for (const WholeMap* map : {&scan_map_, &tile_map_}) {
    if (map->empty()) continue;
    result::ResultMessage whole;
    *whole.mutable_map() = map->update();
    whole.set_repeated(true);
    send(wire::kMapTopic, whole, nullptr);
  }
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
  dashboard_->publish(binary_message(to_json_line(message_.display()), image.payload),
                      OnOverflow::kLatestImage);
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
    case result::ResultMessage::kDynamics:
      remember_dynamics(message);
      break;
    case result::ResultMessage::kMap:
      assemble(message.map());
      break;
    default:
      break;
  }
}

// The end of a series does not replace what is known of the next.
void Publisher::remember_dynamics(const result::ResultMessage& message) {
  const std::uint64_t running = series_.series().series_id();
  const bool overtaken = message.dynamics().final() && dynamics_.has_dynamics() &&
                         dynamics_.dynamics().series_id() == running &&
                         message.dynamics().series_id() != running;
  if (!overtaken) dynamics_ = message;
}

void Publisher::assemble(const result::MapUpdate& update) {
  WholeMap& whole = update.kind() == result::MapUpdate::TILES ? tile_map_ : scan_map_;
  const WholeMap::Outcome outcome = whole.add(update);
  map_refused_ = outcome != WholeMap::Outcome::kTaken;
  if (!map_refused_ || refusal_told_series_ == update.series_id()) return;
  refusal_told_series_ = update.series_id();
  spdlog::warn(
      "a map of {} x {} positions and {} channels is passed on but not kept ({}): clients that join, and the "
      "dashboard, do not get it",
      update.rows(), update.columns(), update.channel_size(),
      outcome == WholeMap::Outcome::kTooLarge ? text::concatenate("more than ", kMaxMapValues, " values")
                                              : "its arrays do not fit each other");
}

void Publisher::show(const result::ResultMessage& message) {
  if (dashboard_ == nullptr || dashboard_->clients() == 0) return;
  if (message.has_frame()) {
    show_frame(message);
  } else if (message.has_dynamics()) {
    dashboard_->publish(dynamics_message(message), OnOverflow::kLatestDynamics);
  } else if (!message.has_map()) {
    dashboard_->publish(as_text(message), OnOverflow::kKeep);
  } else if (!map_refused_) {
    dashboard_->publish(as_binary(message), policy(message.map()));
  }
}

void Publisher::show_frame(const result::ResultMessage& message) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_shown_) return;
  next_shown_ = now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                          std::chrono::duration<double>(1 / configuration_.dashboard().frame_rate_hz()));
  result::ResultMessage page = message;
  strip_for_page(page);
  dashboard_->publish(as_text(page), OnOverflow::kDropOldest);
}

std::vector<WelcomeMessage> Publisher::welcome() const {
  std::vector<WelcomeMessage> messages;
  const auto add = [&messages](const result::ResultMessage& message) {
    if (message.body_case() != result::ResultMessage::BODY_NOT_SET) messages.push_back({as_text(message)});
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
  result::ResultMessage envelope;
  envelope.set_daemon_id(daemon_id_);
  envelope.set_published_utc_ns(utc_now_ns());
  add_map(scan_map_, envelope, messages);
  add_map(tile_map_, envelope, messages);
  if (dynamics_.has_dynamics())
    messages.push_back({dynamics_message(dynamics_), OnOverflow::kLatestDynamics});
  return messages;
}

}  // namespace glasswatch

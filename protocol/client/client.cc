#include "protocol/client/client.h"

#include <google/protobuf/util/json_util.h>

#include <cerrno>
#include <utility>

#include "protocol/client/wait_readable.h"
#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr int kQueueMessages = 100'000;  // a client that prints slowly must not lose results at once

void connect(zmq::socket_t& socket, const std::string& endpoint) {
  try {
    socket.set(zmq::sockopt::linger, 0);
    socket.connect(endpoint);
  } catch (const zmq::error_t& error) {
    throw ClientError("endpoint \"" + endpoint + "\" cannot be used: " + error.what() +
                      "; write it like tcp://127.0.0.1:7110");
  }
}

}  // namespace

ResultSubscriber::ResultSubscriber(const std::string& endpoint, const std::vector<std::string>& topics)
    : socket_(context_, zmq::socket_type::sub) {
  socket_.set(zmq::sockopt::rcvhwm, kQueueMessages);
  socket_.set(zmq::sockopt::reconnect_ivl, 100);
  socket_.set(zmq::sockopt::reconnect_ivl_max, 1000);
  if (topics.empty()) socket_.set(zmq::sockopt::subscribe, "");
  for (const std::string& topic : topics) socket_.set(zmq::sockopt::subscribe, topic);
  connect(socket_, endpoint);
}

std::optional<ResultSubscriber::Received> ResultSubscriber::next(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (!wait_readable(socket_, left)) return std::nullopt;
    std::vector<zmq::message_t> parts;
    zmq::message_t part;
    try {
      do {
        if (!socket_.recv(part, zmq::recv_flags::none)) return std::nullopt;
        parts.push_back(std::move(part));
      } while (parts.back().more());
    } catch (const zmq::error_t& error) {
      if (error.num() == EINTR) return std::nullopt;  // a signal: the caller looks at its stop flag
      throw;
    }
    Received received;
    if (parts.size() < 2 ||
        !received.message.ParseFromArray(parts[1].data(), static_cast<int>(parts[1].size())) ||
        received.message.schema_version() > wire::kSchemaVersion) {
      ++undecodable_;
      continue;
    }
    received.topic = parts[0].to_string();
    if (parts.size() > 2) {
      const auto* pixels = static_cast<const std::uint8_t*>(parts[2].data());
      received.payload.assign(pixels, pixels + parts[2].size());
    }
    count_missed(received.message);
    if (seen_before(received.message)) continue;
    return received;
  }
}

void ResultSubscriber::count_missed(const result::ResultMessage& message) {
  if (message.daemon_id() == daemon_id_ && message.sequence() > next_sequence_) {
    missed_ += message.sequence() - next_sequence_;
  }
  daemon_id_ = message.daemon_id();
  next_sequence_ = message.sequence() + 1;
}

bool ResultSubscriber::seen_before(const result::ResultMessage& message) {
  if (!message.has_frame()) return false;
  const result::FrameResult& frame = message.frame();
  const bool last = frame.series_id() == last_series_id_ && frame.sequence() == last_frame_;
  last_series_id_ = frame.series_id();
  last_frame_ = frame.sequence();
  return message.repeated() && last;
}

ControlClient::ControlClient(std::string endpoint, std::chrono::milliseconds timeout)
    : endpoint_(std::move(endpoint)), timeout_(timeout) {}

ControlClient::Answer ControlClient::ask(control::Request request) {
  zmq::socket_t socket(context_,
                       zmq::socket_type::req);  // a fresh one: an unanswered REQ socket cannot send again
  connect(socket, endpoint_);
  request.set_schema_version(wire::kSchemaVersion);
  const std::string bytes = request.SerializeAsString();
  socket.send(zmq::buffer(bytes), zmq::send_flags::dontwait);
  if (!wait_readable(socket, timeout_)) {
    throw ClientError(
        text::concatenate("no answer from ", endpoint_, " within ", timeout_.count(),
                          " ms; is glasswatchd running, and is --control its service.control_endpoint?"));
  }
  Answer answer;
  zmq::message_t part;
  if (!socket.recv(part, zmq::recv_flags::none) ||
      !answer.reply.ParseFromArray(part.data(), static_cast<int>(part.size()))) {
    throw ClientError("the answer from " + endpoint_ + " is no control.Reply; is it the control endpoint?");
  }
  while (part.more()) {
    result::ResultMessage message;
    if (!socket.recv(part, zmq::recv_flags::none) ||
        !message.ParseFromArray(part.data(), static_cast<int>(part.size()))) {
      throw ClientError("the snapshot from " + endpoint_ + " holds a part that is no result");
    }
    answer.frames.push_back(std::move(*message.mutable_frame()));
  }
  return answer;
}

std::string to_json_line(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) throw ClientError("a message cannot be written as JSON: " + status.ToString());
  return json;
}

}  // namespace glasswatch

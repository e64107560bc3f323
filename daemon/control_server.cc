#include "daemon/control_server.h"

#include <spdlog/spdlog.h>

#include <stdexcept>
#include <utility>

#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr std::int64_t kMaxRequestBytes = 64 * 1024;

void refuse(control::Error::Code code, std::string message, control::Reply& reply) {
  reply.mutable_error()->set_code(code);
  reply.mutable_error()->set_message(std::move(message));
}

}  // namespace

ControlServer::ControlServer(boost::asio::io_context& io, zmq::context_t& context,
                             const config::Configuration& configuration, SharedState& state,
                             const Publisher& publisher, StatusSource status, Recorder* recorder)
    : configuration_(configuration),
      socket_(io, context, zmq::socket_type::rep),
      state_(state),
      publisher_(publisher),
      status_(std::move(status)),
      recorder_(recorder),
      symmetry_(configuration.symmetry()) {
  zmq::socket_t& socket = socket_.socket();
  socket.set(zmq::sockopt::linger, 500);
  socket.set(zmq::sockopt::maxmsgsize, kMaxRequestBytes);
  const std::string& wanted = configuration.service().control_endpoint();
  try {
    socket.bind(wanted);
  } catch (const zmq::error_t& error) {
    throw std::runtime_error("service.control_endpoint = \"" + wanted + "\" cannot be bound: " +
                             error.what() + "; is another glasswatchd running? choose a free port");
  }
  endpoint_ = socket.get(zmq::sockopt::last_endpoint);
}

void ControlServer::start() {
  socket_.on_readable([this] { answer_all(); });
}

void ControlServer::answer_all() {
  zmq::socket_t& socket = socket_.socket();
  zmq::message_t part;
  while (socket.recv(part, zmq::recv_flags::dontwait)) {
    control::Request request;
    const bool sound = !part.more() && request.ParseFromArray(part.data(), static_cast<int>(part.size()));
    while (part.more() && socket.recv(part, zmq::recv_flags::none)) {
    }
    control::Reply reply;
    if (!sound) {
      refuse(control::Error::MALFORMED, "the request is no control.Request of one part", reply);
    } else {
      reply = answer(request);
      keep_for_recording(request, reply);
    }
    reply.set_schema_version(wire::kSchemaVersion);
    *reply.mutable_status() = status_();
    const bool frames = reply.has_snapshot();
    const std::string bytes = reply.SerializeAsString();
    const bool parts_follow = frames && !publisher_.history().empty();
    socket.send(zmq::buffer(bytes), parts_follow ? zmq::send_flags::sndmore : zmq::send_flags::none);
    if (!parts_follow) continue;
    for (std::size_t i = 0; i < publisher_.history().size(); ++i) {
      const bool last = i + 1 == publisher_.history().size();
      socket.send(zmq::buffer(publisher_.history()[i]),
                  last ? zmq::send_flags::none : zmq::send_flags::sndmore);
    }
  }
}

control::Reply ControlServer::answer(const control::Request& request) {
  control::Reply reply;
  if (request.schema_version() == 0 || request.schema_version() > wire::kSchemaVersion) {
    refuse(control::Error::MALFORMED,
           text::concatenate("schema_version ", request.schema_version(), "; this daemon knows 1 to ",
                             wire::kSchemaVersion),
           reply);
    return reply;
  }
  switch (request.command_case()) {
    case control::Request::kStatus:
      break;
    case control::Request::kSnapshot: {
      control::Snapshot& snapshot = *reply.mutable_snapshot();
      *snapshot.mutable_setup() = publisher_.setup().setup();
      *snapshot.mutable_series() = publisher_.series().series();
      for (const result::TriggerEvent& event : publisher_.triggers()) *snapshot.add_triggers() = event;
      for (const WholeMap* map : {&publisher_.scan_map(), &publisher_.tile_map()}) {
        if (!map->empty()) *snapshot.add_maps() = map->update();
      }
      if (const auto dynamics = state_.dynamics()) *snapshot.mutable_dynamics() = *dynamics;
      snapshot.set_frames(publisher_.history().size());
      snapshot.set_frames_forgotten(publisher_.forgotten());
      break;
    }
    case control::Request::kArm:
      arm(reply);
      break;
    case control::Request::kDisarm:
      state_.set_armed(false);
      spdlog::info("disarmed by {}", request.client());
      break;
    case control::Request::kReset:
      state_.request_reset();
      break;
    case control::Request::kCalibrate:
      calibrate(reply);
      break;
    case control::Request::kChangeSymmetry:
      change_symmetry(request.change_symmetry(), reply);
      break;
    case control::Request::kRecord:
      record(request, reply);
      break;
    case control::Request::COMMAND_NOT_SET:
      refuse(control::Error::UNKNOWN_COMMAND, "the request has no command that this daemon knows", reply);
      break;
  }
  return reply;
}

// What clients did belongs to the story of a recording.
void ControlServer::keep_for_recording(const control::Request& request, const control::Reply& reply) {
  const bool looks_only = request.has_status() || request.has_snapshot();
  if (recorder_ == nullptr || looks_only || request.command_case() == control::Request::COMMAND_NOT_SET)
    return;
  const auto* command = control::Request::descriptor()->FindFieldByNumber(request.command_case());
  recorder_->note(text::concatenate("client ", request.client(), ": ", command->name(), " {",
                                    request.ShortDebugString(), "}",
                                    reply.has_error() ? ": refused: " + reply.error().message() : ""));
}

void ControlServer::record(const control::Request& request, control::Reply& reply) {
  if (recorder_ == nullptr) {
    refuse(control::Error::NOT_CONFIGURED,
           "the configuration has no recording section; add recording { directory: \"...\" }", reply);
  } else if (!request.record().start()) {
    if (const std::string refusal = recorder_->request_stop(request.client()); !refusal.empty()) {
      refuse(control::Error::FAILED, refusal, reply);
    }
  } else if (const std::string refusal = recorder_->request_start(request.client()); !refusal.empty()) {
    refuse(control::Error::FAILED, refusal, reply);
  }
}

void ControlServer::calibrate(control::Reply& reply) {
  if (!configuration_.calibration().has_estimate()) {
    refuse(control::Error::NOT_CONFIGURED,
           "the configuration gives the calibration; add `estimate { }` to its calibration section", reply);
    return;
  }
  state_.request_calibration();
  spdlog::info("a new calibration was asked for");
}

void ControlServer::change_symmetry(const control::ChangeSymmetry& change, control::Reply& reply) {
  if (!configuration_.has_symmetry()) {
    refuse(control::Error::NOT_CONFIGURED, "the configuration has no symmetry section", reply);
    return;
  }
  config::Configuration changed = configuration_;
  config::Symmetry& symmetry = *changed.mutable_symmetry();
  symmetry = symmetry_;
  if (change.has_r_min_px()) symmetry.set_r_min_px(change.r_min_px());
  if (change.has_r_max_px()) symmetry.set_r_max_px(change.r_max_px());
  if (change.has_ring_min_inv_nm()) symmetry.set_ring_min_inv_nm(change.ring_min_inv_nm());
  if (change.has_ring_max_inv_nm()) symmetry.set_ring_max_inv_nm(change.ring_max_inv_nm());
  if (change.orders_size() > 0) *symmetry.mutable_orders() = change.orders();
  try {
    check_configuration(changed);
  } catch (const ConfigurationError& error) {
    refuse(control::Error::INVALID_VALUE, error.what(), reply);
    return;
  }
  symmetry_ = symmetry;
  state_.request_symmetry(symmetry_);
  spdlog::info("rows and orders of the symmetry were changed");
}

void ControlServer::arm(control::Reply& reply) {
  if (configuration_.trigger_size() == 0) {
    refuse(control::Error::NOT_CONFIGURED,
           "the configuration has no trigger rule; add a `trigger { ... }` section", reply);
    return;
  }
  const SharedState::View view = state_.view();
  if (view.state == result::ERROR) {
    refuse(control::Error::WRONG_STATE,
           "the daemon is in ERROR (" + view.error + "); `glasswatch reset` first", reply);
    return;
  }
  state_.set_armed(true);
  spdlog::info("armed");
}

}  // namespace glasswatch

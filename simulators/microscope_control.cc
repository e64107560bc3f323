#include "simulators/microscope_control.h"

#include <algorithm>
#include <iostream>

#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"
#include "simulators/publisher.h"

namespace glasswatch::simulation {
namespace {

constexpr std::size_t kRemembered = 256;

control::MicroscopeReply refusal(std::uint64_t command_id, const std::string& detail) {
  control::MicroscopeReply reply;
  reply.set_schema_version(wire::kSchemaVersion);
  reply.set_command_id(command_id);
  reply.set_accepted(false);
  reply.set_detail(detail);
  return reply;
}

}  // namespace

MicroscopeControl::MicroscopeControl(zmq::context_t& context, const std::string& endpoint)
    : socket_(context, zmq::socket_type::rep) {
  socket_.set(zmq::sockopt::linger, 0);
  bind_or_throw(socket_, endpoint, "--control-endpoint");
  endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
}

control::MicroscopeReply MicroscopeControl::answer(const void* bytes, std::size_t size,
                                                   const Execute& execute) {
  control::MicroscopeCommand command;
  if (!command.ParseFromArray(bytes, static_cast<int>(size))) {
    return refusal(0,
                   text::concatenate("request of ", size, " bytes is no MicroscopeCommand (control.proto)"));
  }
  if (command.schema_version() == 0 || command.schema_version() > wire::kSchemaVersion) {
    return refusal(command.command_id(),
                   text::concatenate("schema_version ", command.schema_version(),
                                     " is not known; allowed: 1 to ", wire::kSchemaVersion));
  }
  const auto known = std::find_if(answered_.begin(), answered_.end(), [&](const auto& reply) {
    return reply.command_id() == command.command_id();
  });
  if (known != answered_.end()) return *known;
  auto reply = execute(command);
  answered_.push_back(reply);
  if (answered_.size() > kRemembered) answered_.pop_front();
  std::cerr << (reply.accepted() ? "command: " : "command refused: ") << reply.detail()
            << (command.reason().empty() ? "" : " (" + command.reason() + ")") << '\n';
  return reply;
}

void MicroscopeControl::service(const Execute& execute) {
  zmq::message_t request;
  while (socket_.recv(request, zmq::recv_flags::dontwait)) {
    // A request of several parts is not ours; what is left of it is thrown away and the first part judged.
    zmq::message_t rest;
    bool more = request.more();
    while (more && socket_.recv(rest, zmq::recv_flags::dontwait)) more = rest.more();
    const std::string reply = answer(request.data(), request.size(), execute).SerializeAsString();
    socket_.send(zmq::buffer(reply), zmq::send_flags::dontwait);
  }
}

}  // namespace glasswatch::simulation

#include "daemon/microscope_link.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "protocol/client/wait_readable.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPoll = std::chrono::milliseconds(50);  // how soon a stop is noticed while waiting for a reply

double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

MicroscopeLink::MicroscopeLink(zmq::context_t& context, const config::Microscope& microscope, Done done)
    : microscope_(microscope), context_(context), done_(std::move(done)) {}

MicroscopeLink::~MicroscopeLink() {
  stop();
}

void MicroscopeLink::start() {
  thread_ = std::thread([this] { run(); });
}

void MicroscopeLink::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  doorbell_.ring();
  if (thread_.joinable()) thread_.join();
}

bool MicroscopeLink::order(const MicroscopeOrder& order) {
  {
    const std::scoped_lock lock(mutex_);
    if (busy_ || stopping_) return false;
    busy_ = true;
    waiting_ = order;
  }
  doorbell_.ring();
  return true;
}

void MicroscopeLink::run() {
  for (;;) {
    std::optional<MicroscopeOrder> order;
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_ && !waiting_) return;
      std::swap(order, waiting_);
    }
    if (!order) {
      doorbell_.wait_until(Clock::now() + std::chrono::seconds(1));
      continue;
    }
    try {
      carry_out(*order);
    } catch (const std::exception& error) {  // the socket could not be used: nothing went out
      order->event.set_outcome(result::TriggerEvent::NOT_SENT);
      order->event.set_detail(error.what());
    }
    done_(std::move(order->event));
    const std::scoped_lock lock(mutex_);
    busy_ = false;
  }
}

void MicroscopeLink::carry_out(MicroscopeOrder& order) {
  // A fresh socket per command: a REQ socket that was never answered cannot send again.
  zmq::socket_t socket(context_, zmq::socket_type::req);
  socket.set(zmq::sockopt::linger, 0);
  socket.connect(microscope_.endpoint());
  const auto sent_at = Clock::now();
  order.event.set_result_to_send_s(seconds(sent_at - order.decided_at));
  const std::string request = order.command.SerializeAsString();
  socket.send(zmq::buffer(request), zmq::send_flags::dontwait);

  const auto deadline = sent_at + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(microscope_.timeout_s()));
  while (!wait_readable(socket, kPoll)) {
    const std::scoped_lock lock(mutex_);
    if (Clock::now() < deadline && !stopping_) continue;
    order.event.set_outcome(result::TriggerEvent::TIMED_OUT);
    order.event.set_detail(text::concatenate("no answer from ", microscope_.endpoint(), " within ",
                                             text::shortest(microscope_.timeout_s()),
                                             " s; whether the command was executed is unknown"));
    return;
  }
  zmq::message_t answer;
  if (!socket.recv(answer, zmq::recv_flags::dontwait)) return;
  order.event.set_send_to_reply_s(seconds(Clock::now() - sent_at));
  control::MicroscopeReply reply;
  const bool sound = reply.ParseFromArray(answer.data(), static_cast<int>(answer.size())) &&
                     reply.command_id() == order.command.command_id();
  order.event.set_outcome(sound && reply.accepted() ? result::TriggerEvent::ACKNOWLEDGED
                                                    : result::TriggerEvent::REFUSED);
  order.event.set_detail(sound ? reply.detail() : "the answer is no MicroscopeReply to this command");
}

}  // namespace glasswatch

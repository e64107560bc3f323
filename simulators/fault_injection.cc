#include "simulators/fault_injection.h"

#include <algorithm>
#include <iostream>
#include <limits>
#include <utility>

#include "protocol/wire/wire.h"
#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

using scenario::Fault;

constexpr std::uint64_t kRateStream = 0x1720;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
constexpr std::size_t kMostHeldBytes = std::size_t{256} << 20;

std::size_t bytes_of(const Message& message) {
  return sizeof(Message) + message.pixels.size();
}

void oversize(Message& message) {
  constexpr std::size_t kStrayBytes = 64;
  const auto& frame = message.header.frame();
  const std::size_t row_bytes = frame.columns() * bytes_per_pixel(wire::pixel_type(frame.pixel_type()));
  const std::size_t more = message.header.has_frame() ? row_bytes : kStrayBytes;
  message.pixels = message.pixels.resized(message.pixels.size() + more);
}

void wrong_header(Message& message) {
  if (message.header.has_frame()) {
    message.header.mutable_frame()->set_rows(message.header.frame().rows() + 1);
  } else {
    message.header.set_schema_version(wire::kSchemaVersion + 1);
  }
}

void truncate(Message& message) {
  if (message.header.has_frame()) {
    message.pixels = message.pixels.resized(message.pixels.size() / 2);
  } else {
    message.raw_header = message.header.SerializeAsString();
    message.raw_header.resize(message.raw_header.size() / 2);
  }
}

// What happens to the bytes of the message alone.
void spoil(Fault::Kind kind, Message& message) {
  switch (kind) {
    case Fault::OVERSIZE:
      return oversize(message);
    case Fault::WRONG_HEADER:
      return wrong_header(message);
    case Fault::TRUNCATE:
      return truncate(message);
    case Fault::GARBAGE:
      message.raw_header.assign(message.header.ByteSizeLong(), '\xff');
      return;
    case Fault::NAN_TEMPERATURE:
      if (message.header.has_environment()) {
        message.header.mutable_environment()->set_temperature_c(std::numeric_limits<double>::quiet_NaN());
      }
      return;
    default:
      return;
  }
}

void step_stamps(stream::StreamMessage& header, std::int64_t step_ns) {
  if (header.has_frame()) {
    auto& frame = *header.mutable_frame();
    frame.set_exposure_start_utc_ns(frame.exposure_start_utc_ns() + step_ns);
    frame.set_exposure_end_utc_ns(frame.exposure_end_utc_ns() + step_ns);
  } else if (header.has_environment()) {
    auto& sample = *header.mutable_environment();
    sample.set_time_utc_ns(sample.time_utc_ns() + step_ns);
  } else if (header.has_series_start()) {
    auto& timing = *header.mutable_series_start()->mutable_timing();
    timing.set_start_utc_ns(timing.start_utc_ns() + step_ns);
  } else if (header.has_environment_start()) {
    auto& start = *header.mutable_environment_start();
    start.set_start_utc_ns(start.start_utc_ns() + step_ns);
  }
}

bool is_counted(const Message& message) {
  return message.header.has_frame() || message.header.has_environment();
}

}  // namespace

FaultInjector::FaultInjector(const scenario::Scenario& scenario, Fault::Stream stream,
                             std::int64_t start_utc_ns)
    : seed_(scenario.seed()),
      stalled_until_utc_ns_(kNever),
      disconnected_until_utc_ns_(kNever),
      frozen_until_utc_ns_(kNever) {
  for (int i = 0; i < scenario.fault_size(); ++i) {
    const Fault& fault = scenario.fault(i);
    if (fault.stream() != stream) continue;
    Plan plan{.fault = fault,
              .index = static_cast<std::uint64_t>(i),
              .sequences = {fault.sequence().begin(), fault.sequence().end()},
              .times_utc_ns = {}};
    for (const double at_s : fault.at_s()) plan.times_utc_ns.push_back(start_utc_ns + to_ns(at_s));
    plans_.push_back(std::move(plan));
  }
}

void FaultInjector::accept(Message message, std::int64_t due_utc_ns) {
  const bool counted = is_counted(message);
  if (std::exchange(series_id_, message.header.series_id()) != message.header.series_id()) restarted_at_ = 0;
  const Fault* fault = counted ? fault_of(message, due_utc_ns) : nullptr;
  if (fault != nullptr) begin(*fault, message, due_utc_ns);
  apply_lasting(message, due_utc_ns);
  if (!counted) {
    // The series is settled before its end, or before the next begins.
    if (swapped_) leave(*std::exchange(swapped_, std::nullopt), due_utc_ns);
    leave_by(due_utc_ns);
  }
  if (fault != nullptr) spoil(fault->kind(), message);
  const auto is = [fault](Fault::Kind kind) { return fault != nullptr && fault->kind() == kind; };
  if (is(Fault::SWAP_WITH_NEXT) && !swapped_) {
    swapped_ = std::move(message);
    return;
  }
  if (is(Fault::DUPLICATE)) leave(message, due_utc_ns);
  if (!is(Fault::LOSE)) {
    const std::int64_t late_ns = is(Fault::DELAY) ? to_ns(fault->duration_s()) : 0;
    leave(std::move(message), due_utc_ns + late_ns);
  }
  if (swapped_) leave(*std::exchange(swapped_, std::nullopt), due_utc_ns);
}

void FaultInjector::settle(std::int64_t now_utc_ns) {
  if (swapped_) leave(*std::exchange(swapped_, std::nullopt), now_utc_ns);
}

std::optional<std::int64_t> FaultInjector::leaves_utc_ns() const {
  return leaving_.empty() ? std::nullopt : std::optional(leaving_.begin()->first);
}

Message FaultInjector::release() {
  auto first = leaving_.extract(leaving_.begin());
  held_bytes_ -= bytes_of(first.mapped());
  return std::move(first.mapped());
}

const Fault* FaultInjector::fault_of(const Message& message, std::int64_t due_utc_ns) {
  const Fault* first = nullptr;
  for (Plan& plan : plans_) {
    if (hits(plan, message, due_utc_ns) && first == nullptr) first = &plan.fault;
  }
  ++count_;
  return first;
}

bool FaultInjector::hits(Plan& plan, const Message& message, std::int64_t due_utc_ns) const {
  const bool numbered = plan.sequences.erase(message.header.sequence()) > 0;
  const bool timed = std::erase_if(plan.times_utc_ns, [&](auto time) { return due_utc_ns >= time; }) > 0;
  if (numbered || timed) return true;
  return plan.fault.rate() > 0 &&
         Random(seed_, kRateStream, plan.index << 40 | count_).uniform() < plan.fault.rate();
}

// Sets what lasts beyond this message.
void FaultInjector::begin(const Fault& fault, const Message& message, std::int64_t due_utc_ns) {
  const std::int64_t until_utc_ns = due_utc_ns + to_ns(fault.duration_s());
  switch (fault.kind()) {
    case Fault::FROZEN_TEMPERATURE:
      frozen_until_utc_ns_ = until_utc_ns;
      frozen_c_ = previous_c_.value_or(message.header.environment().temperature_c());
      return;
    case Fault::CLOCK_STEP:
      clock_step_ns_ += to_ns(fault.step_s());
      return;
    case Fault::STALL:
      stalled_until_utc_ns_ = std::max(stalled_until_utc_ns_, until_utc_ns);
      return;
    case Fault::DISCONNECT:
      disconnected_until_utc_ns_ = std::max(disconnected_until_utc_ns_, until_utc_ns);
      return;
    case Fault::RESTART_SEQUENCE:
      restarted_at_ = message.header.sequence();
      return;
    default:
      return;
  }
}

void FaultInjector::apply_lasting(Message& message, std::int64_t due_utc_ns) {
  auto& header = message.header;
  if (clock_step_ns_ != 0) step_stamps(header, clock_step_ns_);
  if (header.has_environment()) {
    previous_c_ = header.environment().temperature_c();
    if (due_utc_ns < frozen_until_utc_ns_) header.mutable_environment()->set_temperature_c(frozen_c_);
  }
  if (restarted_at_ == 0) return;
  header.set_sequence(header.sequence() - restarted_at_);
  if (header.has_series_end())
    header.mutable_series_end()->set_count(header.series_end().count() - restarted_at_);
}

// A stall holds everything back, so that nothing overtakes what is held already.
void FaultInjector::leave(Message message, std::int64_t when_utc_ns) {
  held_bytes_ += bytes_of(message);
  leaving_.emplace(std::max(when_utc_ns, stalled_until_utc_ns_), std::move(message));
  if (held_bytes_ <= kMostHeldBytes) return;
  std::cerr << "fault injection: more than 256 MiB are held back; everything leaves now\n";
  stalled_until_utc_ns_ = kNever;
  leave_by(kNever);
}

// Whatever would leave later leaves then, in the same order.
void FaultInjector::leave_by(std::int64_t when_utc_ns) {
  const std::int64_t latest_utc_ns = std::max(when_utc_ns, stalled_until_utc_ns_);
  for (auto late = leaving_.upper_bound(latest_utc_ns); late != leaving_.end();
       late = leaving_.upper_bound(latest_utc_ns)) {
    auto node = leaving_.extract(late);
    node.key() = latest_utc_ns;
    leaving_.insert(std::move(node));
  }
}

}  // namespace glasswatch::simulation

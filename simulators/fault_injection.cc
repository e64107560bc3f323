#include "simulators/fault_injection.h"

#include <utility>

#include "protocol/wire/wire.h"

namespace glasswatch::simulation {
namespace {

void oversize(Message& message) {
  constexpr std::size_t kStrayBytes = 64;
  const auto& frame = message.header.frame();
  const std::size_t row_bytes = frame.columns() * bytes_per_pixel(wire::pixel_type(frame.pixel_type()));
  message.pixels.resize(message.pixels.size() + (message.header.has_frame() ? row_bytes : kStrayBytes));
}

void wrong_header(Message& message) {
  if (message.header.has_frame()) {
    message.header.mutable_frame()->set_rows(message.header.frame().rows() + 1);
  } else {
    message.header.set_schema_version(wire::kSchemaVersion + 1);
  }
}

}  // namespace

FaultInjector::FaultInjector(const scenario::Scenario& scenario, scenario::Fault::Stream stream) {
  for (const auto& fault : scenario.fault()) {
    if (fault.stream() != stream) continue;
    for (const std::uint64_t sequence : fault.sequence()) faults_.emplace(sequence, fault.kind());
  }
}

std::optional<scenario::Fault::Kind> FaultInjector::fault_of(const Message& message) {
  if (!message.header.has_frame() && !message.header.has_environment()) return std::nullopt;
  const auto found = faults_.find(message.header.sequence());
  if (found == faults_.end()) return std::nullopt;
  const auto kind = found->second;
  faults_.erase(message.header.sequence());
  return kind;
}

std::vector<Message> FaultInjector::apply(Message message) {
  std::vector<Message> out;
  const bool ends = message.header.has_series_end();
  const auto fault = fault_of(message);
  if (fault == scenario::Fault::SWAP_WITH_NEXT && !held_) {
    held_ = std::move(message);
    return out;
  }
  if (ends && held_) out.push_back(std::move(*std::exchange(held_, std::nullopt)));
  if (fault == scenario::Fault::OVERSIZE) oversize(message);
  if (fault == scenario::Fault::WRONG_HEADER) wrong_header(message);
  if (fault == scenario::Fault::GARBAGE) message.raw_header.assign(message.header.ByteSizeLong(), '\xff');
  if (fault == scenario::Fault::DUPLICATE) out.push_back(message);
  if (fault != scenario::Fault::LOSE) out.push_back(std::move(message));
  if (held_) out.push_back(std::move(*std::exchange(held_, std::nullopt)));
  return out;
}

}  // namespace glasswatch::simulation

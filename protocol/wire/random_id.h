// Identities that do not repeat after a restart: of series, daemons, commands.
#pragma once

#include <cstdint>
#include <random>

namespace glasswatch::wire {

/// 64 random bits from the operating system, never 0.
inline std::uint64_t random_id() {
  std::random_device device;
  const std::uint64_t id = (std::uint64_t{device()} << 32) | device();
  return id == 0 ? 1 : id;
}

}  // namespace glasswatch::wire

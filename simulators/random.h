// Random numbers that are the same with every compiler and library, and that are addressed, not consumed in
// turn: each frame and each sample has its own sequence, so a run gives the same bytes whatever its speed.
#pragma once

#include <array>
#include <cstdint>

namespace glasswatch::simulation {

/// xoshiro256++ (Blackman & Vigna, ACM TOMS 47 (2021) 36) seeded by SplitMix64 from (seed, stream, index).
/// Not thread-safe; 32 bytes, cheap to make.
class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t stream, std::uint64_t index);

  std::uint64_t next();

  /// Uniform in the open interval (0, 1), 53 bits.
  double uniform() { return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53; }

  /// Standard normal, by Box & Muller (Ann. Math. Stat. 29 (1958) 610).
  double gaussian();

  /// Poisson variate of the given mean. Below 10 by inversion (sequential search); above by transformed
  /// rejection with squeeze, PTRS (Hörmann, Insurance: Mathematics and Economics 12 (1993) 39). Exact in law
  /// up to rounding, means 0 to 1e9; a mean that is not above 0 gives 0. About 20 to 40 ns.
  std::int64_t poisson(double mean);

 private:
  std::int64_t poisson_inversion(double mean);
  std::int64_t poisson_ptrs(double mean);

  std::array<std::uint64_t, 4> state_;
};

}  // namespace glasswatch::simulation

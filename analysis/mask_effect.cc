#include "analysis/mask_effect.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

MaskEffect mask_effect(std::span<const std::uint8_t> valid) {
  GLASSWATCH_CHECK(!valid.empty(), valid.size());
  const std::size_t bins = valid.size(), half = bins / 2;
  // Three times around the circle, so that shifts need no modulus; opposite: bin and the one across are
  // valid.
  std::vector<std::uint8_t> open(3 * bins), opposite(3 * bins);
  for (std::size_t j = 0; j < 3 * bins; ++j) {
    open[j] = valid[j % bins] != 0 ? 1 : 0;
    opposite[j] = open[j] != 0 && valid[(j + half) % bins] != 0 ? 1 : 0;
  }
  const auto matches = [bins](const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b,
                              std::size_t d) {
    int count = 0;
    for (std::size_t j = 0; j < bins; ++j) count += a[j] & b[j + d];
    return static_cast<double>(count);
  };
  double same = 0, across = 0, both = 0;
  for (std::size_t d = 0; d < bins; ++d) {
    const double pairs = matches(open, open, d);
    if (pairs == 0) return {kNaN, kNaN, kNaN};
    same += 1 / pairs;
    across += matches(opposite, open, d) / (pairs * matches(open, open, d + half));
    both += matches(opposite, opposite, d) / (pairs * pairs);
  }
  return {same, (same + 2 * across + both) / 4, std::sqrt(std::max(same - 2 * across + both, 0.0)) / 2};
}

}  // namespace glasswatch::analysis

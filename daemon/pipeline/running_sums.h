// The raw sums of a series, by whichever correlator the configuration asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/exact_correlator.h"
#include "analysis/multi_tau_correlator.h"
#include "analysis/parallel.h"
#include "analysis/pixel_sums.h"
#include "protocol/schema/configuration.pb.h"

namespace glasswatch {

/// What the sums of a series need to know.
struct SumsGeometry {
  int rows = 0;
  int columns = 0;
  PixelType pixel_type{};
  double period_s = 0;
  std::uint64_t expected_frames = 0;  // 0 = unknown: the series may be endless
};

/// An exact or a multi-tau correlator. One thread; kernels share their work through Parallel.
class RunningSums {
 public:
  /// Why there cannot be sums of this geometry under these settings; nothing = there can. What does not fit
  /// into limit_mib is refused here, before anything is allocated.
  static std::optional<std::string> refusal(const config::Ecm& settings, const SumsGeometry& geometry,
                                            std::size_t limit_mib);
  static std::size_t memory_bytes(const config::Ecm& settings, const SumsGeometry& geometry);

  RunningSums(const config::Ecm& settings, const SumsGeometry& geometry, std::span<const std::uint8_t> mask);

  analysis::FrameOutcome add(std::int64_t slot, const FrameView& frame, double weight,
                             analysis::Parallel& parallel);
  void update(analysis::Parallel& parallel);
  void reset();

  const analysis::PixelSums& sums() const;
  std::uint64_t frames_missing() const;
  std::int64_t longest_lag_slots() const { return longest_lag_slots_; }

 private:
  std::unique_ptr<analysis::ExactCorrelator> exact_;
  std::unique_ptr<analysis::MultiTauCorrelator> multi_tau_;  // exactly one of the two
  std::int64_t longest_lag_slots_ = 0;
};

}  // namespace glasswatch

// From summed patterns to the calibration in force: what is given stays, what is not is estimated.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

struct CalibrationEstimate {
  result::Calibration calibration;
  std::vector<std::uint8_t> mask;  // given and found together
};

/// What the configuration alone says: GIVEN when that is all there is to know, else PENDING with NaN for the
/// rest.
result::Calibration given_calibration(const config::Calibration& given);

/// `known`: given_calibration() with the facts about the camera filled in. sum: of `frames` patterns, rows *
/// columns. Origin FAILED, with a reason, when the data do not carry it.
CalibrationEstimate estimate_calibration(const result::Calibration& known, const config::Calibration& given,
                                         const config::Symmetry& settings, std::span<const float> sum,
                                         int rows, int columns, std::uint32_t frames,
                                         std::span<const std::uint8_t> given_mask);

}  // namespace glasswatch

// The axes and metadata groups of a HyperSpy experiment.
#pragma once

#include <H5Cpp.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "detectors/frame_times.h"
#include "protocol/schema/streams.pb.h"

namespace glasswatch::hyperspy {

/// One axis of the data array, in array order. Scale 0 = not calibrated.
struct Axis {
  double scale = 0;
  std::string units;
  std::optional<bool> navigate;  // true: frames lie along it; false: it is inside the frame
};

/// Reads axis-0 ... axis-(rank-1) of an experiment; missing groups or attributes leave their defaults.
std::vector<Axis> read_axes(const H5::Group& experiment, std::size_t rank);

/// A length in nm per pixel, a reciprocal length in 1/nm (k = 1/d) or a time in s, from a unit as users write
/// it.
struct Calibration {
  enum class Kind { kUnknown, kLength, kReciprocal, kTime };
  Kind kind = Kind::kUnknown;
  double value = 0;
};
Calibration calibration(const Axis& axis);

/// Start time and exposure where General/{date,time,time_zone} and the camera's exposure are given. A date
/// without a time zone is taken as UTC and `zone_assumed` set.
FileTimes read_times(const H5::Group& experiment, bool& zone_assumed);

/// Fills camera name, optics and stage from metadata/Acquisition_instrument/TEM and General (HyperSpy's
/// units: keV, mm, degrees).
void describe(const H5::Group& experiment, stream::SeriesStart& start);

}  // namespace glasswatch::hyperspy

// What falls on the camera: one way of looking at the specimen.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "protocol/schema/streams.pb.h"

namespace glasswatch::simulation {

/// One exposure, as the microscope stood when it was taken.
struct Exposure {
  std::uint64_t index = 0;  // of all exposures begun in the run
  double start_s = 0;       // since the start of the run
  double end_s = 0;
  double temperature_c = 0;  // of the specimen, middle of the exposure
  double shift_row_nm = 0;   // of the image on the camera: drift that was not corrected
  double shift_column_nm = 0;
  double defocus_nm = 0;  // added to the mode's own
  double dose_scale = 1;  // times frames.dose_e_per_px
  std::uint32_t scan_row = 0;
  std::uint32_t scan_column = 0;
  double probe_row_nm = 0;  // of the probe on the specimen, from the middle of the field, drift apart
  double probe_column_nm = 0;

  double middle_s() const { return (start_s + end_s) / 2; }
};

/// A map of planted truth for the truth file.
struct TruthMap {
  std::string name;  // dataset below /maps
  std::string units;
  std::string long_name;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;
};

/// Exposures come in order of time; one that begins before the middle of the last (a command may have
/// cancelled that one) finds the specimen as it was left. Not thread-safe; may use threads of its own, with
/// results that do not depend on them.
class ImagingMode {
 public:
  virtual ~ImagingMode() = default;

  /// Sets optics (mode, high tension, pixel size and unit, defocus) and, for scans, the scan.
  virtual void describe(stream::SeriesStart& start) const = 0;

  /// Mean number of electrons on each pixel (row-major, rows x columns of the frames) before any noise.
  virtual void expected_electrons(const Exposure& exposure, std::span<float> electrons) = 0;

  /// Planted maps, pixels of the frames (or positions of the scan).
  virtual std::vector<TruthMap> truth_maps() const { return {}; }
};

}  // namespace glasswatch::simulation

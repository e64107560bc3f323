// The filter that makes speckle of white noise.
#pragma once

#include <span>
#include <vector>

namespace glasswatch::analysis {

/// Gives white noise on a field that repeats periodically the autocorrelation exp(-4 ln 2 d^2/size^2) at
/// whole pixels d, and keeps its variance. The taps are the square root of the spectrum, which for a Gaussian
/// is positive however coarsely it is sampled: exact to 1e-5 where the speckle is smaller than a third of the
/// field, as near as its period allows where it is larger. Separable; cost (row taps + column taps) multiply-
/// adds per pixel, about 25 for 2.5 px. Applying changes nothing in the object: many lanes may.
class SpeckleFilter {
 public:
  struct Scratch {
    std::vector<float> along_rows;  // the frame after the first pass
    std::vector<float> padded_row;  // continued periodically at both ends
  };

  /// size_px: full width at half maximum of the autocorrelation; 0: leaves frames as they are.
  SpeckleFilter(int rows, int columns, double size_px);

  Scratch scratch() const;
  /// (rows, columns), in place.
  void apply(std::span<float> frame, Scratch& scratch) const;

 private:
  void apply_along_rows(std::span<const float> frame, Scratch& scratch) const;

  std::size_t rows_, columns_;
  std::vector<float> row_taps_, column_taps_;  // a single 1: none
};

/// exp(-4 ln 2 d^2/size^2).
double speckle_autocorrelation(double distance_px, double size_px);

/// Sum over displacements of the autocorrelation of speckle, >= 1: pixels per independent value. 1 for
/// size_px
/// <= 1. Conservative for whatever goes with the square of the intensity.
double pixels_per_speckle(double size_px);

}  // namespace glasswatch::analysis

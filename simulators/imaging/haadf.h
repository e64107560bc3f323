// High-angle annular dark-field images and element maps: how much of what lies under each pixel.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/imaging/imaging_mode.h"
#include "simulators/specimen/specimen.h"

namespace glasswatch::simulation {

/// Where the upper left pixel of an image is looking: its centre is at (pixel_nm / 2 + x_nm, pixel_nm / 2 +
/// y_nm) of the field.
struct ImageFrame {
  std::size_t rows = 0;
  std::size_t columns = 0;
  double pixel_nm = 0;
  Point offset;
};

/// Atoms of `element` per nm^2 of the film's plane, row-major, at the points under the centres of the pixels;
/// the field repeats. Number density of the packing (times channel_density in channels) with the composition
/// of the region, times thickness; the part of the thickness that lies in a nucleus has the density of its
/// phase instead, of the earlier born where nuclei overlap. Motifs have about the glass' density and count as
/// glass. Cost: a look-up in the film per pixel, on `threads`; results do not depend on them. Thread-safe.
std::vector<float> element_map(const Specimen& specimen, Element element, const ImageFrame& frame,
                               int threads = 1);

/// Electrons proportional to the sum over atoms of Z^1.64 (Krivanek et al., Nature 464 (2010) 571), convolved
/// with a Gaussian probe of full width probe_nm at half maximum. The mean of the field, as it is at
/// construction, is dose_e_per_px. No texture from single atoms: in a film many atoms thick it is far below
/// the contrast of the regions. Cost: one element map per exposure. Not thread-safe; uses `threads` of its
/// own.
class HaadfMode : public ImagingMode {
 public:
  HaadfMode(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen, int threads);

  void describe(stream::SeriesStart& start) const override;

  /// A specimen that has drifted by (shift_row_nm, shift_column_nm) appears moved by so much.
  void expected_electrons(const Exposure& exposure, std::span<float> electrons) override;

  /// region: 1 core, 2 channel; copper, zirconium: atoms per nm^2 as the specimen is now. No drift.
  std::vector<TruthMap> truth_maps() const override;

 private:
  void add_up(const Point& shift, std::span<float> image);

  scenario::Haadf settings_;
  double dose_e_per_px_;
  ImageFrame frame_;
  std::shared_ptr<const Specimen> specimen_;
  int threads_;
  std::vector<float> probe_;       // weights along one axis, of an odd number of pixels
  std::vector<float> projected_;   // sum of Z^1.64 per nm^2, with a margin for the probe
  std::vector<float> along_rows_;  // the same, blurred along rows
  double electrons_per_weight_ = 1;
};

}  // namespace glasswatch::simulation

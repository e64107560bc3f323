// Tilted dark field: the aperture lies on the first amorphous ring, and the image is speckle that comes and
// goes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/imaging/imaging_mode.h"
#include "simulators/imaging/kww_process.h"
#include "simulators/specimen/specimen.h"

namespace glasswatch::simulation {

/// Expected electrons per pixel, at specimen coordinates s = r - shift,
///   E(r, t) = dose B(s) max(0, 1 + a z(s, t)) / m,
/// B the brightness of regions and columns (mean of the frame = 1, edges smoothed by a pixel or two), z the
/// field of kww_process.h, m the mean of the cut Gaussian, a such that, of the counts behind the camera's
/// blur, g2 = 1 + A exp(-(t / tau)^beta), shot noise at lag 0 apart: A the contrast, tau and beta those of
/// the region, tau(T) as in scenario.proto. It holds at every lag (within 1e-4 of A): the speckle is frozen
/// during an exposure and is that of its middle. (A real exposure averages over its length; its contrast is
/// smaller and its curve no stretched exponential where tau is not long against it. Frozen, the closed form
/// holds for every exposure and every frame rate.)
///
/// Between exposures tau follows a temperature that goes linearly from the one to the other.
///
/// The middle of pixel (row, column) lies at y = (row + 1/2) pixel_nm, x = (column + 1/2) pixel_nm of the
/// film. With drift the frame is moved periodically as a whole: what leaves it on one side comes in on the
/// other, which is the film's own repetition only where the frame is as large as its field.
///
/// Nuclei: one in ten, chosen once for all, diffracts into the aperture and is a disc of its radius, 4 times
/// as bright as the mean, without speckle; the others are not seen. This stands for orientation and
/// reflections without computing them.
class DarkFieldMode : public ImagingMode {
 public:
  /// `scenario` has a dark_field section. Maps are made here: about 0.1 s for 966 x 839 pixels.
  DarkFieldMode(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen, int threads);

  void describe(stream::SeriesStart& start) const override;

  /// The speckle goes on to the middle of the exposure; asked again for the same time it gives the same
  /// image.
  void expected_electrons(const Exposure& exposure, std::span<float> electrons) override;

  /// tau_s (at reference_c), beta, contrast, region (1 core, 2 channel), brightness.
  std::vector<TruthMap> truth_maps() const override;

 private:
  struct SpeckleClass {
    Region region;
    double tau_s;  // at reference_c
    double beta;
  };
  struct Layout {
    std::vector<SpeckleClass> classes;
    std::vector<std::uint8_t> labels;  // class of each pixel
    std::vector<float> brightness;     // of each pixel; sharp at edges until smoothed
  };
  struct Moment {
    double time_s;
    double temperature_c;
  };

  static Layout lay_out(const scenario::Scenario& scenario, const Film& film);
  static SpeckleField speckle_field(const scenario::Scenario& scenario, const Layout& layout, int threads);

  void smooth_brightness();
  double rate_factor(double temperature_c) const;  // tau at reference_c over tau
  void advance(const Moment& now);
  std::span<const float> brightness_at(double shift_row_px, double shift_column_px);
  void draw_nuclei(const Exposure& exposure, double electrons_in_disc, std::span<float> electrons) const;

  scenario::DarkField settings_;
  std::size_t rows_;
  std::size_t columns_;
  double dose_;
  std::uint64_t seed_;
  int threads_;
  std::shared_ptr<const Specimen> specimen_;
  Layout layout_;
  SpeckleField speckle_;
  double amplitude_ = 0;  // a
  double cut_mean_ = 1;   // m
  PeriodicFilter filter_;
  std::vector<float> shifted_brightness_;
  std::optional<Moment> last_;
};

}  // namespace glasswatch::simulation

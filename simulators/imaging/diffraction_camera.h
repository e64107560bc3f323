// Where reciprocal space falls on the camera, and what lies over every diffraction pattern: inelastic
// background, direct beam, beam stop.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"

namespace glasswatch::simulation {

/// Crest of the first ring of Cu-Zr glass (1/d), where the dose is meant.
constexpr double kRingInvNm = 4.3;

/// A vector in the plane of the specimen (nm) or of the pattern (nm^-1): x along image columns, y along rows.
struct Planar {
  double x = 0;
  double y = 0;
};

/// With d the offset of a pixel from the centre of the pattern and kappa = k_per_px_inv_nm, the pixel sees
///   k = kappa M d,   M = R(angle) diag(1 / sqrt(ratio), sqrt(ratio)) R(-angle):
/// a ring of the specimen is an ellipse of the same area on the camera, its major axis `ellipse_angle_deg`
/// from +column towards +row. M is symmetric, so k . r = kappa d . M r.
///
/// Expected electrons of a pixel: dose_scale T (elastic + inelastic + direct),
///   inelastic = dose b / (1 + b) (k0^2 + kR^2) / (k0^2 + k^2), k0 = 1 nm^-1, kR = kRingInvNm,
///   direct = dose central_beam exp(-k^2 / (2 width^2)),
///   T = 0 within `beam_stop_px` of the ray that leaves the centre at `beam_stop_angle_deg` (a needle with a
///       round tip), rising linearly to 1 over one pixel.
/// The inelastic part, b times the elastic crest at the ring, is the Lorentzian of single inelastic
/// scattering (Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed., Springer 2011,
/// section 3.2) with a width that stands for repeated scattering. Immutable, thread-safe.
class DiffractionCamera {
 public:
  struct Settings {
    std::size_t rows = 0;
    std::size_t columns = 0;
    double center_row_px = 0;
    double center_column_px = 0;
    double k_per_px_inv_nm = 0;
    double ellipse_ratio = 1;
    double ellipse_angle_deg = 0;
    double beam_stop_px = 0;  // 0: none
    double beam_stop_angle_deg = 0;
    double background = 0;
    double central_beam = 0;
    double central_width_inv_nm = 0;  // standard deviation
    double dose_e_per_px = 0;
  };
  /// `mode` is the scenario's nanobeam or selected_area section. Not set: ellipse (round), width of the
  /// direct beam.
  template <typename Mode>
  static Settings settings(const scenario::Frames& frames, const Mode& mode);

  explicit DiffractionCamera(const Settings& settings);

  const Settings& settings() const { return settings_; }

  /// M v.
  Planar rounded(const Planar& v) const;

  /// The inverse of rounded().
  Planar stretched(const Planar& v) const;

  /// k at a pixel, nm^-1.
  Planar wave_vector(double row_px, double column_px) const;

  /// |k| at the corner of the frame that is farthest from the centre, nm^-1.
  double largest_k_inv_nm() const;

  /// Elastic electrons that belong on the crest of the mean ring: dose / (1 + background).
  double ring_electrons() const { return settings_.dose_e_per_px / (1 + settings_.background); }

  /// Turns elastic electrons into those expected, in place, for the pixels from `first_px` (row-major) on.
  void complete(std::size_t first_px, double dose_scale, std::span<float> electrons) const;

 private:
  float transmission_at(double row_px, double column_px) const;
  float unscattered_at(double k_inv_nm) const;

  Settings settings_;
  double xx_ = 1;  // M
  double xy_ = 0;
  double yy_ = 1;
  std::vector<float> transmission_;
  std::vector<float> static_;  // T (inelastic + direct)
};

template <typename Mode>
DiffractionCamera::Settings DiffractionCamera::settings(const scenario::Frames& frames, const Mode& mode) {
  Settings settings;
  settings.rows = frames.rows();
  settings.columns = frames.columns();
  settings.center_row_px = mode.has_center_row_px() ? mode.center_row_px() : (frames.rows() - 1) / 2.0;
  settings.center_column_px = mode.has_center_col_px() ? mode.center_col_px() : (frames.columns() - 1) / 2.0;
  settings.k_per_px_inv_nm = mode.k_per_px_inv_nm();
  settings.beam_stop_px = mode.beam_stop_px();
  settings.beam_stop_angle_deg = mode.beam_stop_angle_deg();
  settings.background = mode.background();
  settings.central_beam = mode.central_beam();
  settings.dose_e_per_px = frames.dose_e_per_px();
  return settings;
}

}  // namespace glasswatch::simulation

// High-resolution images of the film: a weak phase object in slabs, seen through an aberrated lens.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/imaging/imaging_mode.h"
#include "simulators/specimen/specimen.h"

namespace glasswatch::simulation {

/// The objective lens in linear imaging of weak phase objects.
class Lens {
 public:
  explicit Lens(const scenario::Hrtem& settings);

  /// Contrast per unit of phase shift, 2 sin(chi) E_t E_s:
  ///   chi = pi lambda df k^2 + pi/2 Cs lambda^3 k^4, df > 0 overfocus (the lens too strong);
  ///   E_t = exp(-(pi lambda delta k^2)^2 / 2), delta the standard deviation of the focus (focal_spread_nm);
  ///   E_s = exp(-(pi alpha (Cs lambda^2 k^3 + df k))^2), alpha the semi-angle of convergence.
  /// Williams & Carter, Transmission Electron Microscopy, 2nd ed. (2009), ch. 28; Frank, Optik 38 (1973) 519.
  /// Positive where atoms are bright: with Cs < 0 and overfocus.
  double contrast_transfer(double k_inv_nm, double defocus_nm) const;

  /// Above this k^2 the focal spread leaves less than 1e-4; infinite without a focal spread. nm^-2.
  double information_limit_inv_nm2() const;

 private:
  double wavelength_nm_;
  double cs_nm_;
  double focal_spread_nm_;
  double convergence_rad_;
};

/// Expected electrons per pixel
///   dose * max(0.02, b(r) + A sum_s IFFT[phi_s(k) 2 sin(chi(k; df - (z_s - middle))) E(k)]),
/// phi_s = sigma V_s the phase shift by slab s of the film, sigma V(k) = sigma h^2 / (2 pi m0 e) f(k) for
/// each atom (Kirkland, Advanced Computing in Electron Microscopy, 2nd ed. (2010), ch. 5), f the mean of the
/// glass, an element's weight that of its f at 4.3 nm^-1; z_s the slab's middle. A is fixed at construction:
/// the image of the glass at the mode's own defocus then has a standard deviation of `contrast` times the
/// mean (where the lens transfers nothing A is 0). Pixel (row, column) is at x = (column + 1/2) pixel_nm, y =
/// (row + 1/2) pixel_nm of the field; drift moves the image by any fraction of a pixel, and what leaves the
/// frame on one side comes in on the other. The specimen is seen as in the middle of the exposure.
///
/// Glass: patches of 1.5 nm pitch, blended by cosine windows whose squares add up to 1, each showing a
/// projection of the packing from a random place, depth and turn. A patch is renewed at the rate 1 / tau(T),
/// so that the correlation of the speckle falls as exp(-integral dt / tau). Channels: the amplitude is
/// sqrt(channel_density) of the cores', and b = 1 + 1.5 (1 - channel_density) with walls 0.5 nm soft (fewer
/// atoms scatter fewer electrons out of the aperture), scaled to a mean of 1 over the frame while all is
/// glass; what has crystallized is no longer brighter.
///
/// Crystals and motifs: their atoms, less their mean (a whole film shows no mean phase), and the glass
/// weakened to sqrt(1 - share of the slab's thickness). A place belongs to the nucleus that reaches it first.
/// A nucleus is drawn again when it has grown by 0.1 nm, and when it is full.
///
/// Cost: 2048 x 2048 pixels and 3 slabs take 0.12 s of one core per exposure (a slab in which nothing has
/// changed saves 0.03 s), more while hundreds of nuclei grow; memory: 12 bytes per pixel, and 12 per pixel
/// and slab. Not thread-safe; constructions may run side by side.
class HrtemMode : public ImagingMode {
 public:
  /// `threads` share the work on rows; the result does not depend on them. Frames, hrtem and specimen
  /// settings as validated.
  HrtemMode(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen, int threads);
  ~HrtemMode() override;
  HrtemMode(const HrtemMode&) = delete;
  HrtemMode& operator=(const HrtemMode&) = delete;

  void describe(stream::SeriesStart& start) const override;

  /// `electrons` has rows * columns elements, row-major.
  void expected_electrons(const Exposure& exposure, std::span<float> electrons) override;

  /// "region": 1 core, 2 channel; "tau_s" at the reference temperature, of the place (patches are 1.5 nm
  /// wide).
  std::vector<TruthMap> truth_maps() const override;

  /// A of the equation above: 1 would be the weak phase object's own contrast.
  double amplitude_scale() const;

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace glasswatch::simulation

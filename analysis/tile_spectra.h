// Local symmetry of an image: power spectra of windowed tiles, and their angular power around the ring.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "analysis/parallel.h"
#include "analysis/spectrum_ring.h"
#include "protocol/types/pixels.h"

namespace glasswatch::analysis {

enum class Window {
  kHann,  // sin^2(pi (j + 1/2)/tile) along rows and columns; of a constant only |kx|, |ky| <= 1 px survive
  kRectangle,  // 1: the edges' cross of streaks runs through the ring
};

/// Tiles of tile_px x tile_px pixels every step_px, fully inside the image; map position (i, j) has its first
/// pixel at (i step, j step).
struct TileGeometry {
  int rows = 0;  // of the image
  int columns = 0;
  int tile_px = 64;  // even, >= 16
  int step_px = 32;  // >= 1
  Window window = Window::kHann;
  double pixel_nm = 0;      // image pixel
  double k_min_inv_nm = 0;  // ring in the spectrum, k = 1/d
  double k_max_inv_nm = 0;  // at most Nyquist, 1/(2 pixel_nm)
  int radial_bins = 1;      // polar rows; the fewer, the more speckle a row averages over (see SpectrumRing)
  int azimuthal_bins = 180;
  bool flatten = true;  // power and peak relative to the frame's own mean spectrum

  int map_rows() const { return rows < tile_px ? 0 : (rows - tile_px) / step_px + 1; }
  int map_columns() const { return columns < tile_px ? 0 : (columns - tile_px) / step_px + 1; }
  double pixels_per_inv_nm() const { return tile_px * pixel_nm; }  // spectrum pixels
};

/// Why there can be no such tiles, in words; empty when there can.
std::string_view tile_geometry_fault(const TileGeometry& geometry);

/// Per tile: x = window (I - offset - m)/m with m the tile's mean of I - offset, S(k) = |FFT x|^2/sum
/// window^2, so that white noise of variance v relative to the mean has S = v. From S over the ring
/// (analysis/spectrum_ring.h): its mean, its strongest peak, its n-fold power.
///
/// With `flatten`, peak and power are those of S/R, R the mean over the frame's tiles of S/(its mean over the
/// ring), smoothed along the circle by 15 deg. What all tiles share (drift during the exposure, astigmatism,
/// the ring's profile) is divided out; without it, the direction that drift blurs hides its nuclei and every
/// tile has the same 2-fold power. A texture of the whole frame is divided out too. R stays 1 where it would
/// mostly be the tile itself: when the valid tiles are worth fewer than kMinIndependentTiles side by side.
///
/// A tile with a non-finite pixel, or whose mean is not above zero, is NaN in all maps; one without contrast
/// has a ring mean of 0, and no power and no peak: NaN. Transforms are in single precision: S is good to
/// about 1e-6 of the tile's largest S.
///
/// No allocation in process(). Every tile is computed by itself and R in a fixed order: same bits for any
/// number of lanes. About 11 us per 64 px tile and lane; memory tiles x (half the ring's pixels) x 4 bytes.
/// One process() at a time.
class TileSpectra {
 public:
  static constexpr double kMinIndependentTiles = 16;

  struct Maps {  // (map_rows, map_columns[, N]) row-major; float: shown and thresholded, not summed
    std::span<float> power;      // N orders: SpectrumRing::angular_power
    std::span<float> ring_mean;  // mean of S (never flattened): variance of I/<I> per frequency bin
    std::span<float> peak;       // SpectrumRing::peak
  };

  /// Requires tile_geometry_fault() to be empty, every order in 1 ... azimuthal_bins/2, lanes >= 1.
  TileSpectra(const TileGeometry& geometry, const std::vector<int>& orders, int lanes);
  ~TileSpectra();

  /// The image has the rows and columns of the geometry. offset_counts: what the camera adds to every pixel.
  void process(const FrameView& image, double offset_counts, Maps maps, Parallel& parallel);

  const TileGeometry& geometry() const { return geometry_; }

 private:
  class Lane;

  template <typename Pixel>
  void transform(const Pixel* pixels, double offset_counts, std::span<float> ring_mean, Parallel& parallel);
  void find_reference(std::span<const float> ring_mean);
  std::span<float> ring_of(std::size_t tile);

  TileGeometry geometry_;
  SpectrumRing ring_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<float> spectra_;    // (tiles, ring pixels): S
  std::vector<double> mean_;      // over the tiles, of S/(its ring mean)
  std::vector<double> smoothed_;  // R
  std::vector<double> cells_;     // scratch of the smoothing
  std::vector<float> one_over_reference_;
};

/// The spectrum S of the tile whose first pixel is (row_px, column_px), by the definition: direct Fourier
/// sums along columns, then rows, in double precision. spectrum: tile_px * tile_px, S(ky, kx) with zero
/// frequency at [tile_px/2, tile_px/2]. NaN where the tile is. O(tile^3). For tests.
void tile_spectrum_reference(const TileGeometry& geometry, const FrameView& image, double offset_counts,
                             int row_px, int column_px, std::span<double> spectrum);

}  // namespace glasswatch::analysis

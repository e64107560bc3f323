#include "simulators/imaging/hrtem.h"

#include <fftw3.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <new>
#include <numbers>
#include <optional>
#include <utility>

#include "simulators/activation.h"
#include "simulators/parallel.h"
#include "simulators/random.h"
#include "simulators/wide_loops.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kPatchStream = 0x1500;  // one for each slab, up to 0x150f
constexpr std::uint64_t kTextureStream = 0x1510;
constexpr std::uint64_t kColumnStream = 0x1511;
constexpr std::uint64_t kMotifStream = 0x1512;

constexpr double kPi = std::numbers::pi;
// h^2 / (2 pi m0 e): projected potential, V nm^3 in Fourier space, per nm of scattering factor.
constexpr double kPotentialVNm2 = 0.47878010;

constexpr double kRingInvNm = 4.3;  // first ring of the glass: elements are weighted with their f here
constexpr double kPatchNm = 1.5;    // pitch of the patches
constexpr double kSmallestPatchPx = 4;
constexpr double kGrowthStepNm = 0.1;  // of a nucleus' radius between two drawings
constexpr double kWallSoftnessNm = 0.5;
constexpr double kBrightnessPerDensity = 1.5;  // 15 % brighter for 10 % less density
constexpr double kDarkest = 0.02;              // of the mean: linear imaging has no bottom of its own
constexpr int kTableEntries = 1 << 15;
constexpr double kInformationLimit = 1e-4;

using Complex = std::complex<float>;

/// The pixels of a frame. A row of an in-place transform holds pitch() floats, or half() complex numbers.
struct Raster {
  std::size_t rows;
  std::size_t columns;
  double pixel_nm;

  std::size_t half() const { return columns / 2 + 1; }
  std::size_t pitch() const { return 2 * half(); }
  double height_nm() const { return static_cast<double>(rows) * pixel_nm; }
  double width_nm() const { return static_cast<double>(columns) * pixel_nm; }
  double centre_nm(std::size_t index) const { return (static_cast<double>(index) + 0.5) * pixel_nm; }
  double index_of(double position_nm) const { return position_nm / pixel_nm - 0.5; }
};

/// Cubic B-spline: the weights of four neighbouring pixels for an atom between the second and the third.
struct Footprint {
  explicit Footprint(double position_px) : first(static_cast<std::ptrdiff_t>(std::floor(position_px)) - 1) {
    const auto t = static_cast<float>(position_px - std::floor(position_px));
    const float s = 1 - t;
    weight = {s * s * s / 6, (4 - 6 * t * t + 3 * t * t * t) / 6, (4 - 6 * s * s + 3 * s * s * s) / 6,
              t * t * t / 6};
  }
  std::ptrdiff_t first;
  std::array<float, 4> weight{};
};

/// The spline's own spectrum at x cycles per pixel, sinc(x)^4.
double spline_transfer(double cycles_per_px) {
  if (cycles_per_px == 0) return 1;
  const double sinc = std::sin(kPi * cycles_per_px) / (kPi * cycles_per_px);
  return sinc * sinc * sinc * sinc;
}

/// What an atom counts in the projections: its scattering factor at the ring over the glass' mean there. The
/// shape f(k) of the mean is applied to all elements alike.
class AtomWeights {
 public:
  explicit AtomWeights(double cu_fraction) : cu_fraction_(cu_fraction) {
    for (const Element element : {Element::kCu, Element::kZr, Element::kO}) {
      weight_.at(static_cast<std::size_t>(element)) =
          static_cast<float>(scattering_factor_nm(element, kRingInvNm) / mean_factor_nm(kRingInvNm));
    }
  }
  float operator()(Element element) const { return weight_[static_cast<std::size_t>(element)]; }
  double per_nm3(const UnitCell& cell) const {
    double sum = 0;
    for (const UnitCell::Site& site : cell.sites) sum += (*this)(site.element);
    return sum / cell.volume_nm3();
  }
  double mean_factor_nm(double k_inv_nm) const {
    return cu_fraction_ * scattering_factor_nm(Element::kCu, k_inv_nm) +
           (1 - cu_fraction_) * scattering_factor_nm(Element::kZr, k_inv_nm);
  }

 private:
  double cu_fraction_;
  std::array<float, 3> weight_{};
};

// ------------------------------------------------------------------------------------------------ Textures

/// Projections of slices of the packing along its three axes, mirrored and turned, with the mean taken out.
/// The box is stretched to a whole number of pixels (less than 1 % where it has more than 50). A slice is as
/// thick as a slab; where the box is thinner its amplitude grows with the square root instead, as that of
/// independent layers would.
class Textures {
 public:
  Textures(const Packing& packing, const AtomWeights& weights, const Raster& raster, double slab_nm,
           std::size_t run_px, std::uint64_t seed)
      : edge_(static_cast<std::size_t>(std::max(4L, std::lround(packing.edge_nm() / raster.pixel_nm)))),
        pitch_(edge_ + run_px) {
    constexpr std::size_t kMost = 24;
    constexpr std::size_t kBytes = std::size_t{32} << 20;
    count_ = std::clamp<std::size_t>(kBytes / (edge_ * pitch_ * sizeof(float)), 3, kMost);
    values_.resize(count_ * edge_ * pitch_);
    for (std::size_t i = 0; i < count_; ++i) render(i, packing, weights, slab_nm, seed);
  }

  std::size_t count() const { return count_; }
  std::size_t edge_px() const { return edge_; }

  /// From `column` of `row` on as many pixels as the longest run; both below edge_px().
  const float* at(std::size_t texture, std::size_t row, std::size_t column) const {
    return values_.data() + (texture * edge_ + row) * pitch_ + column;
  }

 private:
  void render(std::size_t texture, const Packing& packing, const AtomWeights& weights, double slab_nm,
              std::uint64_t seed) {
    const double box = packing.edge_nm();
    const double slice = std::min(slab_nm, box);
    Random random(seed, kTextureStream, texture);
    const double begin = random.uniform() * box;
    const std::uint64_t turn = random.next() >> 61;
    std::vector<float> image(edge_ * edge_);
    for (const Atom& atom : packing.atoms()) {
      const std::array<double, 3> at{atom.x_nm, atom.y_nm, atom.z_nm};
      const double depth = at.at(texture % 3) - begin;
      if ((depth < 0 ? depth + box : depth) >= slice) continue;
      double u = at.at((texture + 1) % 3) / box;
      double v = at.at((texture + 2) % 3) / box;
      if (turn & 1) u = 1 - u;
      if (turn & 2) v = 1 - v;
      if (turn & 4) std::swap(u, v);
      splat(u, v, weights(atom.element), image);
    }
    store(texture, image, std::sqrt(slab_nm / slice));
  }

  void splat(double u, double v, float weight, std::vector<float>& image) const {
    const auto edge = static_cast<std::ptrdiff_t>(edge_);
    const Footprint across(u * static_cast<double>(edge));
    const Footprint down(v * static_cast<double>(edge));
    for (std::ptrdiff_t i = 0; i < 4; ++i) {
      const std::ptrdiff_t row = (down.first + i + edge) % edge;
      for (std::ptrdiff_t j = 0; j < 4; ++j) {
        const std::ptrdiff_t column = (across.first + j + edge) % edge;
        image[static_cast<std::size_t>(row * edge + column)] +=
            weight * down.weight[static_cast<std::size_t>(i)] * across.weight[static_cast<std::size_t>(j)];
      }
    }
  }

  void store(std::size_t texture, const std::vector<float>& image, double amplitude) {
    double mean = 0;
    for (const float value : image) mean += value;
    mean /= static_cast<double>(image.size());
    float* to = values_.data() + texture * edge_ * pitch_;
    for (std::size_t row = 0; row < edge_; ++row) {
      for (std::size_t column = 0; column < pitch_; ++column) {
        *to++ = static_cast<float>(amplitude * (image[row * edge_ + column % edge_] - mean));
      }
    }
  }

  std::size_t edge_;
  std::size_t pitch_;
  std::size_t count_ = 0;
  std::vector<float> values_;
};

// ------------------------------------------------------------------------------------------------- Patches

/// One direction of the grid of patches: patch i is centred on the edge between cells i - 1 and i, and the
/// last edge is the first one again. `rise` and `fall` are the windows of the patch behind and before a
/// pixel; their squares add up to 1.
struct Cells {
  Cells(std::size_t pixels, double pixel_nm) {
    const double pitch_px = std::max(kPatchNm / pixel_nm, kSmallestPatchPx);
    count = static_cast<std::size_t>(std::max(1L, std::lround(static_cast<double>(pixels) / pitch_px)));
    for (std::size_t i = 0; i <= count; ++i) edge.push_back(pixels * i / count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t width = edge[i + 1] - edge[i];
      widest = std::max(widest, width);
      for (std::size_t x = 0; x < width; ++x) {
        const double angle = kPi / 2 * (static_cast<double>(x) + 0.5) / static_cast<double>(width);
        cell_of.push_back(i);
        fall.push_back(static_cast<float>(std::cos(angle)));
        rise.push_back(static_cast<float>(std::sin(angle)));
      }
    }
  }
  std::size_t count = 0;
  std::size_t widest = 0;
  std::vector<std::size_t> edge;
  std::vector<std::size_t> cell_of;
  std::vector<float> rise;
  std::vector<float> fall;
};

/// What stays the same for the patches at one place of the grid, in every slab.
struct PatchPlace {
  Region region = Region::kCore;
  float amplitude = 1;
  double rate_factor = 1;  // over the region's rate of renewal
};

struct Patch {
  std::uint32_t generation = 0;
  double due = 0;  // value of rate_factor times the region's integral of the rate at which it is renewed
  std::uint32_t texture = 0;
  std::uint32_t row = 0;
  std::uint32_t column = 0;
};

/// Integral over time of the rate of renewal, 1 / tau(T), by the trapezoidal rule from exposure to exposure.
class Renewal {
 public:
  explicit Renewal(const scenario::Relaxation& settings) : settings_(settings) {}

  void pass(double time_s, double temperature_c) {
    const double rate =
        activated_rate(settings_.activation_ev(), temperature_c, settings_.reference_c()) / settings_.tau_s();
    if (time_s_) integral_ += std::max(0.0, time_s - *time_s_) * (rate + rate_per_s_) / 2;
    time_s_ = time_s;
    rate_per_s_ = rate;
  }
  double integral(Region region) const {
    return region == Region::kCore ? integral_ : integral_ / settings_.channel_tau_factor();
  }

 private:
  scenario::Relaxation settings_;
  std::optional<double> time_s_;
  double rate_per_s_ = 0;
  double integral_ = 0;
};

/// max(0, x), exactly, in a form that the compiler does not make a branch of.
inline float positive(float x) {
  return 0.5F * (x + std::abs(x));
}

/// sqrt(x), x >= 0, to 5e-6: two steps of Newton's from Lomont's guess by the exponent (Fast inverse square
/// root, 2003). The library's must set errno, which keeps loops from being vectorised.
inline float root(float x) {
  float inverse = std::bit_cast<float>(0x5f375a86 - (std::bit_cast<std::int32_t>(x) >> 1));
  inverse *= 1.5F - 0.5F * x * inverse * inverse;
  inverse *= 1.5F - 0.5F * x * inverse * inverse;
  return x * inverse;
}

/// Pixels of a run of a row under four patches: two above, two below.
struct Blend {
  std::array<const float*, 4> texture;  // above left, above right, below left, below right
  std::array<float, 4> amplitude;
};

GLASSWATCH_WIDE_COMPLEX void blend_run(const Blend& blend, const float* fall, const float* rise,
                                       std::size_t count, float* out) {
  const auto [a, b, c, d] = blend.texture;
  const auto [wa, wb, wc, wd] = blend.amplitude;
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = fall[i] * (wa * a[i] + wc * c[i]) + rise[i] * (wb * b[i] + wd * d[i]);
  }
}

GLASSWATCH_WIDE_COMPLEX void add_crystal(const float* crystal, const float* share, std::size_t count,
                                         float* out) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = out[i] * root(positive(1 - share[i])) + crystal[i];
  }
}

// ------------------------------------------------------------------------------------------------- Fourier
// transforms

struct FftwFree {
  void operator()(Complex* memory) const { fftwf_free(memory); }
};

/// A frame, or its spectrum in the same memory.
class Field {
 public:
  explicit Field(const Raster& raster)
      : size_(raster.rows * raster.half()),
        memory_(
            reinterpret_cast<Complex*>(fftwf_alloc_complex(size_))) {  // same layout by FFTW's documentation
    if (!memory_) throw std::bad_alloc();
    std::fill_n(memory_.get(), size_, Complex());
  }
  Complex* spectrum() { return memory_.get(); }
  const Complex* spectrum() const { return memory_.get(); }
  float* pixels() { return reinterpret_cast<float*>(memory_.get()); }

 private:
  std::size_t size_;
  std::unique_ptr<Complex[], FftwFree> memory_;
};

/// In-place transforms of fields of one size; neither carries a factor.
class Transform {
 public:
  explicit Transform(const Raster& raster) {
    static const bool kPlannerIsSafe = (fftwf_make_planner_thread_safe(), true);
    static_cast<void>(kPlannerIsSafe);
    Field field(raster);
    const int rows = static_cast<int>(raster.rows);
    const int columns = static_cast<int>(raster.columns);
    auto* spectrum = reinterpret_cast<fftwf_complex*>(field.spectrum());
    forward_ = fftwf_plan_dft_r2c_2d(rows, columns, field.pixels(), spectrum, FFTW_ESTIMATE);
    inverse_ = fftwf_plan_dft_c2r_2d(rows, columns, spectrum, field.pixels(), FFTW_ESTIMATE);
  }
  ~Transform() {
    fftwf_destroy_plan(forward_);
    fftwf_destroy_plan(inverse_);
  }
  Transform(const Transform&) = delete;
  Transform& operator=(const Transform&) = delete;

  void forward(Field& field) const {
    fftwf_execute_dft_r2c(forward_, field.pixels(), reinterpret_cast<fftwf_complex*>(field.spectrum()));
  }
  void inverse(Field& field) const {
    fftwf_execute_dft_c2r(inverse_, reinterpret_cast<fftwf_complex*>(field.spectrum()), field.pixels());
  }

 private:
  fftwf_plan forward_ = nullptr;
  fftwf_plan inverse_ = nullptr;
};

/// Signed frequency of bin `index` of `count`, cycles per pixel.
double cycles_per_px(std::size_t index, std::size_t count) {
  const auto signed_index =
      static_cast<double>(index) - (2 * index > count ? static_cast<double>(count) : 0.0);
  return signed_index / static_cast<double>(count);
}

/// exp(-2 pi i k shift) over the spline's own spectrum, for the first `bins` frequencies of one direction. At
/// Nyquist's frequency a real image has only the real part.
std::vector<Complex> shift_factors(std::size_t bins, std::size_t count, double shift_px) {
  std::vector<Complex> factors(bins);
  for (std::size_t i = 0; i < bins; ++i) {
    const double cycles = cycles_per_px(i, count);
    const std::complex<double> phase = std::polar(1 / spline_transfer(cycles), -2 * kPi * cycles * shift_px);
    factors[i] = 2 * i == count ? Complex(static_cast<float>(phase.real()), 0) : Complex(phase);
  }
  return factors;
}

GLASSWATCH_WIDE_COMPLEX void table_indices(const float* across, float down, std::size_t count,
                                           std::int32_t* index) {
  for (std::size_t i = 0; i < count; ++i) {
    // Nearest entry of what is never negative; lround would keep the loop from being vectorised.
    const float above = 0.5F + std::min(across[i] + down, static_cast<float>(kTableEntries));
    index[i] = static_cast<std::int32_t>(above);
  }
}

GLASSWATCH_WIDE_COMPLEX void add_filtered(const Complex* spectrum, const float* table,
                                          const std::int32_t* index, std::size_t count, Complex* sum) {
  const float* from = reinterpret_cast<const float*>(spectrum);
  float* to = reinterpret_cast<float*>(sum);
  for (std::size_t i = 0; i < count; ++i) {
    const float gain = table[index[i]];
    to[2 * i] += gain * from[2 * i];
    to[2 * i + 1] += gain * from[2 * i + 1];
  }
}

GLASSWATCH_WIDE_COMPLEX void multiply(const Complex* factors, Complex factor, std::size_t count,
                                      Complex* values) {
  const float* across = reinterpret_cast<const float*>(factors);
  float* to = reinterpret_cast<float*>(values);
  const float re = factor.real();
  const float im = factor.imag();
  for (std::size_t i = 0; i < count; ++i) {
    const float phase_re = across[2 * i] * re - across[2 * i + 1] * im;
    const float phase_im = across[2 * i] * im + across[2 * i + 1] * re;
    const float value_re = to[2 * i] * phase_re - to[2 * i + 1] * phase_im;
    to[2 * i + 1] = to[2 * i] * phase_im + to[2 * i + 1] * phase_re;
    to[2 * i] = value_re;
  }
}

GLASSWATCH_WIDE_COMPLEX void to_electrons(const float* image, float dose, std::size_t count,
                                          float* electrons) {
  for (std::size_t i = 0; i < count; ++i) {
    electrons[i] = dose * std::max(static_cast<float>(kDarkest), image[i]);
  }
}

// --------------------------------------------------------------------------------------------------- Slabs

/// An atom of a crystal or a motif relative to the centre of it.
struct Speck {
  double x_nm;
  double y_nm;
  double z_nm;  // of the film
  float weight;
};

/// What has been drawn of a nucleus.
struct Ball {
  double x_nm;  // relative to the one that grows
  double y_nm;
  double z_nm;
  double radius_nm;
  bool holds(double x, double y, double z) const {
    const double dx = x - x_nm;
    const double dy = y - y_nm;
    const double dz = z - z_nm;
    return dx * dx + dy * dy + dz * dz < radius_nm * radius_nm;
  }
};

/// One slab of the film.
struct Slab {
  Slab(std::uint32_t index, double thickness, const Raster& raster)
      : top_nm(index * thickness),
        bottom_nm((index + 1) * thickness),
        stream(kPatchStream + index),
        field(raster),
        filter(kTableEntries + 1) {}

  double thickness_nm() const { return bottom_nm - top_nm; }
  double middle_nm() const { return (top_nm + bottom_nm) / 2; }
  bool holds(double z_nm) const { return z_nm >= top_nm && z_nm < bottom_nm; }

  double top_nm;
  double bottom_nm;
  std::uint64_t stream;  // of its patches' random numbers
  std::vector<Patch> patches;
  std::vector<float> crystal;  // projected atoms, less their mean; empty until there are any
  std::vector<float> share;    // of the thickness that is not glass
  Field field;                 // spectrum of the projection
  bool changed = true;         // since the spectrum was taken
  std::vector<float> filter;   // of |k|^2, see HrtemMode::Parts::tabulate
};

/// A sphere that has grown, and the slab around it. Heights from the sphere's centre.
struct Growth {
  double top_nm;
  double bottom_nm;
  double before_nm;  // radius
  double now_nm;
  double mean_per_nm;   // projected per nm of crystal
  double share_per_nm;  // of the slab
};

// Takes the mean of the new part of a crystal out of its projection, and the glass out of its place, on a run
// of pixels: by the difference of the vertical chords inside the slab.
GLASSWATCH_WIDE_COMPLEX void add_growth(const Growth& growth, const Point& from, double pixel_nm,
                                        std::size_t count, float* crystal, float* share) {
  const auto top = static_cast<float>(growth.top_nm);
  const auto bottom = static_cast<float>(growth.bottom_nm);
  const auto x0 = static_cast<float>(from.x_nm);
  const auto step = static_cast<float>(pixel_nm);
  const auto before2 = static_cast<float>(growth.before_nm * growth.before_nm - from.y_nm * from.y_nm);
  const auto now2 = static_cast<float>(growth.now_nm * growth.now_nm - from.y_nm * from.y_nm);
  const auto mean = static_cast<float>(growth.mean_per_nm);
  const auto part = static_cast<float>(growth.share_per_nm);
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(count); ++i) {
    const float x = x0 + static_cast<float>(i) * step;
    const float before = root(positive(before2 - x * x));
    const float now = root(positive(now2 - x * x));
    const float height = positive(std::min(now, bottom) - std::max(-now, top)) -
                         positive(std::min(before, bottom) - std::max(-before, top));
    crystal[i] -= mean * height;
    share[i] += part * height;
  }
}

/// Distance along a direction in which the specimen repeats.
double nearest(double difference_nm, double field_nm) {
  return difference_nm - field_nm * std::round(difference_nm / field_nm);
}

/// A motif and its atoms: z in the film, x and y from the motif's axis.
struct DrawnMotif {
  double top_nm() const { return planted.z_nm - planted.height_nm / 2; }
  double bottom_nm() const { return planted.z_nm + planted.height_nm / 2; }

  PlantedMotif planted;
  std::vector<Speck> atoms;
  double mean_per_nm = 0;  // projected on a pixel, per nm of height
};

/// A motif that a growing nucleus reaches, and its axis from the nucleus' centre.
struct Reached {
  const DrawnMotif* motif;
  Point offset;
};

}  // namespace

// ---------------------------------------------------------------------------------------------------- Lens

Lens::Lens(const scenario::Hrtem& settings)
    : wavelength_nm_(electron_wavelength_nm(settings.high_tension_kv())),
      cs_nm_(settings.cs_um() * 1e3),
      focal_spread_nm_(settings.focal_spread_nm()),
      convergence_rad_(settings.convergence_mrad() * 1e-3) {}

double Lens::contrast_transfer(double k_inv_nm, double defocus_nm) const {
  const double k2 = k_inv_nm * k_inv_nm;
  const double chi =
      kPi * wavelength_nm_ * k2 * (defocus_nm + cs_nm_ * wavelength_nm_ * wavelength_nm_ * k2 / 2);
  const double temporal = kPi * wavelength_nm_ * focal_spread_nm_ * k2;
  const double spatial =
      kPi * convergence_rad_ * k_inv_nm * (cs_nm_ * wavelength_nm_ * wavelength_nm_ * k2 + defocus_nm);
  return 2 * std::sin(chi) * std::exp(-temporal * temporal / 2 - spatial * spatial);
}

double Lens::information_limit_inv_nm2() const {
  return std::sqrt(-2 * std::log(kInformationLimit)) / (kPi * wavelength_nm_ * focal_spread_nm_);
}

// --------------------------------------------------------------------------------------------------- Parts

class HrtemMode::Parts {
 public:
  Parts(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen, int threads);

  void describe(stream::SeriesStart& start) const;
  void expected_electrons(const Exposure& exposure, std::span<float> electrons);
  std::vector<TruthMap> truth_maps() const;
  double amplitude_scale() const { return amplitude_scale_; }

 private:
  Region region_at(std::size_t row, std::size_t column) const;
  std::vector<PatchPlace> make_places();
  std::vector<DrawnMotif> make_motifs() const;
  void make_slabs();
  void scale_contrast();
  void make_brightness();
  void brighten();

  void renew(Slab& slab, std::size_t index) const;
  void draw_motif(Slab& slab, const DrawnMotif& motif);
  void grow(std::size_t index);
  std::vector<Ball> neighbours(std::size_t index) const;
  std::vector<Reached> reached_motifs(const Nucleus& nucleus) const;
  std::vector<Speck> shell(std::size_t index, const std::vector<Reached>& motifs) const;
  void add_shell(Slab& slab, std::size_t index, const std::vector<Point>& images,
                 const std::vector<Speck>& specks, const std::vector<Reached>& motifs);
  void thicken(Slab& slab, const Growth& growth, const Point& centre, double radius_nm, const Point& offset);
  void begin_change(Slab& slab);
  void draw(Slab& slab, const Point& centre, const std::vector<Speck>& specks);
  template <typename Visit>
  void for_each_row(const Point& centre, double radius_nm, Visit visit) const;
  std::vector<Point> images_of(const Point& centre, double radius_nm) const;

  void refresh();
  void refresh(Slab& slab) const;
  void project_row(const Slab& slab, std::size_t row, float* out) const;
  void tabulate(double defocus_nm);
  void form_image(double shift_row_nm, double shift_column_nm);

  std::shared_ptr<const Specimen> specimen_;
  scenario::Hrtem settings_;
  std::uint64_t seed_;
  int threads_;
  double dose_e_per_px_;
  Raster raster_;
  Lens lens_;
  AtomWeights weights_;
  Transform transform_;
  Cells rows_;
  Cells columns_;
  Textures textures_;
  std::vector<double> rate_factor_;  // of every column
  std::vector<PatchPlace> places_;
  std::vector<DrawnMotif> motifs_;
  std::vector<double> drawn_nm_;  // radius of every nucleus
  Renewal renewal_;
  std::vector<Slab> slabs_;
  std::vector<float> excess_;   // brightness of the glass, less 1, rows x columns
  float brightness_scale_ = 0;  // makes the mean 1 before there are crystals
  Field brightness_;
  Field image_;
  double amplitude_scale_ = 1;
  std::optional<double> tabulated_nm_;  // defocus of the filters
  std::vector<float> across_;           // kx^2 in units of the filters' step
  double index_per_k2_ = 0;
};

HrtemMode::Parts::Parts(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen,
                        int threads)
    : specimen_(std::move(specimen)),
      settings_(scenario.hrtem()),
      seed_(scenario.seed()),
      threads_(threads),
      dose_e_per_px_(scenario.frames().dose_e_per_px()),
      raster_{scenario.frames().rows(), scenario.frames().columns(), settings_.pixel_nm()},
      lens_(settings_),
      weights_(specimen_->settings().cu_fraction()),
      transform_(raster_),
      rows_(raster_.rows, raster_.pixel_nm),
      columns_(raster_.columns, raster_.pixel_nm),
      textures_(specimen_->packing(), weights_, raster_, specimen_->film().thickness_nm() / settings_.slabs(),
                columns_.widest, seed_),
      places_(make_places()),
      motifs_(make_motifs()),
      renewal_(settings_.relaxation()),
      brightness_(raster_),
      image_(raster_) {
  const double nyquist2 = 0.5 / (raster_.pixel_nm * raster_.pixel_nm);  // |k|^2 in the corner
  index_per_k2_ = (kTableEntries - 1) / std::min(nyquist2, lens_.information_limit_inv_nm2());
  for (std::size_t i = 0; i < raster_.half(); ++i) {
    const double k = cycles_per_px(i, raster_.columns) / raster_.pixel_nm;
    across_.push_back(static_cast<float>(k * k * index_per_k2_));
  }
  make_slabs();
  scale_contrast();
  make_brightness();
  for (Slab& slab : slabs_) {
    for (const DrawnMotif& motif : motifs_) draw_motif(slab, motif);
  }
}

Region HrtemMode::Parts::region_at(std::size_t row, std::size_t column) const {
  return specimen_->film().at(raster_.centre_nm(column), raster_.centre_nm(row)).region;
}

std::vector<PatchPlace> HrtemMode::Parts::make_places() {
  const Film& film = specimen_->film();
  for (int column = 0; column < film.column_count(); ++column) {
    Random random(seed_, kColumnStream, static_cast<std::uint64_t>(column));
    rate_factor_.push_back(std::exp(-settings_.relaxation().ln_tau_spread() * random.gaussian()));
  }
  const auto in_channel = static_cast<float>(std::sqrt(specimen_->settings().channel_density()));
  std::vector<PatchPlace> places;
  for (std::size_t i = 0; i < rows_.count; ++i) {
    for (std::size_t j = 0; j < columns_.count; ++j) {
      const Film::Place at = film.at(static_cast<double>(columns_.edge[j]) * raster_.pixel_nm,
                                     static_cast<double>(rows_.edge[i]) * raster_.pixel_nm);
      places.push_back({at.region, at.region == Region::kChannel ? in_channel : 1.0F,
                        rate_factor_[static_cast<std::size_t>(at.column)]});
    }
  }
  return places;
}

std::vector<DrawnMotif> HrtemMode::Parts::make_motifs() const {
  std::vector<DrawnMotif> motifs;
  const double pixel_nm2 = raster_.pixel_nm * raster_.pixel_nm;
  std::vector<Atom> atoms;
  for (const PlantedMotif& motif : specimen_->motifs()) {
    Random random(seed_, kMotifStream, motifs.size());
    const double cu_fraction = motif.region == Region::kChannel ? specimen_->settings().channel_cu_fraction()
                                                                : specimen_->settings().cu_fraction();
    atoms.clear();
    append_motif(motif.kind, motif.radius_nm, motif.height_nm, motif.angle_rad, cu_fraction, random, atoms);
    DrawnMotif& drawn = motifs.emplace_back(DrawnMotif{motif, {}, 0});
    const double volume_nm3 = kPi * motif.radius_nm * motif.radius_nm * motif.height_nm;
    for (const Atom& atom : atoms) {
      drawn.atoms.push_back({atom.x_nm, atom.y_nm, motif.z_nm + atom.z_nm, weights_(atom.element)});
      drawn.mean_per_nm += weights_(atom.element) * pixel_nm2 / volume_nm3;
    }
  }
  return motifs;
}

void HrtemMode::Parts::make_slabs() {
  const double thickness_nm = specimen_->film().thickness_nm() / settings_.slabs();
  for (std::uint32_t i = 0; i < settings_.slabs(); ++i) {
    Slab& slab = slabs_.emplace_back(i, thickness_nm, raster_);
    slab.patches.resize(places_.size());
    for (std::size_t patch = 0; patch < places_.size(); ++patch) renew(slab, patch);
  }
}

// The image of the glass alone, measured once.
void HrtemMode::Parts::scale_contrast() {
  refresh();
  tabulate(0);
  form_image(0, 0);
  double sum = 0;
  double squares = 0;
  for (std::size_t row = 0; row < raster_.rows; ++row) {
    for (std::size_t column = 0; column < raster_.columns; ++column) {
      const double value = image_.pixels()[row * raster_.pitch() + column];
      sum += value;
      squares += value * value;
    }
  }
  const auto count = static_cast<double>(raster_.rows * raster_.columns);
  const double deviation = std::sqrt(std::max(0.0, squares / count - sum * sum / (count * count)));
  amplitude_scale_ = deviation > 0 ? settings_.contrast() / deviation : 0;  // no transfer, no contrast
  tabulated_nm_.reset();
}

void HrtemMode::Parts::make_brightness() {
  const scenario::Specimen& film = specimen_->settings();
  excess_.resize(raster_.rows * raster_.columns);
  const double excess = film.channel_nm() > 0 ? kBrightnessPerDensity * (1 - film.channel_density()) : 0;
  in_blocks(threads_, raster_.rows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      for (std::size_t column = 0; column < raster_.columns; ++column) {
        const double to_wall_nm =
            specimen_->film().at(raster_.centre_nm(column), raster_.centre_nm(row)).to_wall_nm;
        const double depth_nm = to_wall_nm - film.channel_nm() / 2;  // into the core
        excess_[row * raster_.columns + column] =
            static_cast<float>(excess * std::erfc(depth_nm / kWallSoftnessNm) / 2);
      }
    }
  });
  brighten();
}

// The bright field of the channels, as a spectrum that the projections are added to. What has crystallized is
// no longer brighter.
void HrtemMode::Parts::brighten() {
  in_blocks(threads_, raster_.rows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      float* out = brightness_.pixels() + row * raster_.pitch();
      for (std::size_t column = 0; column < raster_.columns; ++column) {
        const std::size_t i = row * raster_.columns + column;
        float glass = 1;
        for (const Slab& slab : slabs_) {
          if (!slab.share.empty()) glass -= slab.share[i] / static_cast<float>(slabs_.size());
        }
        out[column] = 1 + excess_[i] * std::max(glass, 0.0F);
      }
    }
  });
  transform_.forward(brightness_);
  if (brightness_scale_ == 0) brightness_scale_ = 1 / brightness_.spectrum()->real();
  const float scale = brightness_scale_;
  for (std::size_t row = 0; row < raster_.rows; ++row) {
    const double down = spline_transfer(cycles_per_px(row, raster_.rows));
    for (std::size_t column = 0; column < raster_.half(); ++column) {
      brightness_.spectrum()[row * raster_.half() + column] *=
          scale * static_cast<float>(down * spline_transfer(cycles_per_px(column, raster_.columns)));
    }
  }
}

void HrtemMode::Parts::renew(Slab& slab, std::size_t index) const {
  Patch& patch = slab.patches[index];
  const PatchPlace& place = places_[index];
  Random random(seed_, slab.stream, (std::uint64_t{index} << 32) | patch.generation);
  const auto below = [&random](std::size_t count) {
    return static_cast<std::uint32_t>(random.uniform() * static_cast<double>(count));
  };
  patch.due = renewal_.integral(place.region) * place.rate_factor - std::log(random.uniform());
  patch.texture = below(textures_.count());
  patch.row = below(textures_.edge_px());
  patch.column = below(textures_.edge_px());
  slab.changed = true;
  ++patch.generation;
}

// ---- ordered atoms

// The centres of all images, in the specimen that repeats, of a disc that falls on the frame with some part
// of it or of its atoms' splines.
std::vector<Point> HrtemMode::Parts::images_of(const Point& centre, double radius_nm) const {
  const double field_nm = specimen_->film().field_nm();
  const double reach_nm = radius_nm + 2 * raster_.pixel_nm;
  const auto first = [&](double x) { return x + field_nm * std::ceil((-reach_nm - x) / field_nm); };
  std::vector<Point> images;
  for (double y = first(centre.y_nm); y < raster_.height_nm() + reach_nm; y += field_nm) {
    for (double x = first(centre.x_nm); x < raster_.width_nm() + reach_nm; x += field_nm) {
      images.push_back({x, y});
    }
  }
  return images;
}

void HrtemMode::Parts::begin_change(Slab& slab) {
  slab.crystal.resize(raster_.rows * raster_.columns);
  slab.share.resize(raster_.rows * raster_.columns);
  slab.changed = true;
}

void HrtemMode::Parts::draw(Slab& slab, const Point& centre, const std::vector<Speck>& specks) {
  const auto clipped = [](std::ptrdiff_t first, std::size_t count) {
    const auto size = static_cast<std::ptrdiff_t>(count);
    return std::pair(std::clamp<std::ptrdiff_t>(-first, 0, 4),
                     std::clamp<std::ptrdiff_t>(size - first, 0, 4));
  };
  for (const Speck& speck : specks) {
    if (!slab.holds(speck.z_nm)) continue;
    const Footprint down(raster_.index_of(centre.y_nm + speck.y_nm));
    const Footprint across(raster_.index_of(centre.x_nm + speck.x_nm));
    const auto [top, bottom] = clipped(down.first, raster_.rows);
    const auto [left, right] = clipped(across.first, raster_.columns);
    for (std::ptrdiff_t i = top; i < bottom; ++i) {
      const float weight = speck.weight * down.weight[static_cast<std::size_t>(i)];
      for (std::ptrdiff_t j = left; j < right; ++j) {
        slab.crystal[static_cast<std::size_t>(down.first + i) * raster_.columns +
                     static_cast<std::size_t>(across.first + j)] +=
            weight * across.weight[static_cast<std::size_t>(j)];
      }
    }
  }
}

// Visits the pixels of every row of a disc on the frame: the first one's index, how many, and the first's
// distance from the disc's centre.
template <typename Visit>
void HrtemMode::Parts::for_each_row(const Point& centre, double radius_nm, Visit visit) const {
  const auto range = [this](double middle_nm, double reach_nm, std::size_t count) {
    const auto size = static_cast<double>(count);
    const double begin = std::clamp(std::ceil(raster_.index_of(middle_nm - reach_nm)), 0.0, size);
    const double end = std::clamp(std::floor(raster_.index_of(middle_nm + reach_nm)) + 1, begin, size);
    return std::pair(static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
  };
  const auto [top, bottom] = range(centre.y_nm, radius_nm, raster_.rows);
  for (std::size_t row = top; row < bottom; ++row) {
    const double y = raster_.centre_nm(row) - centre.y_nm;
    const double reach_nm = std::sqrt(std::max(0.0, radius_nm * radius_nm - y * y));
    const auto [left, right] = range(centre.x_nm, reach_nm, raster_.columns);
    visit(row * raster_.columns + left, right - left, Point{raster_.centre_nm(left) - centre.x_nm, y});
  }
}

void HrtemMode::Parts::draw_motif(Slab& slab, const DrawnMotif& motif) {
  const double height_nm =
      std::min(motif.bottom_nm(), slab.bottom_nm) - std::max(motif.top_nm(), slab.top_nm);
  if (height_nm <= 0) return;
  begin_change(slab);
  const auto mean = static_cast<float>(motif.mean_per_nm * height_nm);
  const auto share = static_cast<float>(height_nm / slab.thickness_nm());
  for (const Point& image : images_of(motif.planted.position, motif.planted.radius_nm)) {
    draw(slab, image, motif.atoms);
    for_each_row(image, motif.planted.radius_nm, [&](std::size_t first, std::size_t count, const Point&) {
      for (std::size_t i = first; i < first + count; ++i) {
        slab.crystal[i] -= mean;
        slab.share[i] += share;
      }
    });
  }
}

// What has been drawn of other nuclei, where it touches the one that grows.
std::vector<Ball> HrtemMode::Parts::neighbours(std::size_t index) const {
  const std::span<const Nucleus> nuclei = specimen_->nuclei();
  const Nucleus& nucleus = nuclei[index];
  const double field_nm = specimen_->film().field_nm();
  std::vector<Ball> balls;
  for (std::size_t i = 0; i < drawn_nm_.size(); ++i) {
    if (i == index || drawn_nm_[i] == 0) continue;
    const Ball ball{nearest(nuclei[i].position.x_nm - nucleus.position.x_nm, field_nm),
                    nearest(nuclei[i].position.y_nm - nucleus.position.y_nm, field_nm),
                    nuclei[i].z_nm - nucleus.z_nm, drawn_nm_[i]};
    if (Ball{0, 0, 0, ball.radius_nm + nucleus.radius_nm}.holds(ball.x_nm, ball.y_nm, ball.z_nm)) {
      balls.push_back(ball);
    }
  }
  return balls;
}

std::vector<Reached> HrtemMode::Parts::reached_motifs(const Nucleus& nucleus) const {
  const double field_nm = specimen_->film().field_nm();
  std::vector<Reached> reached;
  for (const DrawnMotif& motif : motifs_) {
    const Point offset{nearest(motif.planted.position.x_nm - nucleus.position.x_nm, field_nm),
                       nearest(motif.planted.position.y_nm - nucleus.position.y_nm, field_nm)};
    if (std::hypot(offset.x_nm, offset.y_nm) < nucleus.radius_nm + motif.planted.radius_nm) {
      reached.push_back({&motif, offset});
    }
  }
  return reached;
}

// The atoms by which a nucleus has grown since it was drawn; those of motifs that it has swallowed count as
// less.
std::vector<Speck> HrtemMode::Parts::shell(std::size_t index, const std::vector<Reached>& motifs) const {
  const Nucleus& nucleus = specimen_->nuclei()[index];
  const std::vector<Ball> taken = neighbours(index);
  std::vector<Speck> specks;
  const auto add = [&](double x, double y, double z, float weight) {
    const auto holds = [&](const Ball& ball) { return ball.holds(x, y, z); };
    if (std::ranges::none_of(taken, holds)) specks.push_back({x, y, nucleus.z_nm + z, weight});
  };
  std::vector<Atom> atoms;
  append_sphere(nucleus.phase, nucleus.rotation, drawn_nm_[index], nucleus.radius_nm, atoms);
  for (const Atom& atom : atoms) add(atom.x_nm, atom.y_nm, atom.z_nm, weights_(atom.element));

  const Ball before{0, 0, 0, drawn_nm_[index]};
  const Ball now{0, 0, 0, nucleus.radius_nm};
  for (const Reached& reached : motifs) {
    for (const Speck& atom : reached.motif->atoms) {
      const double x = reached.offset.x_nm + atom.x_nm;
      const double y = reached.offset.y_nm + atom.y_nm;
      const double z = atom.z_nm - nucleus.z_nm;
      if (now.holds(x, y, z) && !before.holds(x, y, z)) add(x, y, z, -atom.weight);
    }
  }
  return specks;
}

// Applies the growth of a sphere within a disc on the frame, whose centre is `offset` from the sphere's.
void HrtemMode::Parts::thicken(Slab& slab, const Growth& growth, const Point& centre, double radius_nm,
                               const Point& offset) {
  for_each_row(centre, radius_nm, [&](std::size_t first, std::size_t count, const Point& from) {
    add_growth(growth, {from.x_nm + offset.x_nm, from.y_nm + offset.y_nm}, raster_.pixel_nm, count,
               slab.crystal.data() + first, slab.share.data() + first);
  });
}

// Draws by how much a nucleus has grown in one slab; swallowed motifs no longer count.
void HrtemMode::Parts::add_shell(Slab& slab, std::size_t index, const std::vector<Point>& images,
                                 const std::vector<Speck>& specks, const std::vector<Reached>& motifs) {
  const Nucleus& nucleus = specimen_->nuclei()[index];
  const double pixel_nm2 = raster_.pixel_nm * raster_.pixel_nm;
  const Growth growth{.top_nm = slab.top_nm - nucleus.z_nm,
                      .bottom_nm = slab.bottom_nm - nucleus.z_nm,
                      .before_nm = drawn_nm_[index],
                      .now_nm = nucleus.radius_nm,
                      .mean_per_nm = weights_.per_nm3(unit_cell(nucleus.phase)) * pixel_nm2,
                      .share_per_nm = 1 / slab.thickness_nm()};
  begin_change(slab);
  for (const Point& image : images) {
    draw(slab, image, specks);
    thicken(slab, growth, image, nucleus.radius_nm, {0, 0});
    for (const Reached& reached : motifs) {
      Growth swallowed = growth;
      swallowed.top_nm = std::max(growth.top_nm, reached.motif->top_nm() - nucleus.z_nm);
      swallowed.bottom_nm = std::min(growth.bottom_nm, reached.motif->bottom_nm() - nucleus.z_nm);
      swallowed.mean_per_nm = -reached.motif->mean_per_nm;
      swallowed.share_per_nm = -growth.share_per_nm;
      thicken(slab, swallowed, {image.x_nm + reached.offset.x_nm, image.y_nm + reached.offset.y_nm},
              reached.motif->planted.radius_nm, reached.offset);
    }
  }
}

void HrtemMode::Parts::grow(std::size_t index) {
  const Nucleus& nucleus = specimen_->nuclei()[index];
  const double radius_nm = nucleus.radius_nm;
  const double drawn_nm = drawn_nm_[index];
  const bool full = radius_nm >= specimen_->settings().crystallization().largest_nm();
  if (radius_nm <= drawn_nm || (drawn_nm > 0 && !full && radius_nm < drawn_nm + kGrowthStepNm)) return;
  const std::vector<Point> images = images_of(nucleus.position, radius_nm);
  if (!images.empty()) {
    const std::vector<Reached> motifs = reached_motifs(nucleus);
    const std::vector<Speck> specks = shell(index, motifs);
    for (Slab& slab : slabs_) {
      const bool within = nucleus.z_nm + radius_nm > slab.top_nm && nucleus.z_nm - radius_nm < slab.bottom_nm;
      if (within) add_shell(slab, index, images, specks, motifs);
    }
  }
  drawn_nm_[index] = radius_nm;
}

// ---- from the specimen to the camera

// The projection of one row of pixels: glass, weakened where there are crystals, and crystals.
void HrtemMode::Parts::project_row(const Slab& slab, std::size_t row, float* out) const {
  const auto edge = static_cast<std::ptrdiff_t>(textures_.edge_px());
  // Where in its texture a patch is at a pixel: from its origin, by the distance to its middle.
  const auto wrapped = [edge](std::uint32_t origin, std::size_t pixel, std::size_t middle) {
    const auto at = static_cast<std::ptrdiff_t>(origin) + static_cast<std::ptrdiff_t>(pixel) -
                    static_cast<std::ptrdiff_t>(middle);
    return static_cast<std::size_t>(((at % edge) + edge) % edge);
  };
  const std::size_t above = rows_.cell_of[row];
  for (std::size_t left = 0; left < columns_.count; ++left) {
    Blend blend{};
    for (std::size_t corner = 0; corner < 4; ++corner) {
      const std::size_t i = above + corner / 2;
      const std::size_t j = left + corner % 2;
      const std::size_t index = i % rows_.count * columns_.count + j % columns_.count;
      const Patch& patch = slab.patches[index];
      blend.texture.at(corner) = textures_.at(patch.texture, wrapped(patch.row, row, rows_.edge[i]),
                                              wrapped(patch.column, columns_.edge[left], columns_.edge[j]));
      blend.amplitude.at(corner) =
          places_[index].amplitude * (corner / 2 == 0 ? rows_.fall[row] : rows_.rise[row]);
    }
    const std::size_t begin = columns_.edge[left];
    blend_run(blend, columns_.fall.data() + begin, columns_.rise.data() + begin,
              columns_.edge[left + 1] - begin, out + begin);
  }
  if (slab.crystal.empty()) return;
  const std::size_t offset = row * raster_.columns;
  add_crystal(slab.crystal.data() + offset, slab.share.data() + offset, raster_.columns, out);
}

// Renews the patches that are due, and takes the spectra anew where anything has changed.
void HrtemMode::Parts::refresh() {
  in_blocks(threads_, slabs_.size(), [this](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) refresh(slabs_[i]);
  });
}

void HrtemMode::Parts::refresh(Slab& slab) const {
  for (std::size_t i = 0; i < slab.patches.size(); ++i) {
    const PatchPlace& place = places_[i];
    if (slab.patches[i].due <= renewal_.integral(place.region) * place.rate_factor) renew(slab, i);
  }
  if (!slab.changed) return;
  slab.changed = false;
  for (std::size_t row = 0; row < raster_.rows; ++row) {
    project_row(slab, row, slab.field.pixels() + row * raster_.pitch());
  }
  transform_.forward(slab.field);
}

// The filter of each slab over |k|^2, in equal steps: 2 sin(chi) E, phase per atom, and the factors that FFTW
// leaves out. The last entry, 0, is for everything beyond the information limit.
void HrtemMode::Parts::tabulate(double defocus_nm) {
  if (tabulated_nm_ == defocus_nm) return;
  tabulated_nm_ = defocus_nm;
  const double area_nm2 = raster_.height_nm() * raster_.width_nm();
  const double phase_nm = interaction_constant_per_v_nm(settings_.high_tension_kv()) * kPotentialVNm2;
  const double middle_nm = specimen_->film().thickness_nm() / 2;
  in_blocks(threads_, kTableEntries, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const double k = std::sqrt(static_cast<double>(i) / index_per_k2_);
      const double scale = amplitude_scale_ * phase_nm * weights_.mean_factor_nm(k) / area_nm2;
      for (Slab& slab : slabs_) {
        // What lies further along the beam is nearer to the plane that an overfocused lens shows.
        const double slab_defocus_nm = settings_.defocus_nm() + defocus_nm - (slab.middle_nm() - middle_nm);
        slab.filter[i] = static_cast<float>(scale * lens_.contrast_transfer(k, slab_defocus_nm));
      }
    }
  });
}

void HrtemMode::Parts::form_image(double shift_row_nm, double shift_column_nm) {
  const std::size_t half = raster_.half();
  const std::vector<Complex> down =
      shift_factors(raster_.rows, raster_.rows, shift_row_nm / raster_.pixel_nm);
  const std::vector<Complex> across =
      shift_factors(half, raster_.columns, shift_column_nm / raster_.pixel_nm);
  in_blocks(threads_, raster_.rows, [&](std::size_t begin, std::size_t end) {
    std::vector<std::int32_t> index(half);
    for (std::size_t row = begin; row < end; ++row) {
      const double k = cycles_per_px(row, raster_.rows) / raster_.pixel_nm;
      table_indices(across_.data(), static_cast<float>(k * k * index_per_k2_), half, index.data());
      Complex* sum = image_.spectrum() + row * half;
      std::copy_n(brightness_.spectrum() + row * half, half, sum);
      for (const Slab& slab : slabs_) {
        add_filtered(slab.field.spectrum() + row * half, slab.filter.data(), index.data(), half, sum);
      }
      multiply(across.data(), down[row], half, sum);
    }
  });
  transform_.inverse(image_);
}

void HrtemMode::Parts::expected_electrons(const Exposure& exposure, std::span<float> electrons) {
  renewal_.pass(exposure.middle_s(), exposure.temperature_c);
  const std::vector<double> drawn_before = drawn_nm_;
  drawn_nm_.resize(specimen_->nuclei().size());
  for (std::size_t i = 0; i < drawn_nm_.size(); ++i) grow(i);
  if (drawn_nm_ != drawn_before) brighten();
  refresh();
  tabulate(exposure.defocus_nm);
  form_image(exposure.shift_row_nm, exposure.shift_column_nm);
  const auto dose = static_cast<float>(dose_e_per_px_ * exposure.dose_scale);
  in_blocks(threads_, raster_.rows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      to_electrons(image_.pixels() + row * raster_.pitch(), dose, raster_.columns,
                   electrons.data() + row * raster_.columns);
    }
  });
}

void HrtemMode::Parts::describe(stream::SeriesStart& start) const {
  stream::Optics& optics = *start.mutable_optics();
  optics.set_mode(stream::IMAGE);
  optics.set_high_tension_kv(settings_.high_tension_kv());
  optics.set_defocus_nm(settings_.defocus_nm());
  optics.set_pixel_size(settings_.pixel_nm());
  optics.set_pixel_unit("nm");
}

std::vector<TruthMap> HrtemMode::Parts::truth_maps() const {
  TruthMap region{"region", "1", "1 core, 2 channel", raster_.rows, raster_.columns, {}};
  TruthMap tau{"tau_s",         "s", "lifetime of the speckle at the reference temperature", raster_.rows,
               raster_.columns, {}};
  const auto& relaxation = settings_.relaxation();
  for (std::size_t row = 0; row < raster_.rows; ++row) {
    for (std::size_t column = 0; column < raster_.columns; ++column) {
      const Film::Place place = specimen_->film().at(raster_.centre_nm(column), raster_.centre_nm(row));
      const double factor = place.region == Region::kChannel ? relaxation.channel_tau_factor() : 1;
      region.values.push_back(static_cast<float>(place.region));
      tau.values.push_back(static_cast<float>(relaxation.tau_s() * factor /
                                              rate_factor_[static_cast<std::size_t>(place.column)]));
    }
  }
  return {std::move(region), std::move(tau)};
}

// ----------------------------------------------------------------------------------------------- HrtemMode

HrtemMode::HrtemMode(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen,
                     int threads)
    : parts_(std::make_unique<Parts>(scenario, std::move(specimen), threads)) {}

HrtemMode::~HrtemMode() = default;

void HrtemMode::describe(stream::SeriesStart& start) const {
  parts_->describe(start);
}

void HrtemMode::expected_electrons(const Exposure& exposure, std::span<float> electrons) {
  parts_->expected_electrons(exposure, electrons);
}

std::vector<TruthMap> HrtemMode::truth_maps() const {
  return parts_->truth_maps();
}

double HrtemMode::amplitude_scale() const {
  return parts_->amplitude_scale();
}

}  // namespace glasswatch::simulation

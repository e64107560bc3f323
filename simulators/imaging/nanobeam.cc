#include "simulators/imaging/nanobeam.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "simulators/parallel.h"
#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr double kLittleOrder = 0.01;  // share of the lit volume in motifs
constexpr std::uint64_t kCalibrationStream = 0x1600;
constexpr int kCalibrationEdge = 10;  // probe positions along each edge of the field
constexpr int kRingAngles = 180;
constexpr double kSmallestAmplitude = 1e-3;  // of the probe
constexpr double kPeriodInSigmas = 16;
constexpr int kPlanesBefore = SpreadingKernel::kWidth / 2;  // room for the kernel above the entrance surface

double probe_sigma_nm(double full_width_nm) {
  return full_width_nm / (2 * std::sqrt(std::numbers::ln2));
}

DiffractionCamera::Settings camera_settings(const scenario::Scenario& scenario) {
  auto settings = DiffractionCamera::settings(scenario.frames(), scenario.nanobeam());
  settings.ellipse_ratio = scenario.nanobeam().ellipse_ratio();
  settings.ellipse_angle_deg = scenario.nanobeam().ellipse_angle_deg();
  // |transform of p|^2 = exp(-4 pi^2 s^2 k^2).
  settings.central_width_inv_nm =
      1 / (2 * std::numbers::sqrt2 * std::numbers::pi * probe_sigma_nm(scenario.nanobeam().probe_nm()));
  return settings;
}

/// Lagrange's weights for nodes -1, 0, 1, 2.
std::array<float, 4> cubic_weights(double t) {
  return {static_cast<float>(-t * (t - 1) * (t - 2) / 6), static_cast<float>((t + 1) * (t - 1) * (t - 2) / 2),
          static_cast<float>(-(t + 1) * t * (t - 2) / 2), static_cast<float>((t + 1) * t * (t - 1) / 6)};
}

/// Share of a round Gaussian of standard deviation `sigma` that lies in a disc of `radius` at `distance`: the
/// integral over x = radius sin(theta) of its chords.
double share_in_disc(double sigma, double distance, double radius) {
  const int points = 64 + static_cast<int>(2 * std::numbers::pi * radius / sigma);  // several to each sigma
  if (radius <= 0 || distance > radius + 6 * sigma) return 0;
  double sum = 0;
  for (int i = 0; i < points; ++i) {
    const double theta = ((i + 0.5) / points - 0.5) * std::numbers::pi;
    const double off = (radius * std::sin(theta) - distance) / sigma;
    sum += std::exp(-off * off / 2) * std::erf(radius * std::cos(theta) / (sigma * std::numbers::sqrt2)) *
           std::cos(theta);
  }
  return sum * radius / (sigma * std::sqrt(2 * std::numbers::pi)) * std::numbers::pi / points;
}

/// In the field, which repeats.
double distance_nm(const Point& a, const Point& b, double field_nm) {
  return std::hypot(std::remainder(a.x_nm - b.x_nm, field_nm), std::remainder(a.y_nm - b.y_nm, field_nm));
}

}  // namespace

NanobeamMode::NanobeamMode(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen,
                           int threads)
    : settings_(scenario.nanobeam()),
      specimen_(std::move(specimen)),
      threads_(threads),
      camera_(camera_settings(scenario)),
      probe_sigma_nm_(probe_sigma_nm(settings_.probe_nm())),
      reach_nm_(probe_sigma_nm_ * std::sqrt(-2 * std::log(kSmallestAmplitude))),
      period_nm_(kPeriodInSigmas * probe_sigma_nm_ * std::sqrt(settings_.ellipse_ratio())) {
  lay_grid();
  tabulate_optics(settings_.high_tension_kv());
  electrons_per_intensity_ = camera_.ring_electrons() / ring_mean_of_field(scenario.seed());
}

// The grid covers the camera and, however small that is, the ring.
void NanobeamMode::lay_grid() {
  const auto& frame = camera_.settings();
  const double steps_per_px = frame.k_per_px_inv_nm * period_nm_;
  const double ring_steps = kRingInvNm * std::sqrt(frame.ellipse_ratio) * period_nm_;
  const auto highest = [&](double center_px, std::size_t size) {
    const double farthest_px = std::max(center_px, static_cast<double>(size - 1) - center_px);
    return static_cast<int>(std::ceil(std::max(farthest_px * steps_per_px, ring_steps))) + 2;
  };
  highest_x_ = highest(frame.center_column_px, frame.columns);
  highest_y_ = highest(frame.center_row_px, frame.rows);
  for (std::size_t column = 0; column < frame.columns; ++column) {
    to_columns_.push_back(
        cubic((static_cast<double>(column) - frame.center_column_px) * steps_per_px + highest_x_));
  }
  for (std::size_t row = 0; row < frame.rows; ++row) {
    to_rows_.push_back(cubic((static_cast<double>(row) - frame.center_row_px) * steps_per_px + highest_y_));
  }
  intensity_.resize(grid_rows() * grid_columns());
  wide_.resize(grid_rows() * frame.columns);
}

// Neighbours of a place between grid points, which are counted from 0.
NanobeamMode::Cubic NanobeamMode::cubic(double position) {
  const double below = std::floor(position);
  return {static_cast<std::size_t>(below) - 1, cubic_weights(position - below)};
}

void NanobeamMode::tabulate_optics(double high_tension_kv) {
  const Planar corner_x = camera_.rounded({highest_x_ / period_nm_, highest_y_ / period_nm_});
  const Planar corner_y = camera_.rounded({highest_x_ / period_nm_, -highest_y_ / period_nm_});
  const double largest_k = std::max(std::hypot(corner_x.x, corner_x.y), std::hypot(corner_y.x, corner_y.y));
  const double wavelength_nm = electron_wavelength_nm(high_tension_kv);
  if (settings_.ewald_curvature()) {
    // A phase step of pi / 2 between planes at the largest k: the grid along z is as fine as the kernel wants
    // it.
    plane_step_nm_ = 1 / (2 * wavelength_nm * largest_k * largest_k);
    planes_ = static_cast<std::size_t>(std::ceil(specimen_->film().thickness_nm() / plane_step_nm_)) +
              SpreadingKernel::kWidth + 1;
  }
  const double reach = reach_nm_ * std::sqrt(settings_.ellipse_ratio());
  sums_.reserve(kElements * planes_);
  for (std::size_t i = 0; i < kElements * planes_; ++i) {
    sums_.emplace_back(period_nm_, reach, highest_x_, highest_y_);
  }
  for (int j = -highest_y_; j <= highest_y_; ++j) {
    for (int i = 0; i <= highest_x_; ++i) tabulate_point(i, j);
  }
  propagation_.assign(planes_ * half_columns() * grid_rows(), 1);
  if (settings_.ewald_curvature()) tabulate_propagation(wavelength_nm);
}

// FourierSum leaves its factors to the caller: they are taken in here.
void NanobeamMode::tabulate_point(int i, int j) {
  const FourierSum& sum = sums_.front();
  const double factor = sum.factor_x(i) * sum.factor_y(j);
  const double k2 = squared_k(i, j);
  for (std::size_t element = 0; element < kElements; ++element) {
    const double f = scattering_factor_nm(static_cast<Element>(element), std::sqrt(k2));
    scattering_factor_[element].push_back(static_cast<float>(f * factor));
  }
  const double peak =
      std::exp(-2 * std::numbers::pi * std::numbers::pi * probe_sigma_nm_ * probe_sigma_nm_ * k2);
  forward_.push_back(static_cast<float>(peak * sum.factor_x(0) * sum.factor_y(0) / factor));
}

void NanobeamMode::tabulate_propagation(double wavelength_nm) {
  auto entry = propagation_.begin();
  for (std::size_t plane = 0; plane < planes_; ++plane) {
    const double z_nm = (static_cast<double>(plane) - kPlanesBefore) * plane_step_nm_;
    for (int j = -highest_y_; j <= highest_y_; ++j) {
      for (int i = 0; i <= highest_x_; ++i, ++entry) {
        const double cycles_per_nm = wavelength_nm * squared_k(i, j) / 2;
        const std::complex<double> phase = std::polar(1.0, 2 * std::numbers::pi * cycles_per_nm * z_nm);
        *entry = std::complex<float>(phase / SpreadingKernel::transform(cycles_per_nm * plane_step_nm_));
      }
    }
  }
}

double NanobeamMode::squared_k(int i, int j) const {
  const Planar k = camera_.rounded({i / period_nm_, j / period_nm_});
  return k.x * k.x + k.y * k.y;
}

void NanobeamMode::describe(stream::SeriesStart& start) const {
  auto& optics = *start.mutable_optics();
  optics.set_mode(stream::DIFFRACTION);
  optics.set_high_tension_kv(settings_.high_tension_kv());
  optics.set_pixel_size(settings_.k_per_px_inv_nm());
  optics.set_pixel_unit("1/nm");
  auto& scan = *start.mutable_scan();
  scan.set_rows(settings_.scan_rows());
  scan.set_columns(settings_.scan_columns());
  scan.set_step_nm(settings_.step_nm());
}

Point NanobeamMode::probe_position(const Exposure& exposure) const {
  const double middle_nm = specimen_->film().field_nm() / 2;
  return {middle_nm + exposure.probe_column_nm - exposure.shift_column_nm,
          middle_nm + exposure.probe_row_nm - exposure.shift_row_nm};
}

void NanobeamMode::expected_electrons(const Exposure& exposure, std::span<float> electrons) {
  compute_intensity(probe_position(exposure));
  const std::size_t columns = camera_.settings().columns;
  in_blocks(threads_, camera_.settings().rows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const auto pixels = electrons.subspan(row * columns, columns);
      fill_row(row, pixels);
      camera_.complete(row * columns, exposure.dose_scale, pixels);
    }
  });
}

void NanobeamMode::compute_intensity(const Point& position) {
  specimen_->atoms_near(position, reach_nm_, atoms_);
  in_blocks(threads_, kElements, [this](std::size_t begin, std::size_t end) {
    for (std::size_t element = begin; element < end; ++element) sum_element(element);
  });
  in_blocks(threads_, static_cast<std::size_t>(highest_y_) + 1, [this](std::size_t begin, std::size_t end) {
    for (auto j = static_cast<int>(begin); j < static_cast<int>(end); ++j) {
      // The pair of rows that Friedel's law ties together.
      add_waves(j);
      if (j > 0) add_waves(-j);
      widen_row(row_index(j));
      if (j > 0) widen_row(row_index(-j));
    }
  });
}

void NanobeamMode::sum_element(std::size_t element) {
  const std::span<FourierSum> planes(sums_.data() + element * planes_, planes_);
  for (auto& plane : planes) plane.clear();
  for (const Atom& atom : atoms_) {
    if (static_cast<std::size_t>(atom.element) != element) continue;
    const double r2 = double{atom.x_nm} * atom.x_nm + double{atom.y_nm} * atom.y_nm;
    add_atom(planes, atom, std::exp(-r2 / (2 * probe_sigma_nm_ * probe_sigma_nm_)));
  }
  for (auto& plane : planes) {
    if (!plane.empty()) plane.transform();
  }
}

void NanobeamMode::add_atom(std::span<FourierSum> planes, const Atom& atom, double weight) const {
  const Planar place = camera_.rounded({atom.x_nm, atom.y_nm});
  if (planes.size() == 1) {
    planes.front().add(place.x, place.y, weight);
    return;
  }
  const auto spread = kernel_.at(atom.z_nm / plane_step_nm_ + kPlanesBefore);
  for (std::size_t tap = 0; tap < SpreadingKernel::kWidth; ++tap) {
    planes[static_cast<std::size_t>(spread.first) + tap].add(place.x, place.y, weight * spread.weight[tap]);
  }
}

void NanobeamMode::add_waves(int j) {
  const std::size_t row_begin = row_index(j) * half_columns();
  const std::size_t points = forward_.size();
  float* here = intensity_.data() + row_index(j) * grid_columns() + highest_x_;
  float* opposite = intensity_.data() + row_index(-j) * grid_columns() + highest_x_;
  for (std::size_t i = 0; i < half_columns(); ++i) {
    const std::size_t point = row_begin + i;
    std::complex<float> psi = 0;
    std::complex<float> psi_opposite = 0;
    for (std::size_t plane = 0; plane < planes_; ++plane) {
      std::complex<float> wave = 0;
      for (std::size_t element = 0; element < kElements; ++element) {
        const FourierSum& sum = sums_[element * planes_ + plane];
        if (sum.empty()) continue;
        wave += scattering_factor_[element][point] * (sum.row(j)[i] - forward_[point] * sum.row(0)[0]);
      }
      psi += propagation_[plane * points + point] * wave;
      psi_opposite += propagation_[plane * points + point] * std::conj(wave);
    }
    here[i] = std::norm(psi);
    if (i > 0) *(opposite - i) = std::norm(psi_opposite);
  }
}

void NanobeamMode::widen_row(std::size_t row) {
  const float* grid = intensity_.data() + row * grid_columns();
  float* wide = wide_.data() + row * to_columns_.size();
  for (const Cubic& cubic : to_columns_) {
    const float* at = grid + cubic.first;
    *wide++ =
        at[0] * cubic.weight[0] + at[1] * cubic.weight[1] + at[2] * cubic.weight[2] + at[3] * cubic.weight[3];
  }
}

void NanobeamMode::fill_row(std::size_t row, std::span<float> electrons) const {
  const std::size_t columns = electrons.size();
  const auto& [first, weight] = to_rows_[row];
  const float* a = wide_.data() + first * columns;
  const float* b = a + columns;
  const float* c = b + columns;
  const float* d = c + columns;
  const auto scale = static_cast<float>(electrons_per_intensity_);
  // A cubic may pass below zero between dark grid points.
  for (std::size_t i = 0; i < columns; ++i) {
    const float intensity = a[i] * weight[0] + b[i] * weight[1] + c[i] * weight[2] + d[i] * weight[3];
    electrons[i] = scale * std::max(intensity, 0.0F);
  }
}

double NanobeamMode::ring_mean() const {
  double sum = 0;
  for (int angle = 0; angle < kRingAngles; ++angle) {
    // The grid is that of the camera, where the ring is an ellipse; which of its points is taken when does
    // not matter.
    const double phi = 2 * std::numbers::pi * angle / kRingAngles;
    const Planar direction = camera_.stretched({std::cos(phi), std::sin(phi)});
    const Cubic x = cubic(kRingInvNm * direction.x * period_nm_ + highest_x_);
    const Cubic y = cubic(kRingInvNm * direction.y * period_nm_ + highest_y_);
    for (std::size_t r = 0; r < 4; ++r) {
      const float* at = intensity_.data() + (y.first + r) * grid_columns() + x.first;
      for (std::size_t c = 0; c < 4; ++c) sum += y.weight[r] * x.weight[c] * at[c];
    }
  }
  return sum / kRingAngles;
}

// One position at random in each square of a chessboard.
double NanobeamMode::ring_mean_of_field(std::uint64_t seed) {
  const double square_nm = specimen_->film().field_nm() / kCalibrationEdge;
  Random random(seed, kCalibrationStream, 0);
  double sum = 0;
  for (int row = 0; row < kCalibrationEdge; ++row) {
    for (int column = 0; column < kCalibrationEdge; ++column) {
      // The glass alone: ordered columns scatter much more, and differently from field to field.
      constexpr int kMostTries = 100;
      Point place;
      for (int i = 0; i < kMostTries; ++i) {
        place = {(column + random.uniform()) * square_nm, (row + random.uniform()) * square_nm};
        if (motif_weight(place) < kLittleOrder) break;
      }
      compute_intensity(place);
      sum += ring_mean();
    }
  }
  return sum / (kCalibrationEdge * kCalibrationEdge);
}

Exposure NanobeamMode::at_scan_point(std::uint32_t row, std::uint32_t column) const {
  return {.probe_row_nm = (row - (settings_.scan_rows() - 1) / 2.0) * settings_.step_nm(),
          .probe_column_nm = (column - (settings_.scan_columns() - 1) / 2.0) * settings_.step_nm()};
}

std::vector<TruthMap> NanobeamMode::truth_maps() const {
  const auto map = [this](const char* name, const char* long_name, auto value_at) {
    TruthMap truth{name, "1", long_name, settings_.scan_rows(), settings_.scan_columns(), {}};
    for (std::uint32_t row = 0; row < settings_.scan_rows(); ++row) {
      for (std::uint32_t column = 0; column < settings_.scan_columns(); ++column) {
        truth.values.push_back(static_cast<float>(value_at(probe_position(at_scan_point(row, column)))));
      }
    }
    return truth;
  };
  const auto motifs = [this](scenario::Motif::Kind kind) {
    return [this, kind](const Point& probe) { return motif_weight(probe, kind); };
  };
  return {
      map("region", "1 core, 2 channel, under the middle of the probe",
          [this](const Point& p) { return static_cast<int>(specimen_->film().at(p.x_nm, p.y_nm).region); }),
      map("fourfold_weight", "share of the lit volume in fourfold motifs", motifs(scenario::Motif::FOURFOLD)),
      map("fivefold_weight", "share of the lit volume in fivefold motifs", motifs(scenario::Motif::FIVEFOLD)),
      map("sixfold_weight", "share of the lit volume in sixfold motifs", motifs(scenario::Motif::SIXFOLD)),
      map("crystal_weight", "share of the lit volume in nuclei",
          [this](const Point& probe) { return crystal_weight(probe); })};
}

double NanobeamMode::motif_weight(const Point& probe) const {
  return motif_weight(probe, scenario::Motif::FOURFOLD) + motif_weight(probe, scenario::Motif::FIVEFOLD) +
         motif_weight(probe, scenario::Motif::SIXFOLD);
}

double NanobeamMode::motif_weight(const Point& probe, scenario::Motif::Kind kind) const {
  const Film& film = specimen_->film();
  double weight = 0;
  for (const PlantedMotif& motif : specimen_->motifs()) {
    if (motif.kind != kind) continue;
    const double top = std::max(motif.z_nm - motif.height_nm / 2, 0.0);
    const double bottom = std::min(motif.z_nm + motif.height_nm / 2, film.thickness_nm());
    const double away = distance_nm(probe, motif.position, film.field_nm());
    weight += lit_share(away, motif.radius_nm) * (bottom - top) / film.thickness_nm();
  }
  return weight;
}

double NanobeamMode::crystal_weight(const Point& probe) const {
  constexpr int kSlices = 32;
  const Film& film = specimen_->film();
  double weight = 0;
  for (const Nucleus& nucleus : specimen_->nuclei()) {
    const double away = distance_nm(probe, nucleus.position, film.field_nm());
    const double slice_nm = 2 * nucleus.radius_nm / kSlices;
    for (int slice = 0; slice < kSlices; ++slice) {
      const double height = (slice + 0.5) * slice_nm - nucleus.radius_nm;
      const double z = nucleus.z_nm + height;
      if (z < 0 || z > film.thickness_nm()) continue;
      const double radius = std::sqrt(nucleus.radius_nm * nucleus.radius_nm - height * height);
      weight += lit_share(away, radius) * slice_nm / film.thickness_nm();
    }
  }
  return std::min(weight, 1.0);
}

// |p|^2 is narrower than p by the root of two.
double NanobeamMode::lit_share(double distance_nm, double radius_nm) const {
  return share_in_disc(probe_sigma_nm_ / std::numbers::sqrt2, distance_nm, radius_nm);
}

}  // namespace glasswatch::simulation

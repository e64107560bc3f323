#include "simulators/imaging/selected_area.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <numbers>
#include <utility>

#include "simulators/parallel.h"

namespace glasswatch::simulation {
namespace {

constexpr double kLongestPairNm = 2;
constexpr double kBinsPerNm = 500;
constexpr double kStepsPerInvNm = 100;  // of the tables in k
constexpr double kDirectWidthInvNm = 0.04;
constexpr double kFaintestSpot = 1e-3;     // of the dose: fainter ones are not drawn
constexpr double kSpotReach = 4;           // standard deviations
constexpr double kWidestExcitation = 1.1;  // times 1 / radius: there the spot has 1e-4 of its full height

constexpr double kShareSteps = 1024;  // along the field, for the share of channels

using PairCounts = std::array<std::vector<std::uint64_t>, 3>;

std::size_t pair_kind(Element a, Element b) {
  return static_cast<std::size_t>(a == Element::kZr) + static_cast<std::size_t>(b == Element::kZr);
}

/// Pairs of atoms [begin, end) of the packing with all at larger z, by kind and distance.
void count_pairs(const Packing& packing, double longest_nm, std::size_t begin, std::size_t end,
                 PairCounts& counts) {
  for (std::size_t i = begin; i < end; ++i) {
    const Atom& a = packing.atoms()[i];
    const double low[3] = {a.x_nm - longest_nm, a.y_nm - longest_nm, a.z_nm};
    const double high[3] = {a.x_nm + longest_nm, a.y_nm + longest_nm, a.z_nm + longest_nm};
    packing.visit_box(low, high, [&](const Atom& b) {
      const double x = double{b.x_nm} - a.x_nm;
      const double y = double{b.y_nm} - a.y_nm;
      const double z = double{b.z_nm} - a.z_nm;
      const double r2 = x * x + y * y + z * z;
      // The atom meets itself at distance zero, up to the rounding of its coordinates.
      if (r2 >= longest_nm * longest_nm || r2 < 1e-6) return;
      ++counts[pair_kind(a.element, b.element)][static_cast<std::size_t>(std::sqrt(r2) * kBinsPerNm)];
    });
  }
}

double sphere_nm3(double radius_nm) {
  return 4 * std::numbers::pi / 3 * radius_nm * radius_nm * radius_nm;
}

double window(double r_nm, double longest_nm) {
  const double beyond = std::max(0.0, 2 * r_nm / longest_nm - 1);
  const double wave = std::cos(std::numbers::pi / 2 * beyond);
  return wave * wave;
}

/// sin(2 pi k r) / (2 pi k r).
double debye(double k_inv_nm, double r_nm) {
  const double x = 2 * std::numbers::pi * k_inv_nm * r_nm;
  return x > 0 ? std::sin(x) / x : 1;
}

double copper_share(const Packing& packing) {
  const auto atoms = packing.atoms();
  const auto copper =
      std::count_if(atoms.begin(), atoms.end(), [](const Atom& a) { return a.element == Element::kCu; });
  return static_cast<double>(copper) / static_cast<double>(atoms.size());
}

PairCounts count_all_pairs(const Packing& packing, double longest_nm, int threads) {
  const auto bins = static_cast<std::size_t>(longest_nm * kBinsPerNm) + 1;
  PairCounts counts;
  counts.fill(std::vector<std::uint64_t>(bins));
  std::mutex adding;
  in_blocks(threads, packing.atoms().size(), [&](std::size_t begin, std::size_t end) {
    PairCounts some;
    some.fill(std::vector<std::uint64_t>(bins));
    count_pairs(packing, longest_nm, begin, end, some);
    const std::lock_guard lock(adding);
    for (std::size_t kind = 0; kind < counts.size(); ++kind) {
      std::transform(some[kind].begin(), some[kind].end(), counts[kind].begin(), counts[kind].begin(),
                     std::plus());
    }
  });
  return counts;
}

DiffractionCamera::Settings camera_settings(const scenario::Scenario& scenario) {
  auto settings = DiffractionCamera::settings(scenario.frames(), scenario.selected_area());
  settings.central_width_inv_nm = kDirectWidthInvNm;
  return settings;
}

}  // namespace

GlassScattering::GlassScattering(const Packing& packing, double largest_k_inv_nm, int threads)
    : cu_fraction_(copper_share(packing)) {
  const double longest_nm = std::min(packing.edge_nm() / 2, kLongestPairNm);
  const PairCounts counts = count_all_pairs(packing, longest_nm, threads);
  const double c = cu_fraction_;
  const std::array<double, 3> share = {c * c, 2 * c * (1 - c), (1 - c) * (1 - c)};
  const auto atoms = static_cast<double>(packing.atoms().size());
  for (std::size_t kind = 0; kind < counts.size(); ++kind) {
    auto& term = pair_term_[kind];
    term.resize(static_cast<std::size_t>(largest_k_inv_nm * kStepsPerInvNm) + 2);
    for (std::size_t bin = 0; bin < counts[kind].size(); ++bin) {
      const double r_nm = (static_cast<double>(bin) + 0.5) / kBinsPerNm;
      const double shell_nm3 = 4 * std::numbers::pi * r_nm * r_nm / kBinsPerNm;
      const double uniform = shell_nm3 * packing.number_density_per_nm3() * share[kind];
      const double excess =
          (2 * static_cast<double>(counts[kind][bin]) / atoms - uniform) * window(r_nm, longest_nm);
      for (std::size_t step = 0; step < term.size(); ++step) {
        term[step] += excess * debye(static_cast<double>(step) / kStepsPerInvNm, r_nm);
      }
    }
  }
}

double GlassScattering::per_atom_nm2(double k_inv_nm, double density, double cu_fraction) const {
  const double f_cu = scattering_factor_nm(Element::kCu, k_inv_nm);
  const double f_zr = scattering_factor_nm(Element::kZr, k_inv_nm);
  // Share of the copper sites that are still copper, of the zirconium sites still zirconium.
  const double cu_kept = std::min(1.0, cu_fraction / cu_fraction_);
  const double zr_kept = std::min(1.0, (1 - cu_fraction) / (1 - cu_fraction_));
  const double cu_site = cu_kept * f_cu + (1 - cu_kept) * f_zr;
  const double zr_site = zr_kept * f_zr + (1 - zr_kept) * f_cu;
  const double place = std::min(k_inv_nm * kStepsPerInvNm, static_cast<double>(pair_term_[0].size() - 2));
  const auto step = static_cast<std::size_t>(place);
  const double rest = place - static_cast<double>(step);
  const auto pairs = [&](std::size_t kind) {
    return (1 - rest) * pair_term_[kind][step] + rest * pair_term_[kind][step + 1];
  };
  return density * (cu_fraction * f_cu * f_cu + (1 - cu_fraction) * f_zr * f_zr) +
         density * density *
             (pairs(0) * cu_site * cu_site + pairs(1) * cu_site * zr_site + pairs(2) * zr_site * zr_site);
}

SelectedAreaMode::SelectedAreaMode(const scenario::Scenario& scenario,
                                   std::shared_ptr<const Specimen> specimen, int threads)
    : settings_(scenario.selected_area()),
      specimen_(std::move(specimen)),
      threads_(threads),
      camera_(camera_settings(scenario)),
      glass_scattering_(specimen_->packing(), std::max(camera_.largest_k_inv_nm(), kRingInvNm), threads),
      channel_share_(specimen_->film().channel_fraction(specimen_->film().field_nm() / kShareSteps)) {
  const double area_nm2 = specimen_->film().field_nm() * specimen_->film().field_nm();
  electrons_per_intensity_ = camera_.ring_electrons() / (area_nm2 * glass_per_area(kRingInvNm));
  const double electrons_per_area = electrons_per_intensity_ * area_nm2;
  const auto& frame = camera_.settings();
  // Tabulated, since pixels are many and the profile is smooth.
  std::vector<double> profile;
  for (std::size_t step = 0; step < static_cast<std::size_t>(camera_.largest_k_inv_nm() * kStepsPerInvNm) + 2;
       ++step) {
    profile.push_back(electrons_per_area * glass_per_area(static_cast<double>(step) / kStepsPerInvNm));
  }
  glass_.reserve(frame.rows * frame.columns);
  for (std::size_t row = 0; row < frame.rows; ++row) {
    for (std::size_t column = 0; column < frame.columns; ++column) {
      const Planar k = camera_.wave_vector(static_cast<double>(row), static_cast<double>(column));
      const double place = std::hypot(k.x, k.y) * kStepsPerInvNm;
      const auto step = static_cast<std::size_t>(place);
      const double rest = place - static_cast<double>(step);
      glass_.push_back(static_cast<float>((1 - rest) * profile[step] + rest * profile[step + 1]));
    }
  }
}

void SelectedAreaMode::describe(stream::SeriesStart& start) const {
  auto& optics = *start.mutable_optics();
  optics.set_mode(stream::DIFFRACTION);
  optics.set_high_tension_kv(settings_.high_tension_kv());
  optics.set_pixel_size(settings_.k_per_px_inv_nm());
  optics.set_pixel_unit("1/nm");
}

double SelectedAreaMode::glass_per_area(double k_inv_nm) const {
  const auto& film = specimen_->settings();
  const double core = glass_scattering_.per_atom_nm2(k_inv_nm, 1, glass_scattering_.packing_cu_fraction());
  const double channel =
      glass_scattering_.per_atom_nm2(k_inv_nm, film.channel_density(), film.channel_cu_fraction());
  return specimen_->packing().number_density_per_nm3() * film.thickness_nm() *
         ((1 - channel_share_) * core + channel_share_ * channel);
}

void SelectedAreaMode::expected_electrons(const Exposure& exposure, std::span<float> electrons) {
  const double extended = nuclei_per_film();
  const double crystal_share = -std::expm1(-extended);
  collect_spots(extended > 0 ? crystal_share / extended : 1);
  const auto glass_share = static_cast<float>(1 - crystal_share);
  const std::size_t columns = camera_.settings().columns;
  in_blocks(threads_, camera_.settings().rows, [&](std::size_t begin, std::size_t end) {
    const auto pixels = electrons.subspan(begin * columns, (end - begin) * columns);
    std::transform(glass_.begin() + static_cast<std::ptrdiff_t>(begin * columns),
                   glass_.begin() + static_cast<std::ptrdiff_t>(end * columns), pixels.begin(),
                   [glass_share](float glass) { return glass_share * glass; });
    draw_spots(begin, end, pixels);
    camera_.complete(begin * columns, exposure.dose_scale, pixels);
  });
}

double SelectedAreaMode::nuclei_per_film() const {
  double volume_nm3 = 0;
  for (const Nucleus& nucleus : specimen_->nuclei()) volume_nm3 += sphere_nm3(nucleus.radius_nm);
  const Film& film = specimen_->film();
  return volume_nm3 / (film.field_nm() * film.field_nm() * film.thickness_nm());
}

void SelectedAreaMode::collect_spots(double share_left) {
  const auto nuclei = specimen_->nuclei();
  while (beams_.size() < nuclei.size()) find_beams(nuclei[beams_.size()]);
  spots_.clear();
  for (std::size_t i = 0; i < nuclei.size(); ++i) {
    const double radius_nm = nuclei[i].radius_nm;
    const double volume_nm3 = sphere_nm3(radius_nm);
    // exp(-(2 pi q r)^2 / 5) as a Gaussian of q, and in pixels with the pixel's own width.
    const double sigma_inv_nm = std::sqrt(2.5) / (2 * std::numbers::pi * radius_nm);
    const double sharp_px = sigma_inv_nm / settings_.k_per_px_inv_nm();
    const double sigma_px = std::sqrt(sharp_px * sharp_px + 1.0 / 12);
    const double height = electrons_per_intensity_ * share_left * volume_nm3 * volume_nm3 * sharp_px *
                          sharp_px / (sigma_px * sigma_px);
    for (const Beam& beam : beams_[i]) {
      const double off = beam.excitation_inv_nm / sigma_inv_nm;
      const double crest = height * beam.density2_inv_nm4 * std::exp(-off * off / 2);
      if (crest < kFaintestSpot * camera_.settings().dose_e_per_px) continue;
      spots_.push_back({beam.row_px, beam.column_px, sigma_px, crest});
    }
  }
}

// A nucleus only grows and its spots with it become narrower: what is out of reach now stays so.
void SelectedAreaMode::find_beams(const Nucleus& nucleus) {
  const double wavelength_nm = electron_wavelength_nm(settings_.high_tension_kv());
  const auto& rotation = nucleus.rotation;
  auto& beams = beams_.emplace_back();
  for (const Reflection& reflection : reflections_of(nucleus.phase)) {
    std::array<double, 3> g{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      for (std::size_t i = 0; i < 3; ++i) g[axis] += rotation[3 * axis + i] * reflection.g_inv_nm[i];
    }
    const double excitation = g[2] + wavelength_nm * (g[0] * g[0] + g[1] * g[1]) / 2;
    if (std::abs(excitation) > kWidestExcitation / nucleus.radius_nm) continue;
    beams.push_back({camera_.settings().center_row_px + g[1] / settings_.k_per_px_inv_nm(),
                     camera_.settings().center_column_px + g[0] / settings_.k_per_px_inv_nm(), excitation,
                     reflection.structure_factor_per_nm3 * reflection.structure_factor_per_nm3});
  }
}

const std::vector<Reflection>& SelectedAreaMode::reflections_of(Phase phase) {
  auto& known = reflections_[static_cast<std::size_t>(phase) - 1];
  if (known.empty()) known = reflections(phase, camera_.largest_k_inv_nm());
  return known;
}

void SelectedAreaMode::draw_spots(std::size_t first_row, std::size_t last_row,
                                  std::span<float> electrons) const {
  const auto columns = static_cast<double>(camera_.settings().columns);
  const auto clamped = [](double value, double low, double high) {
    return static_cast<std::size_t>(std::clamp(value, low, high));
  };
  for (const Spot& spot : spots_) {
    const double reach = kSpotReach * spot.sigma_px;
    const auto first = static_cast<double>(first_row);
    const auto last = static_cast<double>(last_row);
    const std::size_t top = clamped(std::ceil(spot.row_px - reach), first, last);
    const std::size_t bottom = clamped(std::floor(spot.row_px + reach) + 1, first, last);
    const std::size_t left = clamped(std::ceil(spot.column_px - reach), 0, columns);
    const std::size_t right = clamped(std::floor(spot.column_px + reach) + 1, 0, columns);
    for (std::size_t row = top; row < bottom; ++row) {
      for (std::size_t column = left; column < right; ++column) {
        const double y = (static_cast<double>(row) - spot.row_px) / spot.sigma_px;
        const double x = (static_cast<double>(column) - spot.column_px) / spot.sigma_px;
        electrons[(row - first_row) * camera_.settings().columns + column] +=
            static_cast<float>(spot.crest_electrons * std::exp(-(x * x + y * y) / 2));
      }
    }
  }
}

}  // namespace glasswatch::simulation

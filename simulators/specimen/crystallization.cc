#include "simulators/specimen/crystallization.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "simulators/activation.h"
#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kCoreStream = 0x1210;
constexpr std::uint64_t kChannelStream = 0x1211;
constexpr double kStepS = 0.25;  // a power of two: grid points are exact
constexpr double kMostSites = 20000;
constexpr double kMostSitesPerNm2 = 0.1;
constexpr double kNm2PerUm2 = 1e6;

/// 0 below the onset.
double activated(double energy_ev, double onset_c, double temperature_c) {
  return temperature_c < onset_c ? 0 : activated_rate(energy_ev, temperature_c, onset_c);
}

/// Shares of B2 CuZr, Cu10Zr7 and monoclinic ZrO2. The oxide grows where oxygen gets in: after heating it is
/// found on the interfaces only (Voigt et al., Mater. Res. Lett. 11 (2023) 1022).
std::array<double, 3> shares(const scenario::Crystallization& law, Region region) {
  return {law.b2_cuzr(), law.cu10zr7(), region == Region::kChannel ? law.monoclinic_zro2() : 0};
}

double sum(const std::array<double, 3>& shares) {
  return shares[0] + shares[1] + shares[2];
}

Phase pick(const std::array<double, 3>& shares, double uniform) {
  const double at = uniform * sum(shares);
  if (at < shares[0]) return Phase::kB2CuZr;
  return at < shares[0] + shares[1] ? Phase::kCu10Zr7 : Phase::kMonoclinicZrO2;
}

}  // namespace

Crystallization::Crystallization(const scenario::Specimen& specimen, const Film& film, std::uint64_t seed)
    : field_nm_(film.field_nm()), thickness_nm_(film.thickness_nm()) {
  if (!specimen.has_crystallization()) return;
  law_ = specimen.crystallization();
  draw_sites(Region::kCore, film, seed);
  if (specimen.channel_nm() > 0) draw_sites(Region::kChannel, film, seed);
  std::stable_sort(sites_.begin(), sites_.end(),
                   [](const Site& a, const Site& b) { return a.threshold_per_nm2 < b.threshold_per_nm2; });
  // Fewer than three cells per edge would be their own neighbours twice.
  cells_ = static_cast<int>(std::min(field_nm_ / law_->largest_nm(), 1000.0));
  if (cells_ < 3) cells_ = 1;
  cell_nuclei_.resize(static_cast<std::size_t>(cells_) * static_cast<std::size_t>(cells_));
}

// Arrivals over the whole field at the region's rate, of which those in the region are kept: a Poisson
// process there, without knowing the region's area.
void Crystallization::draw_sites(Region region, const Film& film, std::uint64_t seed) {
  const bool in_channel = region == Region::kChannel;
  const double preference = in_channel ? law_->channel_preference() : 1;
  const std::array<double, 3> phases = shares(*law_, region);
  if (!(preference > 0) || !(sum(phases) > 0)) return;
  const double area_nm2 = field_nm_ * field_nm_;
  const auto most = static_cast<std::uint64_t>(std::max(kMostSites, kMostSitesPerNm2 * area_nm2));
  double threshold_per_nm2 = 0;
  for (std::uint64_t i = 0; i < most; ++i) {
    Random random(seed, in_channel ? kChannelStream : kCoreStream, i);
    threshold_per_nm2 -= std::log(random.uniform()) / (preference * area_nm2);
    Nucleus nucleus;
    nucleus.position.x_nm = field_nm_ * random.uniform();
    nucleus.position.y_nm = field_nm_ * random.uniform();
    nucleus.region = film.at(nucleus.position.x_nm, nucleus.position.y_nm).region;
    if (nucleus.region != region) continue;
    nucleus.z_nm = thickness_nm_ * random.uniform();
    nucleus.phase = pick(phases, random.uniform());
    nucleus.rotation = random_rotation(random);
    sites_.push_back({nucleus, threshold_per_nm2});
  }
}

double Crystallization::nucleation_rate_per_nm2_s(double temperature_c) const {
  if (!law_) return 0;
  return law_->per_um2_s() / kNm2PerUm2 * activated(law_->nucleation_ev(), law_->onset_c(), temperature_c);
}

double Crystallization::growth_nm_per_s(double temperature_c) const {
  if (!law_) return 0;
  return law_->growth_nm_per_s() * activated(law_->growth_ev(), law_->onset_c(), temperature_c);
}

void Crystallization::advance(double time_s, const std::function<double(double)>& temperature_c) {
  if (!law_) return;
  const auto last = static_cast<std::int64_t>(std::floor(time_s / kStepS));
  while (steps_ < last) step(temperature_c);
  for (std::size_t i = 0; i < nuclei_.size(); ++i) {
    nuclei_[i].radius_nm = radius_nm(grown_nm_ - grown_at_birth_nm_[i]);
  }
}

void Crystallization::step(const std::function<double(double)>& temperature_c) {
  const double from_s = static_cast<double>(steps_) * kStepS;
  const double middle_c = temperature_c(from_s + kStepS / 2);
  const double born_per_nm2 = nucleation_rate_per_nm2_s(middle_c) * kStepS;
  const double grown_nm = growth_nm_per_s(middle_c) * kStepS;
  for (; next_site_ < sites_.size(); ++next_site_) {
    const Site& site = sites_[next_site_];
    if (site.threshold_per_nm2 > integral_per_nm2_ + born_per_nm2) break;
    const double share = (site.threshold_per_nm2 - integral_per_nm2_) / born_per_nm2;
    const double born_s = from_s + share * kStepS;
    bear(site, born_s, temperature_c(born_s), grown_nm_ + share * grown_nm);
  }
  integral_per_nm2_ += born_per_nm2;
  grown_nm_ += grown_nm;
  ++steps_;
}

void Crystallization::bear(const Site& site, double time_s, double temperature_c, double grown_nm) {
  if (transformed(site, grown_nm)) return;
  const Point& position = site.nucleus.position;
  cell_nuclei_[cell(position.y_nm) * cells_ + cell(position.x_nm)].push_back(
      static_cast<int>(nuclei_.size()));
  nuclei_.push_back(site.nucleus);
  nuclei_.back().born_s = time_s;
  nuclei_.back().born_c = temperature_c;
  nuclei_.back().radius_nm = radius_nm(0);
  grown_at_birth_nm_.push_back(grown_nm);
}

bool Crystallization::transformed(const Site& site, double grown_nm) const {
  const Point& position = site.nucleus.position;
  const auto inside = [&](int i) {
    const Nucleus& other = nuclei_[static_cast<std::size_t>(i)];
    const double x = std::remainder(position.x_nm - other.position.x_nm, field_nm_);
    const double y = std::remainder(position.y_nm - other.position.y_nm, field_nm_);
    const double z = site.nucleus.z_nm - other.z_nm;
    const double radius = radius_nm(grown_nm - grown_at_birth_nm_[static_cast<std::size_t>(i)]);
    return x * x + y * y + z * z < radius * radius;
  };
  const int around = cells_ == 1 ? 0 : 1;
  for (int dy = -around; dy <= around; ++dy) {
    const int row = (cell(position.y_nm) + dy + cells_) % cells_;
    for (int dx = -around; dx <= around; ++dx) {
      const int column = (cell(position.x_nm) + dx + cells_) % cells_;
      const auto& near = cell_nuclei_[row * cells_ + column];
      if (std::any_of(near.begin(), near.end(), inside)) return true;
    }
  }
  return false;
}

double Crystallization::radius_nm(double grown_since_birth_nm) const {
  return std::min(law_->first_radius_nm() + grown_since_birth_nm, law_->largest_nm());
}

int Crystallization::cell(double coordinate_nm) const {
  return std::min(static_cast<int>(coordinate_nm / field_nm_ * cells_), cells_ - 1);
}

}  // namespace glasswatch::simulation

// Nuclei: when and where they appear, how they grow.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/specimen/crystal.h"
#include "simulators/specimen/film.h"

namespace glasswatch::simulation {

struct Nucleus {
  Point position;
  double z_nm = 0;
  Region region = Region::kCore;
  Phase phase = Phase::kB2CuZr;
  Rotation rotation{};
  double born_s = 0;     // since the start of the run
  double born_c = 0;     // specimen temperature then
  double radius_nm = 0;  // at the time advanced to
};

/// Potential sites lie at random in the field, channel_preference times denser in channels; each carries a
/// threshold drawn from the exponential law and is born when the integral of J(T(t)) reaches it (a Poisson
/// process in time whose rate follows the temperature), unless it lies inside a nucleus by then. The radius
/// then grows from first_radius_nm by v(T) dt up to largest_nm; nuclei that meet grow through each other (who
/// owns the atoms is Specimen's affair). J and v as in scenario.proto, with T in kelvin. Monoclinic ZrO2
/// forms in channels only; in cores the shares of the other two phases are normalised without it, and a
/// region whose phases all have share 0 stays glass.
///
/// Integration by the midpoint rule on a fixed grid of 0.25 s, so nothing depends on frame times or rate;
/// births lie anywhere between grid points. Sites end with the first 20,000 that fall on the field for each
/// kind of region (0.1 per nm^2 where that is more): the film is full by then. Not thread-safe.
class Crystallization {
 public:
  /// No `crystallization` section: never a nucleus. `film` is needed during construction only.
  Crystallization(const scenario::Specimen& specimen, const Film& film, std::uint64_t seed);

  /// Goes on to the last grid point at or before `time_s`; earlier times change nothing. `temperature_c(t)`
  /// is the specimen's, asked for times up to then.
  void advance(double time_s, const std::function<double(double)>& temperature_c);

  /// In order of birth. References stay valid until the next advance().
  std::span<const Nucleus> nuclei() const { return nuclei_; }

  /// Rates per nm^2 (of core area) and s, and nm / s; 0 below onset_c.
  double nucleation_rate_per_nm2_s(double temperature_c) const;
  double growth_nm_per_s(double temperature_c) const;

 private:
  struct Site {
    Nucleus nucleus;               // unborn
    double threshold_per_nm2 = 0;  // integral of J
  };
  void draw_sites(Region region, const Film& film, std::uint64_t seed);
  void step(const std::function<double(double)>& temperature_c);
  void bear(const Site& site, double time_s, double temperature_c, double grown_nm);
  bool transformed(const Site& site, double grown_nm) const;
  double radius_nm(double grown_since_birth_nm) const;
  int cell(double coordinate_nm) const;

  std::optional<scenario::Crystallization> law_;
  double field_nm_;
  double thickness_nm_;
  std::vector<Site> sites_;  // thresholds ascending
  std::size_t next_site_ = 0;
  std::vector<Nucleus> nuclei_;
  std::vector<double> grown_at_birth_nm_;      // of each nucleus: grown_nm_ then
  int cells_ = 1;                              // per edge, each at least largest_nm wide
  std::vector<std::vector<int>> cell_nuclei_;  // by position in the plane
  std::int64_t steps_ = 0;                     // grid points passed
  double integral_per_nm2_ = 0;                // of J since the start
  double grown_nm_ = 0;                        // integral of v since the start
};

}  // namespace glasswatch::simulation

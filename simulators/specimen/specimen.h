// The whole specimen: film, disordered atoms, planted order, nuclei.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/specimen/crystallization.h"
#include "simulators/specimen/film.h"
#include "simulators/specimen/packing.h"

namespace glasswatch::simulation {

struct PlantedMotif {
  scenario::Motif::Kind kind = scenario::Motif::FOURFOLD;
  Point position;
  double z_nm = 0;  // centre
  double radius_nm = 0;
  double height_nm = 0;
  double angle_rad = 0;  // about the beam
  Region region = Region::kCore;
};

/// How a column is cut out of the packing: mirrored or not, turned about the beam through its seed, shifted.
struct ColumnFrame {
  double mirror = 1;  // of x before the turn; or -1
  double cosine = 1;
  double sine = 0;
  std::array<double, 3> shift_nm{};
  std::uint64_t key = 0;  // of the column's own random numbers

  /// Offsets in the plane: from the seed in the specimen, coordinates in the packing.
  Point to_packing(const Point& offset) const;
  Point from_packing(double x_nm, double y_nm) const;
};

/// Every column, with the channel up to its walls, is cut out of the same periodic packing, turned about the
/// beam, mirrored and shifted at random for each column, so that no two look alike. In channels atoms are
/// left out at random (channel_density) and exchanged (channel_cu_fraction), the same atoms in every call.
/// Motifs and nuclei replace what was in their place, and glass within 0.05 nm of it; a nucleus replaces a
/// motif, the earlier born the later. Motifs do not overlap each other, lie wholly inside the film (a higher
/// one is cut to its thickness), and belong to the region of their axis; their numbers are Poisson variates
/// of the wanted mean. Nuclei are clipped by the film's surfaces.
///
/// Approximation: atoms on the two sides of a wall know nothing of each other, so some pairs across it are
/// closer than in the glass.
///
/// Not thread-safe while it advances; atoms_near() may be called from several threads otherwise.
class Specimen {
 public:
  /// Throws UserError when atoms_path cannot be read.
  Specimen(const scenario::Specimen& specimen, std::uint64_t seed);

  const scenario::Specimen& settings() const { return settings_; }
  const Film& film() const { return film_; }
  const Packing& packing() const { return packing_; }
  std::span<const PlantedMotif> motifs() const { return motifs_; }
  std::span<const Nucleus> nuclei() const { return crystallization_.nuclei(); }

  /// Nucleation and growth up to `time_s`, see Crystallization::advance.
  void advance(double time_s, const std::function<double(double)>& temperature_c);

  /// Replaces `atoms` by all atoms within `radius_nm` (in the plane) of `centre` through the whole film, x
  /// and y relative to the centre, z in [0, thickness). The same specimen gives the same atoms, in the same
  /// order; any centre, as the field repeats. Some 50 ns per atom of glass, up to 150 where many nuclei
  /// overlap.
  void atoms_near(const Point& centre, double radius_nm, std::vector<Atom>& atoms) const;

 private:
  struct Disc;
  struct Patch;
  class ColumnMap;
  struct Body;
  class Bodies;
  struct Cut;

  void plant(const scenario::Motif& motif, Region region, std::uint64_t index);
  bool is_free(const PlantedMotif& motif) const;
  Bodies bodies_near(const Disc& disc) const;
  void append_glass(const Patch& patch, const ColumnMap& map, const Cut& cut) const;
  void append_nucleus(std::size_t body, const Cut& cut) const;
  void append_planted(std::size_t body, const Cut& cut) const;
  bool alter_in_channel(const ColumnFrame& frame, const Atom& in_packing, Element& element) const;

  scenario::Specimen settings_;
  std::uint64_t seed_;
  Film film_;
  Packing packing_;
  double zr_for_cu_ = 0;  // probabilities of exchange in channels; one of them is 0
  double cu_for_zr_ = 0;
  std::vector<ColumnFrame> frames_;  // of the columns
  std::vector<PlantedMotif> motifs_;
  std::vector<std::vector<Atom>> motif_atoms_;  // relative to the motif's centre
  Crystallization crystallization_;
};

}  // namespace glasswatch::simulation

// Finding an n-fold motif in one pattern: disc-filtered coefficient and scan statistic.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "analysis/angular_correlation_rows.h"
#include "analysis/disc_filter.h"
#include "analysis/parallel.h"
#include "analysis/polar.h"

namespace glasswatch::analysis {

/// Atoms seen along an n-fold axis give n discs at one k, 360/n degrees apart. With D(k, phi) the mean under
/// a disc and M(k) the mean of the ring there (DiscFilter), N and E the counts which these put on the valid
/// area of the disc, and h half an electron:
///   score(n) = max over (k, phi0) of the mean over q = 0 ... n-1 of ln((max(N, 0) + h)/(E + h)) at
///     phi0 + 360 q/n, a scan statistic (J. Naus, J. Am. Stat. Assoc. 60 (1965) 532);
///   coefficient(n) = AngularCorrelation's coefficient of the rows D(k, .), mean over the ring.
/// The mean of logarithms asks for n discs at once where a mean of intensities would do with one bright spot;
/// h keeps empty discs finite. A maximum over many positions is above zero without any motif, the more the
/// fewer the electrons: compare the scores of patterns of like dose, over a ring without dim edges.
///
/// Where the n discs would overlap, their common pixels would correlate: a k with n asin(rho/k) > 180 deg is
/// left out at that n. Orders above kMostDiscs have no value.
///
/// Masks. In the score a disc less than half of which is valid is replaced by the one at phi + 180 deg:
/// kinematic diffraction of a thin film is centrosymmetric (Friedel's law), so a beam stop that covers one
/// side hides no motif. Where both are hidden no motif is looked for. (Taking n - 1 discs instead would give
/// up what is known of the hidden one, and make the maximum depend on how many positions are short of one.)
/// At odd n the stand-in is the very disc that an odd motif does not have; behind a stop an odd score says
/// less. The coefficient uses the pairs of valid discs.
///
/// Approximations: phi0 lies at bin centres, and a disc on the nearest bin where P q/n is not an integer
/// (half a bin off at most; with P odd also the stand-in); ratios are kept within 2^-15 ... 2^15. The
/// coefficient interpolates as AngularCorrelation does.
///
/// 90 x 360 bins, rho = 3.6 rows, n = 2 ... 12: 0.18 ms, behind a beam stop 0.23 ms, on one core with AVX2.
/// No allocation after construction. Results do not depend on earlier patterns, nor on lanes. One object
/// serves one pattern at a time.
class MotifScan {
 public:
  static constexpr int kMostDiscs = 64;

  /// One value per order; NaN where no k has one.
  struct Statistics {
    std::span<double> coefficient;
    std::span<double> score;
    std::span<double> score_k_px;     // where the maximum is
    std::span<double> score_phi_deg;  // of its first disc, in the first n-th of the turn
  };

  /// disc_radius_px and in_ring: as DiscFilter. Orders in 1 ... P/2; n = 1 is the brightest disc and has no
  /// coefficient. electron_counts > 0: counts per electron. lanes: the most that process() may be given.
  MotifScan(const PolarGeometry& geometry, double disc_radius_px, const std::vector<int>& orders,
            std::span<const std::uint8_t> in_ring, double electron_counts, int lanes);

  /// polar: (K, P) bin means, counts per pixel without dark level; those that are not finite are invalid.
  void process(std::span<const double> polar, const Statistics& out, Parallel& parallel);

 private:
  struct Order {
    int n;
    std::vector<std::size_t> offsets;  // of the discs, in bins
    std::vector<std::uint8_t> fits;    // per centre: the discs do not overlap
  };
  struct Best {
    double product;  // of the ratios
    std::size_t position;
  };
  static constexpr Best kNone{0, 0};

  void correlate(Parallel& parallel);
  void take_ratios(std::size_t centre, std::span<double> ratios) const;
  Best search(const Order& order, std::span<const double> ratios, std::span<double> products) const;
  void collect(std::size_t order, const Statistics& out) const;

  std::size_t bins_;  // P
  double half_electron_counts_;
  DiscFilter discs_;
  AngularCorrelationRows correlation_;
  std::vector<Order> orders_;
  std::vector<Best> best_;                                     // (centres, orders)
  std::vector<double> coefficient_, power_, mean_, variance_;  // of the rows of discs
  std::vector<RowStatus> status_;
  std::vector<double> ratios_;    // (lanes, 2 P)
  std::vector<double> products_;  // (lanes, P)
};

}  // namespace glasswatch::analysis

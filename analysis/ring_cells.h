// A diffuse ring in cells of the (r, phi) plane, and the linear problem of its centre and ellipse.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <vector>

#include "analysis/dead_pixels.h"
#include "analysis/masked_pattern.h"
#include "analysis/radial_profile.h"
#include "analysis/ring_shape.h"

namespace glasswatch::analysis {

/// The cells of a ring's annulus about one shape: rows of 1 px, sectors of 5 deg. See ring_fit.h for the
/// equation.
class RingCells {
 public:
  static constexpr int kTerms = 8;  // dx, dy, ec, es, t1 ... t4
  using Vector = cv::Vec<double, kTerms>;
  using Matrix = cv::Matx<double, kTerms, kTerms>;

  static constexpr int kSectors = 72;
  /// Pairs of opposite sectors of 10 deg.
  static constexpr int kClusters = 18;

  struct Solution {
    Vector terms = Vector::all(0);
    Vector variances = Vector::all(0);  // if the cells scattered independently
  };

  /// The pattern must outlive the cells.
  RingCells(const MaskedPattern& pattern, const PixelScatter& scatter, const Ring& ring);

  void bin(const RingShape& shape);

  /// The robust solution, by reweighting; terms that are not active are zero.
  Solution solve(const std::array<bool, kTerms>& active);

  /// The same without one cluster. The cells are left as they were.
  Solution solve_without(int cluster, const std::array<bool, kTerms>& active);

  /// Whether a cluster holds anything of the ring.
  bool has_cluster(int cluster) const;

 private:
  /// Means over the pixels of a cell.
  struct Cell {
    double pixels = 0;
    double counts = 0;
    double radius_px = 0;
    double cos1 = 0, sin1 = 0, cos2 = 0, sin2 = 0;
    Vector terms;
    double deviation = 0;  // from its row's profile
    double weight = 0;
  };

  struct Row {
    double profile = 0;  // smoothed f
    double slope = 0;    // and f'
  };

  Cell& cell(std::size_t row, int sector) {
    return cells_[row * kSectors + static_cast<std::size_t>(sector)];
  }
  static int cluster_of(int sector) { return sector / 2 % kClusters; }
  void add(const RingCoordinates::Offset& u, double r, double counts);
  void drop_poor_cells();
  void smooth_profile();
  void prepare_terms();
  std::vector<double> residual_sums(const Vector& solution);
  void weigh(const Vector& solution);
  Solution solve_weighted(const std::array<bool, kTerms>& active);

  const MaskedPattern& pattern_;
  PixelScatter scatter_;
  double inner_px_;
  int smoothing_rows_;
  std::vector<Row> rows_;
  std::vector<Cell> cells_;
};

}  // namespace glasswatch::analysis

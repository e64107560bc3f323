#include "analysis/ring_fit.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/ring_cells.h"

namespace glasswatch::analysis {
namespace {

constexpr int kMaxSteps = 40;
constexpr int kFullSteps = 8;  // then half steps, against swinging between two sets of weights
constexpr double kTolerancePx = 1e-3;
constexpr double kToleratedSigmas = 0.05;
constexpr int kPatience = 20;             // steps, after which
constexpr double kToleratedAtLast = 0.3;  // will do: few counts make the weights jump
constexpr double kLargestStretch = 0.05;  // of one step

using Vector = RingCells::Vector;
using Active = std::array<bool, RingCells::kTerms>;

/// Variances of the solution from leaving out one cluster after the other.
Vector jackknife_variances(RingCells& cells, const Active& active) {
  std::vector<Vector> solutions;
  Vector mean = Vector::all(0), variances = Vector::all(0);
  for (int cluster = 0; cluster < RingCells::kClusters; ++cluster) {
    if (!cells.has_cluster(cluster)) continue;
    solutions.push_back(cells.solve_without(cluster, active).terms);
    mean += solutions.back();
  }
  if (solutions.empty()) return variances;
  const auto n = static_cast<double>(solutions.size());
  mean *= 1 / n;
  for (const Vector& solution : solutions) {
    const Vector difference = solution - mean;
    variances += (n - 1) / n * difference.mul(difference);
  }
  return variances;
}

void apply_step(RingShape& shape, const Vector& step) {
  const RingCoordinates::Offset shift = RingCoordinates(shape).on_camera({step[0], step[1]});
  shape.center_col_px += shift.x;
  shape.center_row_px += shift.y;
  shape.stretch_cos += step[2];
  shape.stretch_sin += step[3];
}

Active active_terms(const FreeParts& free) {
  return {free.center, free.center, free.ellipse, free.ellipse, true, true, true, true};
}

}  // namespace

RingFit fit_ring(const MaskedPattern& pattern, const PixelScatter& scatter, const RingShape& start,
                 const Ring& ring, const FreeParts& free) {
  RingFit fit{false, start};
  RingCells cells(pattern, scatter, ring);
  for (int i = 0; i < kMaxSteps && !fit.converged; ++i) {
    cells.bin(fit.shape);
    const RingCells::Solution solution = cells.solve(active_terms(free));
    Vector step = solution.terms;
    const double shift_px = std::hypot(step[0], step[1]), stretch = std::hypot(step[2], step[3]);
    const double excess = std::max(shift_px / (ring.width_px / 2), stretch / kLargestStretch);
    step *= (i < kFullSteps ? 1 : 0.5) / std::max(excess, 1.0);
    apply_step(fit.shape, step);
    // Steps of a twentieth of the noise are as good as none.
    const double tolerated = i < kPatience ? kToleratedSigmas : kToleratedAtLast;
    const auto settled = [tolerated](double length, double variance, double tolerance) {
      return length < std::max(tolerance, tolerated * std::sqrt(variance));
    };
    fit.converged =
        settled(shift_px, solution.variances[0] + solution.variances[1], kTolerancePx) &&
        settled(stretch, solution.variances[2] + solution.variances[3], kTolerancePx / ring.radius_px);
  }
  return fit;
}

RingSigmas ring_sigmas(const MaskedPattern& pattern, const PixelScatter& scatter, const RingShape& shape,
                       const Ring& ring, const FreeParts& free) {
  RingCells cells(pattern, scatter, ring);
  cells.bin(shape);
  const Vector variances = jackknife_variances(cells, active_terms(free));
  return {std::sqrt((variances[0] + variances[1]) / 2), std::sqrt((variances[2] + variances[3]) / 2)};
}

}  // namespace glasswatch::analysis

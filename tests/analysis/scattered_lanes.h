// Lanes for tests of kernels: pieces of odd sizes, in an odd order, each in any lane.
#pragma once

#include <algorithm>
#include <random>
#include <vector>

#include "analysis/parallel.h"

namespace glasswatch::test {

/// Runs the pieces one after the other, so that what a lane's scratch memory keeps from an earlier piece
/// shows.
class ScatteredLanes final : public analysis::Parallel {
 public:
  explicit ScatteredLanes(int lanes) : lanes_(lanes), random_(static_cast<unsigned>(lanes)) {}
  int lanes() const override { return lanes_; }
  void run(int count, analysis::PieceOfWork body) override {
    std::vector<std::pair<int, int>> pieces;
    for (int begin = 0; begin < count;) {
      const int end = std::min(count, begin + 1 + below(7));
      pieces.emplace_back(begin, end);
      begin = end;
    }
    std::shuffle(pieces.begin(), pieces.end(), random_);
    for (const auto& [begin, end] : pieces) body(below(lanes_), begin, end);
  }

 private:
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  int lanes_;
  std::mt19937 random_;
};

}  // namespace glasswatch::test

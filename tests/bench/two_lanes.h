// Two threads for benchmarks of kernels.
#pragma once

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "analysis/parallel.h"

namespace glasswatch::bench {

/// The caller and one helper, which waits between the runs. Pieces of four are taken by whoever is free.
class TwoLanes final : public analysis::Parallel {
 public:
  TwoLanes() : helper_([this] { help(); }) {}
  ~TwoLanes() override {
    count_ = kStop;
    begin_run();
    helper_.join();
  }

  int lanes() const override { return 2; }
  void run(int count, analysis::PieceOfWork body) override {
    count_ = count;
    body_ = body;
    next_ = 0;
    begin_run();
    take_pieces(0);
    done_.wait(runs_ - 1);
  }

 private:
  static constexpr int kStop = -1;
  static constexpr int kPiece = 4;

  void begin_run() {
    ++runs_;
    runs_.notify_one();
  }
  void take_pieces(int lane) {
    for (int begin = next_.fetch_add(kPiece); begin < count_; begin = next_.fetch_add(kPiece)) {
      (*body_)(lane, begin, std::min(begin + kPiece, count_));
    }
  }
  void help() {
    for (int run = 0;; ++run) {
      runs_.wait(run);
      if (count_ == kStop) return;
      take_pieces(1);
      ++done_;
      done_.notify_one();
    }
  }

  int count_ = 0;
  std::optional<analysis::PieceOfWork> body_;
  std::atomic<int> next_ = 0, runs_ = 0, done_ = 0;
  std::thread helper_;
};

}  // namespace glasswatch::bench

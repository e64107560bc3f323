// Work shared between lanes: how a kernel uses several threads without knowing one.
#pragma once

#include <memory>

namespace glasswatch::analysis {

/// A reference to a callable; costs nothing to make and owns nothing.
class PieceOfWork {
 public:
  template <typename Body>
  PieceOfWork(Body& body)  // NOLINT(google-explicit-constructor): a lambda is handed over as it is
      : body_(std::addressof(body)), call_([](void* target, int lane, int begin, int end) {
          (*static_cast<Body*>(target))(lane, begin, end);
        }) {}
  void operator()(int lane, int begin, int end) const { call_(body_, lane, begin, end); }

 private:
  void* body_;
  void (*call_)(void*, int, int, int);
};

/// Runs body(lane, begin, end) over disjoint pieces that cover [0, count), perhaps at the same time; returns
/// when all are done. No two pieces run at once in one lane, 0 <= lane < lanes(), so scratch memory is kept
/// per lane. Kernels compute every element of [0, count) by itself: results do not depend on lanes or pieces.
/// Bodies do not throw. Whoever owns threads implements it; `Serial` is for all others.
class Parallel {
 public:
  Parallel() = default;
  Parallel(const Parallel&) = delete;
  Parallel& operator=(const Parallel&) = delete;
  virtual ~Parallel() = default;

  virtual int lanes() const = 0;
  virtual void run(int count, PieceOfWork body) = 0;
};

class Serial final : public Parallel {
 public:
  int lanes() const override { return 1; }
  void run(int count, PieceOfWork body) override {
    if (count > 0) body(0, 0, count);
  }
};

}  // namespace glasswatch::analysis

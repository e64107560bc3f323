// Who is told what an offline run finds.
#pragma once

#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Results in the order of the frames. What is given is valid during the call only.
class ResultSink {
 public:
  ResultSink() = default;
  ResultSink(const ResultSink&) = delete;
  ResultSink& operator=(const ResultSink&) = delete;
  virtual ~ResultSink() = default;

  virtual void add(const result::FrameResult& frame) = 0;
  virtual void add_map(const result::MapUpdate& map) = 0;           // whole
  virtual void add_dynamics(const result::Dynamics& dynamics) = 0;  // final, of the series
};

}  // namespace glasswatch

// The simulated heating holder, as AXON would report it: jittered samples with sensor noise and drift
// vectors.
#pragma once

#include <vector>

#include "simulators/virtual_camera.h"

namespace glasswatch::simulation {

/// The planted truth of one sample.
struct SampleTruth {
  std::int64_t time_utc_ns = 0;
  double true_c = 0;
  double measured_c = 0;
};

/// Samples from one second before the first exposure until the run has ended, sequence 0, 1, 2, ...; steps
/// are uniform in sample_period_s -/+ sample_jitter_s, the noise white and Gaussian. The drift vector moves
/// smoothly on a Lissajous figure of 4 nm x 3 nm and is marked NOT_APPLIED; frames are not displaced by it
/// (an amorphous pattern does not show it).
class VirtualHolder : public Feed {
 public:
  /// The heater must outlive the holder.
  VirtualHolder(const scenario::Scenario& scenario, const Heater& heater, RunSettings run);

  std::optional<std::int64_t> due_utc_ns() override;
  Message take() override;
  void finish(stream::SeriesEnd::Reason reason, const std::string& note) override;

  const std::vector<SampleTruth>& truth() const { return truth_; }

 private:
  enum class Next { kStart, kSample, kEnd, kNothing };

  Message take_start();
  Message take_sample();
  Message take_end();

  scenario::Scenario scenario_;
  const Heater& heater_;
  RunSettings run_;
  std::uint64_t series_id_;
  Next next_ = Next::kStart;
  std::int64_t next_utc_ns_;
  stream::SeriesEnd::Reason end_reason_ = stream::SeriesEnd::COMPLETED;
  std::string end_note_;
  std::vector<SampleTruth> truth_;
};

}  // namespace glasswatch::simulation

// The simulated heating holder, as AXON would report it: jittered samples with sensor noise and drift
// vectors, stamped by a clock of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/feed.h"
#include "simulators/heater.h"
#include "simulators/run_settings.h"
#include "simulators/stage_motion.h"

namespace glasswatch::simulation {

/// The planted truth of one sample.
struct SampleTruth {
  std::int64_t time_utc_ns = 0;         // as stamped, on the holder's clock
  std::int64_t camera_time_utc_ns = 0;  // the same moment on the camera's clock
  double true_c = 0;                    // of the specimen
  double measured_c = 0;
  StageState stage;
};

/// Samples from one second before the first exposure until the run has ended, sequence 0, 1, 2, ...; steps
/// are uniform in sample_period_s -/+ sample_jitter_s, the noise white and Gaussian. temperature_set_c is the
/// setpoint. The drift vector is read with 0.02 nm of noise: what the stage has taken back, marked
/// APPLIED_BY_STAGE, where it corrects or recentres; otherwise the drift itself, NOT_APPLIED; zero without a
/// `stage` section. Due times are the camera clock's, stamps the holder clock's.
class VirtualHolder : public Feed {
 public:
  /// Heater and stage must outlive the holder.
  VirtualHolder(const scenario::Scenario& scenario, const Heater& heater, StageMotion& stage,
                RunSettings run);

  std::optional<std::int64_t> due_utc_ns() override;
  std::int64_t stamp_utc_ns(std::int64_t due_utc_ns) const override;
  Message take() override;
  void finish(stream::SeriesEnd::Reason reason, const std::string& note) override;

  const std::vector<SampleTruth>& truth() const { return truth_; }

 private:
  enum class Next { kStart, kSample, kEnd, kNothing };

  Message take_start();
  Message take_sample();
  Message take_end();
  void report_stage(const StageState& state, stream::EnvironmentSample& sample) const;
  double seconds(std::int64_t due_utc_ns) const {
    return static_cast<double>(due_utc_ns - run_.start_utc_ns) * 1e-9;
  }

  scenario::Scenario scenario_;
  const Heater& heater_;
  StageMotion& stage_;
  RunSettings run_;
  std::uint64_t series_id_;
  Next next_ = Next::kStart;
  std::int64_t next_utc_ns_;  // due
  stream::SeriesEnd::Reason end_reason_ = stream::SeriesEnd::COMPLETED;
  std::string end_note_;
  std::vector<SampleTruth> truth_;
};

}  // namespace glasswatch::simulation

#include "simulators/virtual_holder.h"

#include <utility>

#include "protocol/wire/wire.h"
#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kSampleStream = 2;  // of the random numbers; the camera uses another
constexpr std::uint64_t kDriftStream = 0x1710;
constexpr double kDriftNoiseNm = 0.02;
constexpr double kLeadS = 1;  // the first exposure needs samples on both sides

}  // namespace

VirtualHolder::VirtualHolder(const scenario::Scenario& scenario, const Heater& heater, StageMotion& stage,
                             RunSettings run)
    : scenario_(scenario),
      heater_(heater),
      stage_(stage),
      run_(std::move(run)),
      series_id_(run_.new_series_id()),
      next_utc_ns_(run_.start_utc_ns - to_ns(kLeadS)) {}

std::optional<std::int64_t> VirtualHolder::due_utc_ns() {
  if (next_ == Next::kNothing) return std::nullopt;
  return next_utc_ns_;
}

std::int64_t VirtualHolder::stamp_utc_ns(std::int64_t due_utc_ns) const {
  return due_utc_ns + to_ns(stage_.clock_offset_s(seconds(due_utc_ns)));
}

Message VirtualHolder::take() {
  if (next_ == Next::kStart) return take_start();
  return next_ == Next::kSample ? take_sample() : take_end();
}

void VirtualHolder::finish(stream::SeriesEnd::Reason reason, const std::string& note) {
  if (next_ == Next::kStart) next_ = Next::kNothing;
  if (next_ != Next::kSample) return;
  next_ = Next::kEnd;
  next_utc_ns_ = truth_.empty() ? next_utc_ns_ : truth_.back().camera_time_utc_ns;
  end_reason_ = reason;
  end_note_ = note;
}

Message VirtualHolder::take_start() {
  Message message;
  message.header.set_schema_version(wire::kSchemaVersion);
  message.header.set_series_id(series_id_);
  auto& start = *message.header.mutable_environment_start();
  start.set_name("AXON");
  start.set_source_mode(stream::SIMULATOR);
  start.mutable_clock()->set_name("simulated microscope");
  start.mutable_clock()->set_kind(run_.clock);
  start.mutable_identity()->set_instrument("simulated heating holder");
  start.mutable_identity()->set_software("glasswatch-simulate " GLASSWATCH_VERSION);
  start.mutable_identity()->set_source(scenario_.name());
  start.set_temperature_sigma_c(0);  // the simulated sensor is calibrated; its noise shows in the samples
  start.set_nominal_period_s(scenario_.ramp().sample_period_s());
  start.set_start_utc_ns(stamp_utc_ns(next_utc_ns_));
  next_ = Next::kSample;
  return message;
}

Message VirtualHolder::take_sample() {
  const std::uint64_t sequence = truth_.size();
  const double t_s = seconds(next_utc_ns_);
  Random random(scenario_.seed(), kSampleStream, sequence);
  SampleTruth truth{.time_utc_ns = stamp_utc_ns(next_utc_ns_),
                    .camera_time_utc_ns = next_utc_ns_,
                    .true_c = heater_.temperature_c(t_s),
                    .measured_c = 0,
                    .stage = stage_.at(t_s)};
  truth.measured_c = truth.true_c + scenario_.ramp().noise_c() * random.gaussian();
  truth_.push_back(truth);

  Message message;
  message.header.set_schema_version(wire::kSchemaVersion);
  message.header.set_series_id(series_id_);
  message.header.set_sequence(sequence);
  auto& sample = *message.header.mutable_environment();
  sample.set_time_utc_ns(truth.time_utc_ns);
  sample.set_temperature_c(truth.measured_c);
  sample.set_temperature_set_c(heater_.setpoint_c(t_s));
  sample.set_ramp_state(heater_.state(t_s));
  report_stage(truth.stage, sample);

  const double step_s =
      scenario_.ramp().sample_period_s() + scenario_.ramp().sample_jitter_s() * (2 * random.uniform() - 1);
  const bool last = next_utc_ns_ >= run_.end_utc_ns;  // it brackets the last exposure
  if (last) {
    next_ = Next::kEnd;
  } else {
    next_utc_ns_ += to_ns(step_s);
  }
  return message;
}

void VirtualHolder::report_stage(const StageState& state, stream::EnvironmentSample& sample) const {
  const auto& stage = scenario_.stage();
  const bool corrects = scenario_.has_stage() && (stage.correction() > 0 || stage.recentre_nm() > 0);
  Random random(scenario_.seed(), kDriftStream, truth_.size());
  const double noise_nm = scenario_.has_stage() ? kDriftNoiseNm : 0;
  const double row_nm = corrects ? state.applied_row_nm : state.drift_row_nm;
  const double column_nm = corrects ? state.applied_column_nm : state.drift_column_nm;
  sample.set_drift_row_nm(row_nm + noise_nm * random.gaussian());
  sample.set_drift_column_nm(column_nm + noise_nm * random.gaussian());
  sample.set_drift_correction(corrects ? stream::APPLIED_BY_STAGE : stream::NOT_APPLIED);
  sample.set_focus_score(state.focus_score);
}

Message VirtualHolder::take_end() {
  Message message;
  message.header.set_schema_version(wire::kSchemaVersion);
  message.header.set_series_id(series_id_);
  message.header.set_sequence(truth_.size());
  message.header.mutable_series_end()->set_reason(end_reason_);
  message.header.mutable_series_end()->set_count(truth_.size());
  message.header.mutable_series_end()->set_note(end_note_);
  next_ = Next::kNothing;
  return message;
}

}  // namespace glasswatch::simulation

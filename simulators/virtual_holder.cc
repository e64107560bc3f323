#include "simulators/virtual_holder.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "protocol/wire/wire.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kSampleStream = 2;  // of the random numbers; the camera uses another
constexpr double kLeadS = 1;                // the first exposure needs samples on both sides

}  // namespace

VirtualHolder::VirtualHolder(const scenario::Scenario& scenario, const Heater& heater, RunSettings run)
    : scenario_(scenario),
      heater_(heater),
      run_(std::move(run)),
      series_id_(run_.new_series_id()),
      next_utc_ns_(run_.start_utc_ns - to_ns(kLeadS)) {}

std::optional<std::int64_t> VirtualHolder::due_utc_ns() {
  if (next_ == Next::kNothing) return std::nullopt;
  return next_utc_ns_;
}

Message VirtualHolder::take() {
  if (next_ == Next::kStart) return take_start();
  return next_ == Next::kSample ? take_sample() : take_end();
}

void VirtualHolder::finish(stream::SeriesEnd::Reason reason, const std::string& note) {
  if (next_ == Next::kStart) next_ = Next::kNothing;
  if (next_ != Next::kSample) return;
  next_ = Next::kEnd;
  next_utc_ns_ = truth_.empty() ? next_utc_ns_ : truth_.back().time_utc_ns;
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
  start.set_start_utc_ns(next_utc_ns_);
  next_ = Next::kSample;
  return message;
}

Message VirtualHolder::take_sample() {
  const std::uint64_t sequence = truth_.size();
  const double t_s = static_cast<double>(next_utc_ns_ - run_.start_utc_ns) * 1e-9;
  Random random(scenario_.seed(), kSampleStream, sequence);
  const double true_c = heater_.temperature_c(t_s);
  const double measured_c = true_c + scenario_.ramp().noise_c() * random.gaussian();
  truth_.push_back({.time_utc_ns = next_utc_ns_, .true_c = true_c, .measured_c = measured_c});

  Message message;
  message.header.set_schema_version(wire::kSchemaVersion);
  message.header.set_series_id(series_id_);
  message.header.set_sequence(sequence);
  auto& sample = *message.header.mutable_environment();
  sample.set_time_utc_ns(next_utc_ns_);
  sample.set_temperature_c(measured_c);
  sample.set_temperature_set_c(true_c);
  sample.set_drift_row_nm(4 * std::sin(2 * std::numbers::pi * t_s / 600));
  sample.set_drift_column_nm(3 * std::sin(2 * std::numbers::pi * t_s / 370));
  sample.set_drift_correction(stream::NOT_APPLIED);
  sample.set_ramp_state(heater_.state(t_s));

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

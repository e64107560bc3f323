#include "simulators/fault_injection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace glasswatch::simulation {
namespace {

using scenario::Fault;
using testing::ElementsAre;

constexpr std::int64_t kStartNs = 1'000'000'000'000;
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

std::int64_t at(double seconds) {
  return kStartNs + to_ns(seconds);
}

Message series_start() {
  Message message;
  message.header.set_schema_version(1);
  message.header.set_series_id(7);
  message.header.mutable_series_start()->mutable_timing()->set_start_utc_ns(at(0));
  return message;
}

// Number i is exposed from i to i + 0.8 s.
Message frame(std::uint64_t sequence) {
  Message message;
  message.header.set_schema_version(1);
  message.header.set_series_id(7);
  message.header.set_sequence(sequence);
  auto& header = *message.header.mutable_frame();
  header.set_exposure_start_utc_ns(at(static_cast<double>(sequence)));
  header.set_exposure_end_utc_ns(at(static_cast<double>(sequence) + 0.8));
  header.set_rows(4);
  header.set_columns(6);
  header.set_pixel_type(stream::I2);
  message.pixels = std::vector<std::byte>(4 * 6 * 2);
  return message;
}

// Number i at i seconds, 20 + i degrees.
Message sample(std::uint64_t sequence) {
  Message message;
  message.header.set_schema_version(1);
  message.header.set_series_id(8);
  message.header.set_sequence(sequence);
  auto& header = *message.header.mutable_environment();
  header.set_time_utc_ns(at(static_cast<double>(sequence)));
  header.set_temperature_c(20 + static_cast<double>(sequence));
  return message;
}

Message series_end(std::uint64_t count = 6) {
  Message message;
  message.header.set_series_id(7);
  message.header.mutable_series_end()->set_count(count);
  message.header.set_sequence(count);
  return message;
}

Fault& add(scenario::Scenario& scenario, Fault::Kind kind, Fault::Stream stream = Fault::CAMERA) {
  auto& fault = *scenario.add_fault();
  fault.set_kind(kind);
  fault.set_stream(stream);
  return fault;
}

scenario::Scenario with(Fault::Kind kind, std::initializer_list<std::uint64_t> sequences,
                        Fault::Stream stream = Fault::CAMERA, double duration_s = 1) {
  scenario::Scenario scenario;
  auto& fault = add(scenario, kind, stream);
  fault.set_duration_s(duration_s);
  for (const auto sequence : sequences) fault.add_sequence(sequence);
  return scenario;
}

struct Departure {
  Message message;
  double leaves_s = 0;  // after the start
};

void release_until(FaultInjector& injector, std::int64_t now_utc_ns, std::vector<Departure>& out) {
  for (auto leaves = injector.leaves_utc_ns(); leaves && *leaves <= now_utc_ns;
       leaves = injector.leaves_utc_ns()) {
    const double leaves_s = (static_cast<double>(*leaves) - static_cast<double>(kStartNs)) * 1e-9;
    out.push_back({injector.release(), leaves_s});
  }
}

// `in`[i] is due at i seconds. What leaves late goes before what is due at the same time.
std::vector<Departure> play(FaultInjector& injector, std::vector<Message> in) {
  std::vector<Departure> out;
  for (std::size_t i = 0; i < in.size(); ++i) {
    const std::int64_t due = at(static_cast<double>(i));
    release_until(injector, due, out);
    injector.accept(std::move(in[i]), due);
    release_until(injector, due, out);
  }
  release_until(injector, kForever, out);
  return out;
}

std::vector<Message> frames(std::uint64_t count, bool end = true) {
  std::vector<Message> messages;
  for (std::uint64_t i = 0; i < count; ++i) messages.push_back(frame(i));
  if (end) messages.push_back(series_end(count));
  return messages;
}

std::vector<Message> samples(std::uint64_t count) {
  std::vector<Message> messages;
  for (std::uint64_t i = 0; i < count; ++i) messages.push_back(sample(i));
  return messages;
}

std::vector<std::uint64_t> sequences(const std::vector<Departure>& departures) {
  std::vector<std::uint64_t> out;
  for (const Departure& departure : departures) out.push_back(departure.message.header.sequence());
  return out;
}

// Sequence numbers in the order in which they leave, six frames and the end (6) going in.
std::vector<std::uint64_t> order_out(const scenario::Scenario& scenario) {
  FaultInjector injector(scenario, Fault::CAMERA, kStartNs);
  return sequences(play(injector, frames(6)));
}

// The one message that comes of `message`.
Message spoiled(const scenario::Scenario& scenario, Message message) {
  const auto stream = message.header.has_frame() ? Fault::CAMERA : Fault::ENVIRONMENT;
  FaultInjector injector(scenario, stream, kStartNs);
  injector.accept(std::move(message), kStartNs);
  EXPECT_EQ(injector.leaves_utc_ns(), kStartNs);
  Message out = injector.release();
  EXPECT_EQ(injector.leaves_utc_ns(), std::nullopt);
  return out;
}

TEST(FaultInjector, TheLastOfAnEndlessSeriesIsNotKept) {
  FaultInjector injector(with(Fault::SWAP_WITH_NEXT, {1}), Fault::CAMERA, kStartNs);
  injector.accept(frame(0), at(0.8));
  injector.release();
  injector.accept(frame(1), at(1.8));
  EXPECT_EQ(injector.leaves_utc_ns(), std::nullopt) << "waits for a successor";
  injector.settle(at(1.8));
  EXPECT_EQ(injector.release().header.sequence(), 1u);
}

TEST(FaultInjector, PutsFaultsWhereTheScenarioSaysAndNowhereElse) {
  EXPECT_THAT(order_out({}), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(order_out(with(Fault::LOSE, {0, 3})), ElementsAre(1, 2, 4, 5, 6));
  EXPECT_THAT(order_out(with(Fault::DUPLICATE, {2, 5})), ElementsAre(0, 1, 2, 2, 3, 4, 5, 5, 6));
  EXPECT_THAT(order_out(with(Fault::SWAP_WITH_NEXT, {1})), ElementsAre(0, 2, 1, 3, 4, 5, 6));
  EXPECT_THAT(order_out(with(Fault::SWAP_WITH_NEXT, {5})), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(order_out(with(Fault::LOSE, {2}, Fault::ENVIRONMENT)), ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST(FaultInjector, AFaultHappensOnce) {
  FaultInjector injector(with(Fault::LOSE, {2}), Fault::CAMERA, kStartNs);
  std::vector<Message> messages;
  messages.push_back(frame(2));
  messages.push_back(frame(2));
  EXPECT_EQ(play(injector, std::move(messages)).size(), 1u) << "the same number in the next series";
}

TEST(FaultInjector, SpoilsFramesAsNamed) {
  EXPECT_EQ(spoiled(with(Fault::OVERSIZE, {0}), frame(0)).pixels.size(), 5u * 6 * 2);
  EXPECT_EQ(spoiled(with(Fault::TRUNCATE, {0}), frame(0)).pixels.size(), 2u * 6 * 2);
  EXPECT_EQ(spoiled(with(Fault::WRONG_HEADER, {0}), frame(0)).header.frame().rows(), 5u);
  const Message garbage = spoiled(with(Fault::GARBAGE, {0}), frame(0));
  EXPECT_EQ(garbage.raw_header.size(), frame(0).header.ByteSizeLong());
  EXPECT_FALSE(stream::StreamMessage().ParseFromString(garbage.raw_header));
}

TEST(FaultInjector, SpoilsSamplesAsNamed) {
  const auto on_samples = [](Fault::Kind kind) { return with(kind, {0}, Fault::ENVIRONMENT); };
  EXPECT_FALSE(spoiled(on_samples(Fault::OVERSIZE), sample(0)).pixels.empty());
  EXPECT_EQ(spoiled(on_samples(Fault::WRONG_HEADER), sample(0)).header.schema_version(), 2u);
  const Message half = spoiled(on_samples(Fault::TRUNCATE), sample(0));
  EXPECT_EQ(half.raw_header,
            sample(0).header.SerializeAsString().substr(0, sample(0).header.ByteSizeLong() / 2));
  EXPECT_FALSE(stream::StreamMessage().ParseFromString(half.raw_header));
  const Message nan = spoiled(on_samples(Fault::NAN_TEMPERATURE), sample(0));
  EXPECT_TRUE(std::isnan(nan.header.environment().temperature_c()));
}

// A sample is due every second; 2.5 s and 2.7 s are both answered by number 3.
TEST(FaultInjector, HappensAtTheFirstMessageDueAtOrAfterATime) {
  scenario::Scenario scenario;
  auto& fault = add(scenario, Fault::LOSE);
  for (const double at_s : {0.0, 2.5, 2.7, 4.0, 100.0}) fault.add_at_s(at_s);
  EXPECT_THAT(order_out(scenario), ElementsAre(1, 2, 5, 6));
}

TEST(FaultInjector, TheFirstListedWins) {
  scenario::Scenario scenario;
  add(scenario, Fault::DUPLICATE).add_sequence(2);
  add(scenario, Fault::LOSE).add_at_s(2);
  EXPECT_THAT(order_out(scenario), ElementsAre(0, 1, 2, 2, 3, 4, 5, 6)) << "and the other is used up";
}

TEST(FaultInjector, RateIsAProbabilityPerMessage) {
  constexpr std::uint64_t kFrames = 4000;
  const auto lost = [](std::uint64_t seed, double rate) {
    scenario::Scenario scenario;
    scenario.set_seed(seed);
    add(scenario, Fault::LOSE).set_rate(rate);
    FaultInjector injector(scenario, Fault::CAMERA, kStartNs);
    const auto left = sequences(play(injector, frames(kFrames, false)));
    std::vector<std::uint64_t> gone;
    for (std::uint64_t i = 0; i < kFrames; ++i) {
      if (!std::binary_search(left.begin(), left.end(), i)) gone.push_back(i);
    }
    return gone;
  };
  const auto once = lost(3, 0.1);
  // Binomial: 5 standard deviations.
  EXPECT_NEAR(static_cast<double>(once.size()), 0.1 * kFrames, 5 * std::sqrt(0.09 * kFrames));
  EXPECT_EQ(once, lost(3, 0.1)) << "the same seed";
  EXPECT_NE(once, lost(4, 0.1)) << "another seed";
  EXPECT_EQ(lost(3, 1).size(), kFrames);
  EXPECT_TRUE(lost(3, 0).empty());
}

TEST(FaultInjector, FreezesTheTemperatureOfTheSampleBefore) {
  FaultInjector injector(with(Fault::FROZEN_TEMPERATURE, {3}, Fault::ENVIRONMENT, 2.5), Fault::ENVIRONMENT,
                         kStartNs);
  std::vector<double> temperatures_c;
  for (const auto& departure : play(injector, samples(8))) {
    temperatures_c.push_back(departure.message.header.environment().temperature_c());
  }
  EXPECT_THAT(temperatures_c, ElementsAre(20, 21, 22, 22, 22, 22, 26, 27));
}

TEST(FaultInjector, AClockStepMovesEveryLaterStamp) {
  auto scenario = with(Fault::CLOCK_STEP, {2});
  scenario.mutable_fault(0)->set_step_s(-1.5);
  FaultInjector injector(scenario, Fault::CAMERA, kStartNs);
  EXPECT_EQ(injector.clock_step_ns(), 0);
  auto in = frames(4);
  in.push_back(series_start());
  const auto out = play(injector, std::move(in));
  ASSERT_EQ(out.size(), 6u);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& header = out[i].message.header.frame();
    const double step_s = i < 2 ? 0 : -1.5;
    const auto exposed_s = static_cast<double>(i);
    EXPECT_EQ(header.exposure_start_utc_ns(), at(exposed_s + step_s)) << i;
    EXPECT_EQ(header.exposure_end_utc_ns(), at(exposed_s + step_s + 0.8)) << i;
    EXPECT_EQ(out[i].leaves_s, exposed_s) << "it is the stamp that steps";
  }
  EXPECT_EQ(out[5].message.header.series_start().timing().start_utc_ns(), at(-1.5));
  EXPECT_EQ(injector.clock_step_ns(), -1'500'000'000) << "for heartbeats and the time of sending";
}

TEST(FaultInjector, ClockStepsOfSamplesAddUp) {
  FaultInjector injector(with(Fault::CLOCK_STEP, {1, 2}, Fault::ENVIRONMENT), Fault::ENVIRONMENT, kStartNs);
  const auto out = play(injector, samples(3));
  EXPECT_EQ(out[0].message.header.environment().time_utc_ns(), at(0));
  EXPECT_EQ(out[1].message.header.environment().time_utc_ns(), at(1 + 1));
  EXPECT_EQ(out[2].message.header.environment().time_utc_ns(), at(2 + 2));
}

TEST(FaultInjector, NumbersRestartUntilTheEndOfTheSeries) {
  FaultInjector injector(with(Fault::RESTART_SEQUENCE, {4}), Fault::CAMERA, kStartNs);
  auto in = frames(6);
  Message next = frame(0);
  next.header.set_series_id(9);
  in.push_back(next);
  const auto out = play(injector, std::move(in));
  EXPECT_THAT(sequences(out), ElementsAre(0, 1, 2, 3, 0, 1, 2, 0));
  EXPECT_EQ(out[6].message.header.series_end().count(), 2u);
  EXPECT_EQ(out[5].message.header.frame().exposure_start_utc_ns(), at(5)) << "only the number changes";
}

// Number 1 is due at 1 s and leaves at 3.5 s, between 3 and 4.
TEST(FaultInjector, DelaysBeyondTheSuccessors) {
  FaultInjector injector(with(Fault::DELAY, {1}, Fault::CAMERA, 2.5), Fault::CAMERA, kStartNs);
  const auto out = play(injector, frames(6));
  EXPECT_THAT(sequences(out), ElementsAre(0, 2, 3, 1, 4, 5, 6));
  EXPECT_EQ(out[3].leaves_s, 3.5);
}

TEST(FaultInjector, NothingIsDelayedBeyondItsSeries) {
  FaultInjector injector(with(Fault::DELAY, {1, 2, 4}, Fault::CAMERA, 100), Fault::CAMERA, kStartNs);
  const auto out = play(injector, frames(6));
  EXPECT_THAT(sequences(out), ElementsAre(0, 3, 5, 1, 2, 4, 6));
  EXPECT_EQ(out.back().leaves_s, 6);
}

TEST(FaultInjector, AStallLosesNothingAndKeepsTheOrder) {
  FaultInjector injector(with(Fault::STALL, {2}, Fault::CAMERA, 2.5), Fault::CAMERA, kStartNs);
  const auto out = play(injector, frames(6));
  EXPECT_THAT(sequences(out), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  std::vector<double> leaves_s;
  for (const Departure& departure : out) leaves_s.push_back(departure.leaves_s);
  EXPECT_THAT(leaves_s, ElementsAre(0, 1, 4.5, 4.5, 4.5, 5, 6));
  EXPECT_TRUE(injector.stalled(at(4.4)));
  EXPECT_FALSE(injector.stalled(at(4.5)));
}

TEST(FaultInjector, AStallBeyondTheEndKeepsTheEndLast) {
  auto scenario = with(Fault::STALL, {3}, Fault::CAMERA, 100);
  auto& delay = add(scenario, Fault::DELAY);
  delay.add_sequence(1);
  delay.set_duration_s(1000);
  FaultInjector injector(scenario, Fault::CAMERA, kStartNs);
  const auto out = play(injector, frames(6));
  EXPECT_THAT(sequences(out), ElementsAre(0, 2, 3, 4, 5, 1, 6));
  EXPECT_EQ(out.back().leaves_s, 103);
}

TEST(FaultInjector, HoldsBackABoundedNumberOfBytes) {
  FaultInjector injector(with(Fault::STALL, {0}, Fault::CAMERA, 1000), Fault::CAMERA, kStartNs);
  std::vector<Departure> out;
  for (std::uint64_t i = 0; i < 5; ++i) {
    Message large = frame(i);
    large.pixels = std::vector<std::byte>(std::size_t{64} << 20);
    injector.accept(std::move(large), at(static_cast<double>(i)));
    release_until(injector, at(static_cast<double>(i)), out);
    EXPECT_EQ(out.empty(), i < 3) << i;  // the fourth and its header make more than 256 MiB
  }
  EXPECT_THAT(sequences(out), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_FALSE(injector.stalled(at(5)));
}

TEST(FaultInjector, ADisconnectionIsToldAndNothingElseHappens) {
  FaultInjector injector(with(Fault::DISCONNECT, {2}, Fault::CAMERA, 2.5), Fault::CAMERA, kStartNs);
  EXPECT_LT(injector.disconnected_until_utc_ns(), kStartNs);
  EXPECT_THAT(sequences(play(injector, frames(6))), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_EQ(injector.disconnected_until_utc_ns(), at(4.5));
}

}  // namespace
}  // namespace glasswatch::simulation

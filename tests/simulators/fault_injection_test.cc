#include "simulators/fault_injection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace glasswatch::simulation {
namespace {

using scenario::Fault;
using testing::ElementsAre;

Message frame(std::uint64_t sequence) {
  Message message;
  message.header.set_schema_version(1);
  message.header.set_series_id(7);
  message.header.set_sequence(sequence);
  auto& header = *message.header.mutable_frame();
  header.set_rows(4);
  header.set_columns(6);
  header.set_pixel_type(stream::I2);
  message.pixels.resize(4 * 6 * 2);
  return message;
}

Message sample(std::uint64_t sequence) {
  Message message;
  message.header.set_schema_version(1);
  message.header.set_sequence(sequence);
  message.header.mutable_environment()->set_temperature_c(20);
  return message;
}

Message series_end() {
  Message message;
  message.header.mutable_series_end()->set_count(6);
  message.header.set_sequence(6);
  return message;
}

scenario::Scenario with(Fault::Kind kind, std::initializer_list<std::uint64_t> sequences,
                        Fault::Stream stream = Fault::CAMERA) {
  scenario::Scenario scenario;
  auto& fault = *scenario.add_fault();
  fault.set_kind(kind);
  fault.set_stream(stream);
  for (const auto sequence : sequences) fault.add_sequence(sequence);
  return scenario;
}

// Sequence numbers in the order in which they leave, six frames and the end (6) going in.
std::vector<std::uint64_t> order_out(const scenario::Scenario& scenario) {
  FaultInjector injector(scenario, Fault::CAMERA);
  std::vector<std::uint64_t> out;
  for (std::uint64_t i = 0; i < 6; ++i) {
    for (const auto& message : injector.apply(frame(i))) out.push_back(message.header.sequence());
  }
  for (const auto& message : injector.apply(series_end())) out.push_back(message.header.sequence());
  return out;
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
  FaultInjector injector(with(Fault::LOSE, {2}), Fault::CAMERA);
  EXPECT_TRUE(injector.apply(frame(2)).empty());
  EXPECT_EQ(injector.apply(frame(2)).size(), 1u) << "the same number in the next series";
}

TEST(FaultInjector, SpoilsFramesAsNamed) {
  FaultInjector oversize(with(Fault::OVERSIZE, {0}), Fault::CAMERA);
  EXPECT_EQ(oversize.apply(frame(0)).at(0).pixels.size(), 5u * 6 * 2);
  FaultInjector wrong(with(Fault::WRONG_HEADER, {0}), Fault::CAMERA);
  EXPECT_EQ(wrong.apply(frame(0)).at(0).header.frame().rows(), 5u);
  FaultInjector garbage(with(Fault::GARBAGE, {0}), Fault::CAMERA);
  const Message spoiled = garbage.apply(frame(0)).at(0);
  EXPECT_EQ(spoiled.raw_header.size(), frame(0).header.ByteSizeLong());
  EXPECT_FALSE(stream::StreamMessage().ParseFromString(spoiled.raw_header));
}

TEST(FaultInjector, SpoilsSamplesAsNamed) {
  FaultInjector oversize(with(Fault::OVERSIZE, {0}, Fault::ENVIRONMENT), Fault::ENVIRONMENT);
  EXPECT_FALSE(oversize.apply(sample(0)).at(0).pixels.empty());
  FaultInjector wrong(with(Fault::WRONG_HEADER, {0}, Fault::ENVIRONMENT), Fault::ENVIRONMENT);
  EXPECT_EQ(wrong.apply(sample(0)).at(0).header.schema_version(), 2u);
}

}  // namespace
}  // namespace glasswatch::simulation

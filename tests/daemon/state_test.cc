#include "daemon/state.h"

#include <gtest/gtest.h>

namespace glasswatch {
namespace {

TEST(StateMachine, WholeTable) {
  using enum StateEvent;
  const struct {
    result::DaemonState state;
    StateEvent event;
    bool series_running;
    std::optional<result::DaemonState> next;
  } rows[] = {
      {result::IDLE, kSeriesStarted, true, result::ACQUIRING},
      {result::IDLE, kSeriesEnded, false, result::IDLE},
      {result::IDLE, kFailed, false, result::ERROR},
      {result::IDLE, kReset, false, std::nullopt},
      {result::ACQUIRING, kSeriesStarted, true, result::ACQUIRING},
      {result::ACQUIRING, kSeriesEnded, false, result::IDLE},
      {result::ACQUIRING, kFailed, true, result::ERROR},
      {result::ACQUIRING, kReset, true, std::nullopt},
      {result::ERROR, kSeriesStarted, true, std::nullopt},
      {result::ERROR, kSeriesEnded, false, std::nullopt},
      {result::ERROR, kFailed, true, std::nullopt},
      {result::ERROR, kReset, true, result::ACQUIRING},
      {result::ERROR, kReset, false, result::IDLE},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(next_state(row.state, row.event, row.series_running), row.next)
        << row.state << " on " << static_cast<int>(row.event);
  }
}

TEST(SharedState, AnErrorKeepsItsFirstCauseUntilReset) {
  SharedState state;
  state.series_started(5, "ramp");
  state.failed("first");
  state.failed("second");
  EXPECT_EQ(state.view().state, result::ERROR);
  EXPECT_EQ(state.view().error, "first");
  state.series_ended();
  EXPECT_EQ(state.view().state, result::ERROR);
  EXPECT_FALSE(state.take_reset_request());
  state.request_reset();
  EXPECT_TRUE(state.take_reset_request());
  EXPECT_FALSE(state.take_reset_request());
  state.reset_done();
  EXPECT_EQ(state.view().state, result::IDLE);
  EXPECT_EQ(state.view().error, "");
}

}  // namespace
}  // namespace glasswatch

#include "daemon/offline/resume_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "protocol/types/user_error.h"

namespace glasswatch {
namespace {

using ::testing::HasSubstr;

constexpr char kPlan[] = "program 0\ninput a.npy, 12 bytes\ninput b.npy, 13 bytes\n";

class ResumeLogFile : public ::testing::Test {
 protected:
  ResumeLogFile()
      : path_(std::filesystem::path(::testing::TempDir()) /
              ("run" + std::to_string(::getpid()) + ".h5.resume")) {
    std::filesystem::remove(path_);
  }
  ~ResumeLogFile() override { std::filesystem::remove(path_); }

  static result::FrameResult frame(std::uint64_t sequence) {
    result::FrameResult frame;
    frame.set_sequence(sequence);
    frame.set_mean_counts(0.1 * static_cast<double>(sequence));
    return frame;
  }
  // Series of 1, 2, ... frames with a map each; the last one is not ended.
  static void write(ResumeLog& log, int series) {
    for (int i = 1; i <= series; ++i) {
      for (int k = 0; k < i; ++k) log.add(frame(static_cast<std::uint64_t>(10 * i + k)));
      result::MapUpdate map;
      map.set_sequence(static_cast<std::uint64_t>(i));
      log.add_map(map);
      if (i < series) log.end_series();
    }
  }
  std::string bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  static std::vector<std::string> recalled(ResumeLog& log) {
    std::vector<std::string> texts;
    log.recall([&](std::size_t series, const result::ResultMessage& result) {
      texts.push_back(std::to_string(series) + ": " + result.ShortDebugString());
    });
    return texts;
  }

  std::filesystem::path path_;
};

TEST_F(ResumeLogFile, GivesBackFinishedSeriesOnlyAndGoesOnBehindThem) {
  {
    ResumeLog log(path_, kPlan, ResumeLog::Start::kAnew);
    write(log, 3);
  }
  std::vector<std::string> expected;
  {
    ResumeLog log(path_, kPlan, ResumeLog::Start::kContinue);
    EXPECT_EQ(log.finished_series(), 2u);
    expected = recalled(log);
    ASSERT_EQ(expected.size(), 1u + 1u + 2u + 1u);
    EXPECT_THAT(expected[0], HasSubstr("0: frame { sequence: 10"));
    EXPECT_THAT(expected[4], HasSubstr("1: map { sequence: 2"));
    log.add(frame(30));
    log.end_series();
    expected.push_back("2: frame { sequence: 30 mean_counts: 3 }");
  }
  ResumeLog log(path_, kPlan, ResumeLog::Start::kContinue);
  EXPECT_EQ(log.finished_series(), 3u);
  EXPECT_EQ(recalled(log).back().substr(0, 24), expected.back().substr(0, 24));
  EXPECT_EQ(recalled(log).size(), expected.size());
}

// Killed at any byte: what is there is a prefix.
TEST_F(ResumeLogFile, EveryPrefixContinues) {
  {
    ResumeLog log(path_, kPlan, ResumeLog::Start::kAnew);
    write(log, 3);
  }
  const std::string whole = bytes();
  const std::size_t after_plan = whole.find(kPlan) + std::string(kPlan).size();
  std::size_t least = 0;
  for (std::size_t length = after_plan; length <= whole.size(); ++length) {
    put(whole.substr(0, length));
    ResumeLog log(path_, kPlan, ResumeLog::Start::kContinue);
    ASSERT_GE(log.finished_series(), least) << length;
    least = log.finished_series();
    std::size_t frames = 0;
    log.recall(
        [&](std::size_t, const result::ResultMessage& result) { frames += result.has_frame() ? 1 : 0; });
    ASSERT_EQ(frames, least == 0 ? 0 : least == 1 ? 1 : 3) << length;
    ASSERT_LE(std::filesystem::file_size(path_), length);
  }
  EXPECT_EQ(least, 2u);
}

TEST_F(ResumeLogFile, ADamagedRecordEndsWhatIsBelieved) {
  {
    ResumeLog log(path_, kPlan, ResumeLog::Start::kAnew);
    write(log, 3);
  }
  std::string whole = bytes();
  ResumeLog::Start start = ResumeLog::Start::kContinue;
  const std::size_t first_end = [&] {
    put(whole);
    ResumeLog log(path_, kPlan, start);
    return whole.size() / 2;
  }();
  whole[first_end] = static_cast<char>(whole[first_end] ^ 1);  // in the second series
  put(whole);
  EXPECT_EQ(ResumeLog(path_, kPlan, start).finished_series(), 1u);
}

TEST_F(ResumeLogFile, AnotherPlanIsRefusedWithTheLineThatDiffers) {
  { ResumeLog log(path_, kPlan, ResumeLog::Start::kAnew); }
  const std::string before = bytes();
  try {
    ResumeLog log(path_, "program 0\ninput a.npy, 12 bytes\ninput b.npy, 99 bytes\n",
                  ResumeLog::Start::kContinue);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"input b.npy, 13 bytes\", now it is \"input b.npy, 99 bytes\""));
    EXPECT_THAT(error.what(), HasSubstr("--resume"));
  }
  EXPECT_THROW(ResumeLog(path_, "program 0\ninput a.npy, 12 bytes\n", ResumeLog::Start::kContinue),
               UsageError);
  EXPECT_EQ(bytes(), before);
  put("something else");
  EXPECT_THROW(ResumeLog(path_, kPlan, ResumeLog::Start::kContinue), UsageError);
  EXPECT_EQ(ResumeLog(path_, kPlan, ResumeLog::Start::kAnew).finished_series(), 0u);
}

TEST_F(ResumeLogFile, BeginsAnewWhereThereIsNone) {
  ResumeLog log(path_, kPlan, ResumeLog::Start::kContinue);
  EXPECT_EQ(log.finished_series(), 0u);
  log.remove();
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_THROW(ResumeLog("/nowhere/at/all.resume", kPlan, ResumeLog::Start::kAnew), std::runtime_error);
}

}  // namespace
}  // namespace glasswatch

// Recordings whose writer, or whose repair, is killed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <random>
#include <thread>

#include "detectors/recorded/recorded_file.h"
#include "detectors/recorded/repair.h"
#include "tests/detectors/recording_sample.h"
#include "tests/detectors/sample_files.h"

namespace glasswatch::recorded {
namespace {

using samples::add_sample_frame;
using samples::notes_in;
using samples::planted_frames;
using samples::sample_begin;
using Outcome = RepairReport::Outcome;

// A moment that is meant to be any.
void wait_us(std::uint64_t microseconds) {
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}

// Until all processes that had it are gone.
void wait_until_unlocked(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(::flock(descriptor, LOCK_EX), 0);
  ::close(descriptor);
}

// A process that records until it is killed, and says which frames are flushed.
class Victim {
 public:
  explicit Victim(const std::filesystem::path& path) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      record(path, ends[1]);
      ::_exit(0);
    }
    ::close(ends[1]);
    reports_ = ends[0];
  }
  ~Victim() { ::close(reports_); }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  // Kills it some time after its `reports`-th flush; returns how many frames it said were flushed.
  std::uint64_t kill_after(std::uint64_t reports, std::uint64_t more_us) const {
    std::uint64_t flushed = 0;
    for (std::uint64_t i = 0; i < reports; ++i) {
      if (::read(reports_, &flushed, sizeof flushed) != sizeof flushed)
        throw std::runtime_error("ended early");
    }
    wait_us(more_us);
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    while (::read(reports_, &flushed, sizeof flushed) == sizeof flushed) {
    }
    return flushed;
  }

 private:
  static void record(const std::filesystem::path& path, int reports) {
    const recording::FileBegin begin = sample_begin();
    FileWriter writer(path, begin, false);
    for (std::uint64_t frames = 0; frames < 9000;) {
      writer.add(samples::note("note " + std::to_string(frames)));
      add_sample_frame(writer, frames++, begin);
      if (frames % 3 != 0) continue;
      writer.flush();
      if (::write(reports, &frames, sizeof frames) != sizeof frames) return;
    }
  }

  pid_t child_ = -1;
  int reports_ = -1;
};

class KilledTest : public testing::Test {
 protected:
  samples::TemporaryFolder folder_;
};

TEST_F(KilledTest, AWriterKilledAtAnyMomentNothingFlushedIsLost) {
  constexpr int kKills = 14;
  std::mt19937_64 random(7);
  int opened = 0;
  int closed = 0;
  for (int i = 0; i < kKills; ++i) {
    const auto path = folder_ / ("killed" + std::to_string(i) + ".hspy");
    const std::uint64_t flushed = Victim(path).kill_after(1 + random() % 12, random() % 3000);
    SCOPED_TRACE(testing::Message() << path << ", " << flushed << " frames flushed");
    const std::string error = samples::input_error_of([&] {
      RecordedFile crashed(path);
      EXPECT_GE(planted_frames(crashed).size(), flushed);
      ++opened;
    });
    EXPECT_TRUE(error.empty() || error.ends_with("glasswatch repair " + path.string())) << error;

    const RepairReport report = repair(path);
    EXPECT_NE(report.outcome, Outcome::kSound);
    closed += report.outcome == Outcome::kClosed ? 1 : 0;
    EXPECT_EQ(report.frames_missing, 0u);
    RecordedFile file(path);
    const auto frames = planted_frames(file);
    EXPECT_GE(frames.size(), flushed);
    EXPECT_EQ(frames.size(), report.frames);
    EXPECT_EQ(frames.back() + 1, frames.size());
    EXPECT_GE(notes_in(file).size(), flushed);
  }
  // A kill within the write of one object of HDF5, which happens once in some hundred, leaves it torn.
  EXPECT_GE(opened, kKills - 3);
  EXPECT_GE(closed, kKills - 3);
}

TEST_F(KilledTest, ARepairThatIsKilledCanBeRepeated) {
  constexpr std::uint64_t kFrames = 24;
  {
    FileWriter writer(folder_ / "open.hspy", sample_begin(), false);
    samples::add_sample_series(writer, kFrames);
  }
  const std::string open = samples::read_file(folder_ / "open.hspy");
  std::string damaged = open;
  damaged[damaged.size() / 2] ^= 1;
  std::mt19937_64 random(8);
  for (int i = 0; i < 12; ++i) {
    const std::string name = "repaired" + std::to_string(i);
    const auto path = folder_.write(name, i % 2 == 0 ? open : damaged);
    const pid_t child = ::fork();
    if (child == 0) {
      ::setpgid(0, 0);
      repair(path);
      ::_exit(0);
    }
    wait_us(random() % 60'000);
    ::kill(-child, SIGKILL);  // and the child it has made
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    wait_until_unlocked(path);
    const RepairReport report = repair(path);
    RecordedFile file(path);
    EXPECT_EQ(planted_frames(file).size(), report.frames) << name;
    EXPECT_GE(report.frames + i % 2, kFrames) << name;
  }
}

}  // namespace
}  // namespace glasswatch::recorded

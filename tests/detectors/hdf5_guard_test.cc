#include "detectors/hdf5_guard.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

using samples::input_error_of;
using testing::HasSubstr;

class Hdf5GuardTest : public testing::Test {
 protected:
  std::string error_of(const std::function<std::string()>& work) {
    return input_error_of([&] { probe_in_child(path_, work); });
  }
  samples::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.write("file.emd", "content");
};

TEST_F(Hdf5GuardTest, HandsBackTheTextOfTheChild) {
  const pid_t parent = ::getpid();
  EXPECT_EQ(
      probe_in_child(path_, [&] { return std::string(::getpid() == parent ? "same process" : "child"); }),
      "child");
  const std::string longer_than_a_pipe(300'000, 'x');
  EXPECT_EQ(probe_in_child(path_, [&] { return longer_than_a_pipe; }), longer_than_a_pipe);
}

TEST_F(Hdf5GuardTest, HandsBackTheErrorOfTheChild) {
  EXPECT_EQ(error_of([]() -> std::string { throw InputError("byte 7: wrong"); }), "byte 7: wrong");
  EXPECT_EQ(error_of([]() -> std::string { throw std::bad_alloc(); }), "std::bad_alloc");
}

TEST_F(Hdf5GuardTest, DeathOfTheChildIsAnInputError) {
  EXPECT_THAT(error_of([]() -> std::string {
                ::raise(SIGKILL);
                return "";
              }),
              testing::AllOf(HasSubstr("file.emd"), HasSubstr("crashed")));
  EXPECT_THAT(error_of([]() -> std::string { std::abort(); }), HasSubstr("crashed"));
  EXPECT_THAT(error_of([]() -> std::string { ::_exit(0); }), HasSubstr("ended"));
}

TEST_F(Hdf5GuardTest, AChildThatNeverEndsIsEnded) {
  const auto never_end = []() -> std::string {
    while (true) ::pause();
  };
  EXPECT_THAT(input_error_of([&] { probe_in_child(path_, never_end, std::chrono::milliseconds(20)); }),
              HasSubstr("did not finish"));
}

}  // namespace
}  // namespace glasswatch

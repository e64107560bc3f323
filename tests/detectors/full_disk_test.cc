// Recordings on a disk that fills up.
#include <H5Cpp.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "tests/detectors/writer_samples.h"

namespace glasswatch::recorded {
namespace {

using namespace writer_samples;
using testing::HasSubstr;

// What a full disk does at every place where it can happen.
class FullDiskTest : public FileWriterTest {
 protected:
  // Adds frames until the disk is full; returns those that were added.
  std::uint64_t fill(std::uint64_t frames) {
    std::uint64_t added = 0;
    error_ = error_of([&] {
      FileWriter writer(path_, file_begin(), false);
      for (; added < frames; ++added) {
        add_frame(writer, added);
        writer.add(temperature(added, 20));
        writer.add(note(std::string(300, 'x')));
        if (added % 3 == 2) writer.flush();
      }
      writer.close({});
    });
    return added;
  }
  std::string error_;
};

TEST_F(FullDiskTest, LosesNoFrameThatWasAddedAndIsSilent) {
  constexpr std::uint64_t kFrames = 30;
  constexpr unsigned kOpened = H5F_OBJ_FILE | H5F_OBJ_DATASET | H5F_OBJ_GROUP | H5F_OBJ_ATTR;
  ASSERT_EQ(fill(kFrames), kFrames);
  const auto whole = static_cast<rlim_t>(std::filesystem::file_size(path_));
  std::filesystem::remove(path_);
  const auto opened_before = H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), kOpened);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  testing::internal::CaptureStderr();
  for (rlim_t limit = 700; limit < whole; limit += 2753) {
    const rlimit lowered{.rlim_cur = limit, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &lowered), 0);
    const std::uint64_t added = fill(kFrames);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    SCOPED_TRACE(testing::Message() << "limit " << limit << ", frames added " << added);
    EXPECT_THAT(error_, HasSubstr("File too large"));
    EXPECT_EQ(H5Fget_obj_count(static_cast<hid_t>(H5F_OBJ_ALL), kOpened), opened_before);
    if (!std::filesystem::exists(path_)) continue;  // not even its beginning had room
    const Blocks blocks = blocks_of(path_);
    EXPECT_GE(blocks.frames.size(), added);
    EXPECT_GE(blocks.pages.size(), 1 + added / 3);
    std::filesystem::remove(path_);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  ::signal(SIGXFSZ, handler);
}

TEST_F(FullDiskTest, SaysSo) {
  const std::filesystem::path disk = folder_ / "disk";
  std::filesystem::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=600k") != 0)
    GTEST_SKIP() << "mounting is not permitted";
  path_ = disk / "series.hspy";
  const std::uint64_t added = fill(10'000);
  EXPECT_THAT(error_,
              HasSubstr("series.hspy: cannot be written (No space left on device); the disk is full"));
  EXPECT_GT(added, 10u);
  EXPECT_GE(blocks_of(path_).frames.size(), added);
  EXPECT_EQ(::umount2(disk.c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace glasswatch::recorded

#include "daemon/recording/disk_plan.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "detectors/recording.h"
#include "protocol/configuration/text.h"
#include "protocol/types/pixels.h"

namespace glasswatch {
namespace {

constexpr double kMib = 1024.0 * 1024.0;

std::string whole(double value) {
  return std::to_string(static_cast<long long>(value));
}

[[noreturn]] void fail(const std::filesystem::path& directory, int error) {
  throw std::runtime_error(text::concatenate(
      "recording.directory = \"", directory.string(), "\" cannot be written: ", std::strerror(error),
      error == ENOSPC ? "; free some space or choose another disk" : "; create it or give write permission"));
}

}  // namespace

RecordingPlan plan_recording(const stream::SeriesStart& start, const Disk& disk,
                             const config::Recording& settings) {
  RecordingPlan plan;
  const auto frame = static_cast<double>(frame_bytes(start));
  const double period_s = start.timing().frame_period_s();
  const double reserve = settings.reserve_mib() * kMib;
  const double room = static_cast<double>(disk.free_bytes) - reserve;
  plan.bytes_per_s = period_s > 0 ? frame / period_s : 0;
  plan.lasts_s =
      plan.bytes_per_s > 0 ? std::max(room, 0.0) / plan.bytes_per_s : std::numeric_limits<double>::infinity();
  const bool live = start.clock().kind() == stream::LIVE_CLOCK;  // a recorded source waits for the disk
  if (live && disk.write_bytes_per_s > 0 && plan.bytes_per_s > disk.write_bytes_per_s) {
    plan.refusal = text::concatenate("the frames come at ", whole(plan.bytes_per_s / kMib),
                                     " MiB/s and the disk writes ", whole(disk.write_bytes_per_s / kMib),
                                     " MiB/s; record to a faster disk, or bin or slow down the camera");
    return plan;
  }
  const double wanted = start.expected_frames() > 0 ? frame * static_cast<double>(start.expected_frames())
                                                    : plan.bytes_per_s * settings.min_duration_s();
  if (wanted > room || room <= 0) {
    plan.refusal = text::concatenate(start.expected_frames() > 0 ? "the series" : "recording.min_duration_s",
                                     " needs up to ", whole(wanted / kMib), " MiB and ",
                                     whole(std::max(room, 0.0) / kMib),
                                     " MiB are free beside recording.reserve_mib = ", settings.reserve_mib());
    if (plan.bytes_per_s > 0)
      plan.refusal += text::concatenate(": the disk lasts ", whole(plan.lasts_s), " s");
    plan.refusal += "; free some space or choose another disk";
  }
  return plan;
}

std::uint64_t free_bytes(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) fail(directory, error ? error.value() : ENOTDIR);
  const auto space = std::filesystem::space(directory, error);
  if (error) fail(directory, error.value());
  return space.available;
}

double measure_write_speed(const std::filesystem::path& directory, std::size_t bytes) {
  const std::string name = directory / ".glasswatch-speed-XXXXXX";
  std::vector<char> path(name.begin(), name.end());
  path.push_back('\0');
  const int file = ::mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) fail(directory, errno);
  ::unlink(path.data());
  // Bytes that do not compress, as some file systems would.
  std::vector<std::uint64_t> block(std::size_t{1} << 17);
  std::uint64_t state = 1;
  for (std::uint64_t& word : block) word = state = state * 6364136223846793005U + 1442695040888963407U;
  const std::size_t block_bytes = block.size() * sizeof(block[0]);
  const auto began = std::chrono::steady_clock::now();
  int failure = 0;
  for (std::size_t written = 0; written < bytes && failure == 0;) {
    const ssize_t count = ::write(file, block.data(), block_bytes);  // a short one is followed by the reason
    if (count < 0) failure = errno;
    written += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  if (failure == 0 && ::fdatasync(file) != 0) failure = errno;
  const double took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  ::close(file);
  if (failure != 0) fail(directory, failure);
  return static_cast<double>(bytes) / took_s;
}

}  // namespace glasswatch

#include "daemon/offline/resume_log.h"

#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <stdexcept>

#include "protocol/types/user_error.h"

namespace glasswatch {
namespace {

constexpr char kMagic[] = "glasswatch-resume 1\n";
constexpr std::size_t kMagicBytes = sizeof(kMagic) - 1;
constexpr std::size_t kHeadBytes = 9;  // length, CRC, kind

void put_u32(std::uint32_t value, unsigned char* bytes) {
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<unsigned char>(value >> (8 * i));
}

std::uint32_t get_u32(const unsigned char* bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value |= static_cast<std::uint32_t>(bytes[i]) << (8 * i);
  return value;
}

std::uint32_t checksum(std::uint8_t kind, const std::string& payload) {
  const uLong crc = crc32_z(0, &kind, 1);
  return static_cast<std::uint32_t>(
      crc32_z(crc, reinterpret_cast<const Bytef*>(payload.data()), payload.size()));
}

// The first line that differs, of both.
std::pair<std::string, std::string> first_difference(const std::string& before, const std::string& now) {
  std::istringstream old_lines(before), new_lines(now);
  std::string old_line, new_line;
  do {
    if (!std::getline(old_lines, old_line)) old_line.clear();
    if (!std::getline(new_lines, new_line)) new_line.clear();
  } while (old_line == new_line && (old_lines || new_lines));
  const auto quoted = [](const std::string& line) { return line.empty() ? "nothing" : "\"" + line + "\""; };
  return {quoted(old_line), quoted(new_line)};
}

}  // namespace

ResumeLog::ResumeLog(const std::filesystem::path& path, const std::string& plan, Start start)
    : path_(path), file_(nullptr, std::fclose) {
  if (start == Start::kContinue) file_.reset(std::fopen(path.c_str(), "r+b"));
  if (file_ == nullptr) {
    begin(plan);
    return;
  }
  check_plan(plan);
  find_finished();
  if (ftruncate(fileno(file_.get()), static_cast<off_t>(end_byte_)) != 0) fail("cannot be shortened");
  std::fseek(file_.get(), static_cast<long>(end_byte_), SEEK_SET);
}

ResumeLog::~ResumeLog() = default;

void ResumeLog::fail(const char* what) const {
  throw std::runtime_error(path_.string() + " " + what + ": " + std::strerror(errno) +
                           "; check the disk and the folder's permissions");
}

// Under its name it is never without its plan, whenever the program is killed.
void ResumeLog::begin(const std::string& plan) {
  const std::string unnamed = path_.string() + ".new";
  file_.reset(std::fopen(unnamed.c_str(), "w+b"));
  if (file_ == nullptr) fail("cannot be created");
  if (std::fwrite(kMagic, 1, kMagicBytes, file_.get()) != kMagicBytes) fail("cannot be written");
  write_record(kPlan, plan);
  if (std::fflush(file_.get()) != 0 || std::rename(unnamed.c_str(), path_.c_str()) != 0)
    fail("cannot be written");
  end_byte_ = first_result_byte_ = static_cast<std::uint64_t>(std::ftell(file_.get()));
}

void ResumeLog::check_plan(const std::string& plan) {
  std::array<char, kMagicBytes> magic{};
  const bool ours = std::fread(magic.data(), 1, kMagicBytes, file_.get()) == kMagicBytes &&
                    std::memcmp(magic.data(), kMagic, kMagicBytes) == 0;
  Kind kind{};
  std::string before;
  if (!ours || !read_record(kind, before) || kind != kPlan) {
    throw UsageError(path_.string() +
                     ": is no log of an unfinished run; remove it, or leave out --resume to begin anew");
  }
  if (before != plan) {
    const auto [then, now] = first_difference(before, plan);
    throw UsageError(path_.string() + ": the run was begun with " + then + ", now it is " + now +
                     "; continue it as it was begun, or leave out --resume to begin anew");
  }
}

// Reads to the end, or to where the writer was killed.
void ResumeLog::find_finished() {
  end_byte_ = first_result_byte_ = static_cast<std::uint64_t>(std::ftell(file_.get()));
  Kind kind{};
  while (read_record(kind, payload_)) {
    if (kind != kSeriesEnd) continue;
    ++finished_series_;
    end_byte_ = static_cast<std::uint64_t>(std::ftell(file_.get()));
  }
}

void ResumeLog::recall(
    const std::function<void(std::size_t series, const result::ResultMessage& result)>& take) {
  std::size_t series = 0;
  Kind kind{};
  std::fseek(file_.get(), static_cast<long>(first_result_byte_), SEEK_SET);
  while (series < finished_series_ && read_record(kind, payload_)) {
    if (kind == kSeriesEnd) {
      ++series;
    } else if (message_.ParseFromString(payload_)) {
      take(series, message_);
    }
  }
  std::fseek(file_.get(), static_cast<long>(end_byte_), SEEK_SET);
}

bool ResumeLog::read_record(Kind& kind, std::string& payload) {
  std::array<unsigned char, kHeadBytes> head{};
  if (std::fread(head.data(), 1, kHeadBytes, file_.get()) != kHeadBytes) return false;
  const std::uint32_t length = get_u32(head.data());
  const auto here = static_cast<std::uint64_t>(std::ftell(file_.get()));
  if (length > std::filesystem::file_size(path_) - here) return false;
  payload.resize(length);
  if (std::fread(payload.data(), 1, length, file_.get()) != length) return false;
  kind = static_cast<Kind>(head[8]);
  return checksum(head[8], payload) == get_u32(head.data() + 4);
}

void ResumeLog::write_record(Kind kind, const std::string& payload) {
  std::array<unsigned char, kHeadBytes> head{};
  put_u32(static_cast<std::uint32_t>(payload.size()), head.data());
  put_u32(checksum(kind, payload), head.data() + 4);
  head[8] = kind;
  if (std::fwrite(head.data(), 1, kHeadBytes, file_.get()) != kHeadBytes ||
      std::fwrite(payload.data(), 1, payload.size(), file_.get()) != payload.size()) {
    fail("cannot be written");
  }
}

void ResumeLog::write_result() {
  if (!message_.SerializeToString(&payload_)) {
    throw std::runtime_error(path_.string() + ": a result of more than 2 GiB cannot be kept for --resume");
  }
  write_record(kResult, payload_);
}

void ResumeLog::add(const result::FrameResult& frame) {
  message_.mutable_frame()->CopyFrom(frame);
  write_result();
}

void ResumeLog::add_map(const result::MapUpdate& map) {
  message_.mutable_map()->CopyFrom(map);
  write_result();
}

void ResumeLog::end_series() {
  write_record(kSeriesEnd, "");
  if (std::fflush(file_.get()) != 0 || fdatasync(fileno(file_.get())) != 0) fail("cannot be written");
}

void ResumeLog::remove() {
  file_.reset();
  std::error_code ignored;  // a log too many does no harm
  std::filesystem::remove(path_, ignored);
}

}  // namespace glasswatch

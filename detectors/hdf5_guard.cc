#include "detectors/hdf5_guard.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>

#include "detectors/input_error.h"

namespace glasswatch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uintmax_t kBytesPerMillisecond = 10'000;
constexpr std::uintmax_t kBaseMemoryBytes = std::uintmax_t{256} << 20;
constexpr std::uintmax_t kMemoryPerFileByte = 16;
constexpr char kResult = 'R';
constexpr char kError = 'E';

struct Pipe {
  Pipe() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw InputError("cannot make a pipe: too many open files");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_end(std::size_t which) {
    if (ends[which] >= 0) ::close(ends[which]);
    ends[which] = -1;
  }
  std::array<int, 2> ends{-1, -1};
};

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// A damaged size must not take the machine's memory. Sanitizers reserve terabytes of addresses, so not under
// them.
void limit_memory([[maybe_unused]] std::uintmax_t more_bytes) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  std::uintmax_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const auto page_bytes = static_cast<std::uintmax_t>(::sysconf(_SC_PAGESIZE));
  const rlim_t limit = pages * page_bytes + more_bytes;
  const rlimit memory{limit, limit};
  ::setrlimit(RLIMIT_AS, &memory);
#endif
}

[[noreturn]] void run_child(int descriptor, std::uintmax_t file_bytes,
                            const std::function<std::string()>& work) {
  for (const int fatal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) ::signal(fatal, SIG_DFL);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  limit_memory(kBaseMemoryBytes + kMemoryPerFileByte * file_bytes);
  // The C library speaks to stderr when it finds its heap damaged; the user gets the parent's one line
  // instead.
  const int silence = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (silence >= 0) ::dup2(silence, STDERR_FILENO);
  std::string answer;
  try {
    answer = kResult + work();
  } catch (const std::exception& error) {
    answer = kError + std::string(error.what());
  }
  write_all(descriptor, answer);
  ::_exit(0);
}

// Everything the child says until it closes its end; false when the time is over first.
bool read_answer(int descriptor, Clock::time_point deadline, std::string& answer) {
  std::array<char, 4096> buffer;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{descriptor, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return false;
    if (ready <= 0) continue;
    const ssize_t length = ::read(descriptor, buffer.data(), buffer.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return length == 0;
    answer.append(buffer.data(), static_cast<std::size_t>(length));
  }
}

}  // namespace

std::string probe_in_child(const std::filesystem::path& path, const std::function<std::string()>& work,
                           std::chrono::milliseconds base_limit) {
  const std::uintmax_t file_bytes = std::filesystem::file_size(path);
  const auto limit = base_limit + std::chrono::milliseconds(file_bytes / kBytesPerMillisecond);
  Pipe pipe;
  std::fflush(stdout);  // what waits there would be the child's, too, and come out twice
  const pid_t child = ::fork();
  if (child < 0) throw input_error(path, "cannot be checked: no process can be started; free memory");
  if (child == 0) {
    pipe.close_end(0);
    run_child(pipe.ends[1], file_bytes, work);
  }
  pipe.close_end(1);
  std::string answer;
  const bool in_time = read_answer(pipe.ends[0], Clock::now() + limit, answer);
  if (!in_time) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    throw input_error(path, "the HDF5 library did not finish reading it within ", limit.count(),
                      " ms; the file is damaged, copy it again");
  }
  if (WIFSIGNALED(status)) {
    throw input_error(path, "the HDF5 library crashed reading it (", ::strsignal(WTERMSIG(status)),
                      "); the file is damaged, copy it again");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || answer.empty()) {
    throw input_error(path, "the HDF5 library ended the reading process; the file is damaged, copy it again");
  }
  if (answer.front() == kError) throw InputError(answer.substr(1));
  return answer.substr(1);
}

}  // namespace glasswatch

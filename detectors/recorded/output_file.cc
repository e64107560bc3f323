#include "detectors/recorded/output_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "detectors/recorded/write_error.h"

namespace glasswatch::recorded {
namespace {

constexpr haddr_t kMostBytes = (haddr_t{1} << 63) - 1;

}  // namespace

struct OutputState {
  explicit OutputState(std::filesystem::path file_path) : path(std::move(file_path)) {
    descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0) throw write_error(path, errno);
    // Where the file system has no locks the recording goes on without.
    [[maybe_unused]] const int locked = ::flock(descriptor, LOCK_SH | LOCK_NB);
  }
  ~OutputState() { ::close(descriptor); }
  OutputState(const OutputState&) = delete;
  OutputState& operator=(const OutputState&) = delete;

  void keep_error() {
    if (error_number == 0) error_number = errno;
  }

  void write(haddr_t address, const std::byte* bytes, std::size_t count) {
    end = std::max(end, address + count);
    while (error_number == 0 && !abandoned && count > 0) {
      const ssize_t written = ::pwrite(descriptor, bytes, count, static_cast<off_t>(address));
      if (written < 0 && errno != EINTR) keep_error();
      if (written <= 0) continue;
      address += static_cast<haddr_t>(written);
      bytes += written;
      count -= static_cast<std::size_t>(written);
    }
  }

  // What was never written reads as zero, as in every file.
  bool read(haddr_t address, std::byte* bytes, std::size_t count) const {
    while (count > 0) {
      const ssize_t got = ::pread(descriptor, bytes, count, static_cast<off_t>(address));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return false;
      if (got == 0) break;
      address += static_cast<haddr_t>(got);
      bytes += got;
      count -= static_cast<std::size_t>(got);
    }
    std::memset(bytes, 0, count);
    return true;
  }

  void truncate(haddr_t bytes) {
    end = bytes;
    if (error_number == 0 && !abandoned && ::ftruncate(descriptor, static_cast<off_t>(bytes)) != 0)
      keep_error();
  }

  std::filesystem::path path;
  int descriptor = -1;
  int error_number = 0;  // of the first failure
  bool abandoned = false;
  haddr_t end = 0;  // of the file, as the library is to see it
};

namespace {

// What the library holds of an open file; it begins with the library's own part.
struct OpenFile {
  H5FD_t base;
  OutputState* state;
  haddr_t allocated;
};

// The settings that reach open(): one pointer.
struct Settings {
  OutputState* state;
};

const OpenFile& open_file(const H5FD_t* file) {
  return *reinterpret_cast<const OpenFile*>(file);
}
OpenFile& open_file(H5FD_t* file) {
  return *reinterpret_cast<OpenFile*>(file);
}

H5FD_t* open(const char* /*name*/, unsigned /*flags*/, hid_t properties, haddr_t /*most*/) {
  const auto* settings = static_cast<const Settings*>(H5Pget_driver_info(properties));
  if (settings == nullptr) return nullptr;
  auto* file = new OpenFile{};
  file->state = settings->state;
  return &file->base;
}

herr_t close(H5FD_t* file) {
  delete &open_file(file);
  return 0;
}

herr_t query(const H5FD_t* /*file*/, unsigned long* features) {
  // Those of the library's usual driver that do not ask for its handle.
  *features = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
              H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_SUPPORTS_SWMR_IO | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t allocated(const H5FD_t* file, H5FD_mem_t /*type*/) {
  return open_file(file).allocated;
}

herr_t set_allocated(H5FD_t* file, H5FD_mem_t /*type*/, haddr_t address) {
  open_file(file).allocated = address;
  return 0;
}

haddr_t end(const H5FD_t* file, H5FD_mem_t /*type*/) {
  return open_file(file).state->end;
}

herr_t read(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*properties*/, haddr_t address, size_t count,
            void* bytes) {
  return open_file(file).state->read(address, static_cast<std::byte*>(bytes), count) ? 0 : -1;
}

herr_t write(H5FD_t* file, H5FD_mem_t /*type*/, hid_t /*properties*/, haddr_t address, size_t count,
             const void* bytes) {
  open_file(file).state->write(address, static_cast<const std::byte*>(bytes), count);
  return 0;
}

herr_t truncate(H5FD_t* file, hid_t /*properties*/, hbool_t /*closing*/) {
  OpenFile& open = open_file(file);
  if (open.allocated != open.state->end) open.state->truncate(open.allocated);
  return 0;
}

// The lock of OutputState serves; without these the library does not mark the file as being written.
herr_t lock(H5FD_t* /*file*/, hbool_t /*for_writing*/) {
  return 0;
}

herr_t unlock(H5FD_t* /*file*/) {
  return 0;
}

H5FD_class_t driver_class() {
  H5FD_class_t driver{};
  driver.name = "glasswatch";
  driver.maxaddr = kMostBytes;
  driver.fc_degree = H5F_CLOSE_WEAK;
  driver.fapl_size = sizeof(Settings);
  driver.open = open;
  driver.close = close;
  driver.query = query;
  driver.get_eoa = allocated;
  driver.set_eoa = set_allocated;
  driver.get_eof = end;
  driver.read = read;
  driver.write = write;
  driver.truncate = truncate;
  driver.lock = lock;
  driver.unlock = unlock;
  const H5FD_mem_t map[] = H5FD_FLMAP_DICHOTOMY;
  std::copy(std::begin(map), std::end(map), driver.fl_map);
  return driver;
}

H5::H5File open_in_library(OutputState& state, unsigned flags) {
  static const H5FD_class_t kClass = driver_class();
  static const hid_t kDriver = H5FDregister(&kClass);
  const Settings settings{&state};
  H5::FileAccPropList access;
  access.setLibverBounds(H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);  // what SWMR asks for
  if (H5Pset_driver(access.getId(), kDriver, &settings) < 0) {
    throw H5::FileIException("H5Pset_driver", "the library does not take the driver");
  }
  return {state.path.string(), flags, H5::FileCreatPropList::DEFAULT, access};
}

}  // namespace

OutputFile::OutputFile(const std::filesystem::path& path) : state_(std::make_unique<OutputState>(path)) {}
OutputFile::~OutputFile() = default;

H5::H5File OutputFile::create() {
  return open_in_library(*state_, H5F_ACC_TRUNC);
}

H5::H5File OutputFile::open_again() {
  return open_in_library(*state_, H5F_ACC_RDWR);
}

void OutputFile::check() const {
  if (state_->error_number != 0) throw write_error(state_->path, state_->error_number);
  struct stat status {};
  if (::fstat(state_->descriptor, &status) != 0) throw write_error(state_->path, errno);
  if (status.st_nlink == 0) throw write_error(state_->path, ENOENT);
}

void OutputFile::sync() {
  if (::fdatasync(state_->descriptor) != 0) state_->keep_error();
  check();
}

void OutputFile::abandon() noexcept {
  state_->abandoned = true;
}

const std::filesystem::path& OutputFile::path() const {
  return state_->path;
}

}  // namespace glasswatch::recorded

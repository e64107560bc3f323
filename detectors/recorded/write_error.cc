#include "detectors/recorded/write_error.h"

#include <cerrno>
#include <string_view>
#include <system_error>

#include "protocol/configuration/text.h"

namespace glasswatch::recorded {
namespace {

std::string_view remedy(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return "the disk is full; free space on it, or record to another";
    case EFBIG:
      return "the file system or the user's limits (ulimit -f) allow no larger file; let recordings go on in "
             "a new "
             "file earlier";
    case EROFS:
    case EACCES:
    case EPERM:
      return "record to a directory that this user may write";
    case ENOENT:
    case ENOTDIR:
    case ESTALE:
      return "the file or its directory is not there (any more); make the directory, or record to another";
    case EEXIST:
      return "recordings overwrite nothing; choose another name";
    default:
      return "look at the disk, or record to another";
  }
}

}  // namespace

WriteError write_error(const std::filesystem::path& path, int error_number) {
  const std::string happened = std::generic_category().message(error_number);
  return WriteError(
      text::concatenate(path.string(), ": cannot be written (", happened, "); ", remedy(error_number)));
}

}  // namespace glasswatch::recorded

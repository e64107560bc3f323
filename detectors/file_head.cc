#include "detectors/file_head.h"

#include <fstream>

#include "detectors/input_error.h"

namespace glasswatch {
namespace {

constexpr std::size_t kHeadBytes = 4096;

}  // namespace

std::string read_head(const std::filesystem::path& path, const std::string& remedy) {
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) {
    throw input_error(path, "is a folder or device; give a file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw input_error(path, "cannot be opened; check that the file exists and may be read");
  std::string head(kHeadBytes, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(file.gcount()));
  if (head.empty()) throw input_error(path, "is empty; ", remedy);
  return head;
}

}  // namespace glasswatch

#include "detectors/narrow_pixels.h"

#include <string>
#include <utility>

#include "detectors/input_error.h"

namespace glasswatch {

void narrow_pixels(const std::filesystem::path& path, std::uint64_t index, StoredPixel stored,
                   std::span<const std::uint64_t> wide, Frame& frame) {
  auto* narrow = reinterpret_cast<std::int32_t*>(frame.writable_bytes().data());
  const auto columns = static_cast<std::size_t>(frame.info.columns);
  for (std::size_t i = 0; i < wide.size(); ++i) {
    const auto value = static_cast<std::int64_t>(wide[i]);
    // A u8 beyond i8 would look negative here, so it is tested as what it is.
    const bool fits = stored == StoredPixel::kU8 ? std::in_range<std::int32_t>(wide[i])
                                                 : std::in_range<std::int32_t>(value);
    if (!fits) {
      const std::string shown = stored == StoredPixel::kU8 ? std::to_string(wide[i]) : std::to_string(value);
      throw input_error(
          path, "frame ", index, ", row ", i / columns, ", column ", i % columns, ": value ", shown,
          "; allowed in 64-bit integer files: -2147483648 to 2147483647; convert the array to f8");
    }
    narrow[i] = static_cast<std::int32_t>(value);
  }
}

}  // namespace glasswatch

// Pixel types and the non-owning view that kernels read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace glasswatch {

/// Element type of a detector image. The numbers are part of the wire format (streams.proto, PixelType).
enum class PixelType : std::uint8_t {
  kU1 = 1,
  kU2 = 2,
  kU4 = 3,
  kI1 = 4,
  kI2 = 5,
  kI4 = 6,
  kF4 = 7,
  kF8 = 8
};

/// Size of one pixel in bytes; 0 for a value outside the enumeration (decoders reject it).
constexpr std::size_t bytes_per_pixel(PixelType type) {
  switch (type) {
    case PixelType::kU1:
    case PixelType::kI1:
      return 1;
    case PixelType::kU2:
    case PixelType::kI2:
      return 2;
    case PixelType::kU4:
    case PixelType::kI4:
    case PixelType::kF4:
      return 4;
    case PixelType::kF8:
      return 8;
  }
  return 0;
}

/// NumPy-like name ("u2", "f4", ...) for messages and files.
constexpr std::string_view pixel_type_name(PixelType type) {
  constexpr std::string_view kNames[] = {"?", "u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"};
  const auto index = static_cast<std::size_t>(type);
  return index < std::size(kNames) ? kNames[index] : kNames[0];
}

/// Non-owning view of one image: rows x columns pixels, row-major, no padding, native (little-endian) order.
/// The pixels must outlive the view and be aligned for their type.
struct FrameView {
  const void* pixels = nullptr;
  PixelType type = PixelType::kU2;
  int rows = 0;
  int columns = 0;

  std::size_t pixel_count() const {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  }
  std::size_t byte_count() const { return pixel_count() * bytes_per_pixel(type); }
};

/// Calls `function(const T* pixels)` with the view's pixels at their own type, so that a kernel is written
/// once.
template <typename Function>
decltype(auto) visit_pixels(const FrameView& view, Function&& function) {
  switch (view.type) {
    case PixelType::kU1:
      return function(static_cast<const std::uint8_t*>(view.pixels));
    case PixelType::kU4:
      return function(static_cast<const std::uint32_t*>(view.pixels));
    case PixelType::kI1:
      return function(static_cast<const std::int8_t*>(view.pixels));
    case PixelType::kI2:
      return function(static_cast<const std::int16_t*>(view.pixels));
    case PixelType::kI4:
      return function(static_cast<const std::int32_t*>(view.pixels));
    case PixelType::kF4:
      return function(static_cast<const float*>(view.pixels));
    case PixelType::kF8:
      return function(static_cast<const double*>(view.pixels));
    case PixelType::kU2:
      break;
  }
  return function(static_cast<const std::uint16_t*>(view.pixels));
}

}  // namespace glasswatch

// Images made from a function of (row, column), in any pixel type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "protocol/types/pixels.h"

namespace glasswatch::test {

template <typename Pixel>
constexpr PixelType pixel_type_of() {
  if constexpr (std::is_same_v<Pixel, std::uint8_t>) return PixelType::kU1;
  if constexpr (std::is_same_v<Pixel, std::uint16_t>) return PixelType::kU2;
  if constexpr (std::is_same_v<Pixel, std::uint32_t>) return PixelType::kU4;
  if constexpr (std::is_same_v<Pixel, std::int8_t>) return PixelType::kI1;
  if constexpr (std::is_same_v<Pixel, std::int16_t>) return PixelType::kI2;
  if constexpr (std::is_same_v<Pixel, std::int32_t>) return PixelType::kI4;
  if constexpr (std::is_same_v<Pixel, float>) return PixelType::kF4;
  return PixelType::kF8;
}

template <typename Pixel>
struct Image {
  int rows, columns;
  std::vector<Pixel> pixels;

  template <typename Function>
  Image(int r, int c, Function&& value) : rows(r), columns(c) {
    pixels.reserve(static_cast<std::size_t>(r * c));
    for (int row = 0; row < r; ++row) {
      for (int column = 0; column < c; ++column) pixels.push_back(static_cast<Pixel>(value(row, column)));
    }
  }
  Pixel& at(int row, int column) { return pixels[static_cast<std::size_t>(row * columns + column)]; }
  FrameView view() const { return {pixels.data(), pixel_type_of<Pixel>(), rows, columns}; }
};

}  // namespace glasswatch::test

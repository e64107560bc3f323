// A TIFF file through libtiff: pages, their layout and their pixels, with libtiff's complaints as InputError.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/types/pixels.h"

// libtiff's handle, so that its header stays out of this one.
struct tiff;

namespace glasswatch::tiff {

/// What all pages of a series have in common.
struct PageLayout {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  PixelType pixel_type = PixelType::kU1;
  bool operator==(const PageLayout&) const = default;
};

/// Pixels per unit along columns and rows, and the name of the unit where the tags give one.
struct Resolution {
  double x = 0;
  double y = 0;
  std::string unit;  // "inch", "cm", or empty
};

/// One page is current: the first after opening. Every function throws InputError naming the page.
/// One thread; several files may be open in several threads.
class TiffFile {
 public:
  explicit TiffFile(const std::filesystem::path& path);
  ~TiffFile();
  TiffFile(const TiffFile&) = delete;
  TiffFile& operator=(const TiffFile&) = delete;

  /// Makes the following page current, or returns false after the last.
  bool next_page();
  /// Makes the page current whose directory lies at `directory_offset`, in a time that does not depend on how
  /// many pages lie before. `page` is for messages.
  void go_to(std::uint64_t page, std::uint64_t directory_offset);
  std::uint64_t directory_offset() const;

  // Of the current page:
  /// Throws for everything but one grey value per pixel, black as 0, of a PixelType; for missing pixels; and
  /// for more pixels than the bytes of the file can mean.
  PageLayout layout();
  std::string description() const;
  std::optional<Resolution> resolution() const;
  /// Where uncompressed pixels lie in one piece, top row first, that piece's offset.
  std::optional<std::uint64_t> contiguous_offset() const;
  /// The pixels, top row first, in the host's byte order. `pixels` has just the size of `layout`.
  void read(const PageLayout& layout, std::span<std::byte> pixels);

  /// `bytes` of the file as they are, in the host's byte order when they are values of `value_bytes` each.
  void read_raw(std::uint64_t offset, std::span<std::byte> bytes, std::size_t value_bytes);
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const;
  [[noreturn]] void fail_with_reason(const char* what);
  static int remember(::tiff* handle, void* file, const char* module, const char* format, va_list arguments);
  void check_link();
  PixelType pixel_type() const;
  void check_colours() const;
  void check_extent(const PageLayout& layout) const;
  void read_strips(const PageLayout& layout, std::span<std::byte> pixels);
  void read_tiles(const PageLayout& layout, std::span<std::byte> pixels);

  std::filesystem::path path_;
  std::uint64_t file_bytes_ = 0;
  ::tiff* handle_ = nullptr;
  std::uint64_t page_ = 0;
  std::string reason_;  // libtiff's first complaint since it was cleared
  std::vector<std::byte> tile_;
};

}  // namespace glasswatch::tiff

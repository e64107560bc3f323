#include "detectors/tiff/tiff_file.h"

#include <tiffio.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "detectors/input_error.h"
#include "detectors/recorded_series.h"

namespace glasswatch::tiff {
namespace {

// Deflate shrinks at most 1032-fold (zlib's FAQ); what claims more is taken for damaged.
constexpr std::uint64_t kMostExpansion = 1032;
constexpr std::uint64_t kMemoryBesideFile = std::uint64_t{64} << 20;

template <typename T>
T field(::tiff* handle, std::uint32_t tag, T default_value) {
  T value = default_value;
  return TIFFGetFieldDefaulted(handle, tag, &value) == 1 ? value : default_value;
}

int ignore(::tiff*, void*, const char*, const char*, va_list) {
  return 1;  // warnings: unknown tags are what every program's files have
}

}  // namespace

template <typename... Parts>
void TiffFile::fail(const Parts&... parts) const {
  throw input_error(path_, "page ", page_, ": ", parts...);
}

void TiffFile::fail_with_reason(const char* what) {
  fail(what, " (", reason_.empty() ? "no reason given" : reason_, "); the file is damaged, copy it again");
}

// One line of printable characters, since tags of a damaged file may be quoted.
int TiffFile::remember(::tiff*, void* file, const char*, const char* format, va_list arguments) {
  auto& self = *static_cast<TiffFile*>(file);
  if (!self.reason_.empty()) return 1;
  char text[200];
  std::vsnprintf(text, sizeof(text), format, arguments);
  self.reason_ = text;
  for (char& c : self.reason_) {
    if (c < ' ' || c > '~') c = '?';
  }
  return 1;
}

TiffFile::TiffFile(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  file_bytes_ = std::filesystem::file_size(path, error);
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(),
                                                                                 TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), remember, this);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore, nullptr);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), static_cast<tmsize_t>(file_bytes_ + kMemoryBesideFile));
  // m: no memory map, which a file that shrinks would turn into a crash; c: strips as they are in the file.
  handle_ = TIFFOpenExt(path.c_str(), "rmc", options.get());
  if (handle_ == nullptr) fail_with_reason("cannot be read");
}

TiffFile::~TiffFile() {
  if (handle_ != nullptr) TIFFClose(handle_);
}

bool TiffFile::next_page() {
  reason_.clear();
  check_link();
  ++page_;
  if (TIFFReadDirectory(handle_) == 1) return true;
  if (!reason_.empty()) fail_with_reason("its directory cannot be read");
  return false;
}

// libtiff takes a link that is cut off for the end of the series.
void TiffFile::check_link() {
  const bool big = TIFFIsBigTIFF(handle_) != 0;
  const std::uint64_t offset = directory_offset();
  std::uint64_t fields = 0;
  if (big) {
    read_raw(offset, std::as_writable_bytes(std::span(&fields, 1)), sizeof(fields));
  } else {
    std::uint16_t narrow = 0;
    read_raw(offset, std::as_writable_bytes(std::span(&narrow, 1)), sizeof(narrow));
    fields = narrow;
  }
  // The fields themselves were read, so that their number is not absurd.
  const std::uint64_t end = big ? offset + 8 + fields * 20 + 8 : offset + 2 + fields * 12 + 4;
  if (end > file_bytes_) {
    fail("the file ends at byte ", file_bytes_, ", before the link to the next page; copy it again");
  }
}

void TiffFile::go_to(std::uint64_t page, std::uint64_t directory_offset) {
  page_ = page;
  reason_.clear();
  if (TIFFCurrentDirOffset(handle_) == directory_offset) return;
  if (TIFFSetSubDirectory(handle_, directory_offset) != 1) fail_with_reason("its directory cannot be read");
}

std::uint64_t TiffFile::directory_offset() const {
  return TIFFCurrentDirOffset(handle_);
}

PageLayout TiffFile::layout() {
  check_colours();
  PageLayout layout;
  layout.rows = field(handle_, TIFFTAG_IMAGELENGTH, std::uint32_t{0});
  layout.columns = field(handle_, TIFFTAG_IMAGEWIDTH, std::uint32_t{0});
  layout.pixel_type = pixel_type();
  check_extent(layout);
  return layout;
}

void TiffFile::check_colours() const {
  const auto samples = field(handle_, TIFFTAG_SAMPLESPERPIXEL, std::uint16_t{1});
  if (samples != 1) {
    fail(samples, " values per pixel (colours, or an extra channel); allowed: 1; save it as grey values");
  }
  const auto photometric = field(handle_, TIFFTAG_PHOTOMETRIC, std::uint16_t{PHOTOMETRIC_MINISBLACK});
  if (photometric == PHOTOMETRIC_MINISWHITE) {
    fail(
        "0 is white (PhotometricInterpretation 0), so that more electrons would be less; allowed: 0 is "
        "black; "
        "invert it and save it again");
  }
  if (photometric != PHOTOMETRIC_MINISBLACK) {
    fail("PhotometricInterpretation ", photometric,
         " (colours or a palette); allowed: 1, grey values; save it as grey values");
  }
  const auto orientation = field(handle_, TIFFTAG_ORIENTATION, std::uint16_t{ORIENTATION_TOPLEFT});
  if (orientation != ORIENTATION_TOPLEFT && orientation != ORIENTATION_BOTLEFT) {
    fail("Orientation ", orientation,
         ", mirrored or turned; allowed: 1 (top row first), 4 (bottom row first); "
         "save it upright");
  }
}

PixelType TiffFile::pixel_type() const {
  const auto bits = field(handle_, TIFFTAG_BITSPERSAMPLE, std::uint16_t{1});
  const auto format = field(handle_, TIFFTAG_SAMPLEFORMAT, std::uint16_t{SAMPLEFORMAT_UINT});
  const bool is_unsigned = format == SAMPLEFORMAT_UINT || format == SAMPLEFORMAT_VOID;
  for (const PixelType type : {PixelType::kU1, PixelType::kU2, PixelType::kU4, PixelType::kI1, PixelType::kI2,
                               PixelType::kI4, PixelType::kF4, PixelType::kF8}) {
    const char kind = pixel_type_name(type).front();
    const bool same_kind = (kind == 'u' && is_unsigned) || (kind == 'i' && format == SAMPLEFORMAT_INT) ||
                           (kind == 'f' && format == SAMPLEFORMAT_IEEEFP);
    if (same_kind && bits == 8 * bytes_per_pixel(type)) return type;
  }
  fail(bits, " bits of sample format ", format,
       "; allowed: 8, 16, 32 bits of whole numbers, 32 and 64 bits of floats; convert it to one of these");
}

void TiffFile::check_extent(const PageLayout& layout) const {
  if (layout.rows < 1 || layout.columns < 1 || layout.rows > kMaxFrameEdge ||
      layout.columns > kMaxFrameEdge) {
    fail(layout.rows, " x ", layout.columns, " pixels; allowed: 1 to ", kMaxFrameEdge,
         " each; the file is empty or damaged");
  }
  const std::uint64_t needed =
      std::uint64_t{layout.rows} * layout.columns * bytes_per_pixel(layout.pixel_type);
  const bool tiled = TIFFIsTiled(handle_) != 0;
  const std::uint64_t piece_bytes = tiled ? TIFFTileSize64(handle_) : needed;
  if (std::max(needed, piece_bytes) / kMostExpansion > file_bytes_) {
    fail(needed, " bytes of pixels are more than a file of ", file_bytes_, " can hold; it is damaged");
  }
  const bool compressed = field(handle_, TIFFTAG_COMPRESSION, std::uint16_t{1}) != COMPRESSION_NONE;
  const std::uint32_t pieces = tiled ? TIFFNumberOfTiles(handle_) : TIFFNumberOfStrips(handle_);
  std::uint64_t stored = 0;
  for (std::uint32_t piece = 0; piece < pieces; ++piece) {
    const std::uint64_t offset = TIFFGetStrileOffset(handle_, piece);
    const std::uint64_t bytes = TIFFGetStrileByteCount(handle_, piece);
    if (offset == 0 || bytes == 0 || offset > file_bytes_ || bytes > file_bytes_ - offset) {
      fail(tiled ? "tile " : "strip ", piece, " was to be ", bytes, " bytes at byte ", offset,
           "; the file has ", file_bytes_, "; it is truncated or damaged, copy it again");
    }
    stored += bytes;
  }
  if (!compressed && stored < needed) {
    fail(stored, " of ", needed, " bytes of pixels are there; the file is damaged, copy it again");
  }
}

std::string TiffFile::description() const {
  const char* text = field<const char*>(handle_, TIFFTAG_IMAGEDESCRIPTION, nullptr);
  return text == nullptr ? "" : text;
}

std::optional<Resolution> TiffFile::resolution() const {
  Resolution resolution;
  resolution.x = static_cast<double>(field(handle_, TIFFTAG_XRESOLUTION, 0.0f));
  resolution.y = static_cast<double>(field(handle_, TIFFTAG_YRESOLUTION, 0.0f));
  if (!(resolution.x > 0 && resolution.y > 0)) return std::nullopt;
  const auto unit = field(handle_, TIFFTAG_RESOLUTIONUNIT, std::uint16_t{RESUNIT_INCH});
  if (unit == RESUNIT_INCH) resolution.unit = "inch";
  if (unit == RESUNIT_CENTIMETER) resolution.unit = "cm";
  return resolution;
}

std::optional<std::uint64_t> TiffFile::contiguous_offset() const {
  const bool plain =
      field(handle_, TIFFTAG_COMPRESSION, std::uint16_t{1}) == COMPRESSION_NONE &&
      TIFFIsTiled(handle_) == 0 &&
      field(handle_, TIFFTAG_FILLORDER, std::uint16_t{FILLORDER_MSB2LSB}) == FILLORDER_MSB2LSB &&
      field(handle_, TIFFTAG_ORIENTATION, std::uint16_t{1}) == ORIENTATION_TOPLEFT;
  if (!plain) return std::nullopt;
  const std::uint64_t begin = TIFFGetStrileOffset(handle_, 0);
  std::uint64_t end = begin;
  for (std::uint32_t strip = 0; strip < TIFFNumberOfStrips(handle_); ++strip) {
    if (TIFFGetStrileOffset(handle_, strip) != end) return std::nullopt;
    end += TIFFGetStrileByteCount(handle_, strip);
  }
  return begin;
}

void TiffFile::read(const PageLayout& layout, std::span<std::byte> pixels) {
  reason_.clear();
  if (TIFFIsTiled(handle_) != 0) {
    read_tiles(layout, pixels);
  } else {
    read_strips(layout, pixels);
  }
  if (field(handle_, TIFFTAG_ORIENTATION, std::uint16_t{1}) != ORIENTATION_BOTLEFT) return;
  const std::size_t row_bytes = pixels.size() / layout.rows;
  for (std::size_t top = 0, bottom = layout.rows - 1; top < bottom; ++top, --bottom) {
    std::swap_ranges(pixels.data() + top * row_bytes, pixels.data() + (top + 1) * row_bytes,
                     pixels.data() + bottom * row_bytes);
  }
}

void TiffFile::read_strips(const PageLayout& layout, std::span<std::byte> pixels) {
  const std::size_t row_bytes = pixels.size() / layout.rows;
  const std::uint32_t rows_per_strip =
      std::clamp(field(handle_, TIFFTAG_ROWSPERSTRIP, layout.rows), 1u, layout.rows);
  for (std::uint32_t strip = 0; !pixels.empty(); ++strip) {
    const std::span<std::byte> part = pixels.first(std::min(pixels.size(), rows_per_strip * row_bytes));
    const auto bytes = static_cast<tmsize_t>(part.size());
    if (TIFFReadEncodedStrip(handle_, strip, part.data(), bytes) != bytes) {
      fail_with_reason("its pixels cannot be read");
    }
    pixels = pixels.subspan(part.size());
  }
}

void TiffFile::read_tiles(const PageLayout& layout, std::span<std::byte> pixels) {
  const std::uint32_t tile_columns = field(handle_, TIFFTAG_TILEWIDTH, std::uint32_t{0});
  const std::uint32_t tile_rows = field(handle_, TIFFTAG_TILELENGTH, std::uint32_t{0});
  const std::size_t pixel_bytes = bytes_per_pixel(layout.pixel_type);
  tile_.resize(static_cast<std::size_t>(TIFFTileSize(handle_)));
  if (tile_.empty() || tile_.size() != std::size_t{tile_columns} * tile_rows * pixel_bytes) {
    fail("tiles of ", tile_rows, " x ", tile_columns, " pixels; the file is damaged");
  }
  std::uint32_t tile = 0;
  for (std::uint64_t row = 0; row < layout.rows; row += tile_rows) {
    for (std::uint64_t column = 0; column < layout.columns; column += tile_columns, ++tile) {
      const auto bytes = static_cast<tmsize_t>(tile_.size());
      if (TIFFReadEncodedTile(handle_, tile, tile_.data(), bytes) != bytes) {
        fail_with_reason("its pixels cannot be read");
      }
      const std::uint64_t rows = std::min<std::uint64_t>(tile_rows, layout.rows - row);
      const std::uint64_t columns = std::min<std::uint64_t>(tile_columns, layout.columns - column);
      for (std::uint64_t i = 0; i < rows; ++i) {
        std::memcpy(pixels.data() + ((row + i) * layout.columns + column) * pixel_bytes,
                    tile_.data() + i * tile_columns * pixel_bytes, columns * pixel_bytes);
      }
    }
  }
}

void TiffFile::read_raw(std::uint64_t offset, std::span<std::byte> bytes, std::size_t value_bytes) {
  const auto seek = TIFFGetSeekProc(handle_);
  const auto read = TIFFGetReadProc(handle_);
  const thandle_t client = TIFFClientdata(handle_);
  const auto size = static_cast<tmsize_t>(bytes.size());
  if (seek(client, offset, SEEK_SET) != offset || read(client, bytes.data(), size) != size) {
    fail("byte ", offset, ": cannot be read; the file was cut or the disk failed");
  }
  if (TIFFIsByteSwapped(handle_) == 0) return;
  for (; value_bytes > 1 && !bytes.empty(); bytes = bytes.subspan(value_bytes)) {
    std::reverse(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(value_bytes));
  }
}

}  // namespace glasswatch::tiff

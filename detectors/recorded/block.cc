#include "detectors/recorded/block.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <stdexcept>

namespace glasswatch::recorded {
namespace {

static_assert(std::endian::native == std::endian::little, "lengths and pixels are stored little-endian");

constexpr std::size_t kMagicBytes = 16;
// Not text, and broken by whoever changes line ends or drops the eighth bit; the tail is random.
constexpr std::array<unsigned char, kMagicBytes> kMagic = {0x89, 'G',  'W',  'b',  'l',  'o',  'c',  'k',
                                                           '\r', '\n', 0x1A, '\n', 0xD3, 0x5E, 0xA7, 0x0C};

// The lengths stand before the checksum, so that it covers them.
struct Footer {
  std::uint64_t stream_bytes;
  std::uint32_t label_bytes;
  std::uint32_t crc32;
  std::array<unsigned char, kMagicBytes> magic;
};
static_assert(sizeof(Footer) == kFooterBytes);
constexpr std::size_t kFooterLengths = 12;

constexpr std::size_t kMostLabelBytes = std::size_t{64} << 10;

// RFC 1950 section 2.2: deflate, window 32 KiB, fastest; the two bytes are a multiple of 31.
constexpr std::array<std::byte, 2> kZlibHeader = {std::byte{0x78}, std::byte{0x01}};
constexpr std::size_t kAdlerBytes = 4;
// RFC 1951 section 3.2.4: a stored block is a byte of flags (with padding), length, its complement, the
// bytes.
constexpr std::size_t kMostStoredBytes = 65535;
constexpr std::size_t kStoredHeaderBytes = 5;

// Measured on the noise of a camera: level 1 of libdeflate takes about half the time of level 1 of zlib;
// level 6 wins 1 % for up to 2.4 times the time.
constexpr int kDeflateLevel = 1;

template <std::size_t kElementBytes>
void shuffle(const std::byte* from, std::size_t elements, std::byte* to) {
  for (std::size_t plane = 0; plane < kElementBytes; ++plane) {
    for (std::size_t i = 0; i < elements; ++i) to[plane * elements + i] = from[i * kElementBytes + plane];
  }
}

template <std::size_t kElementBytes>
void unshuffle(const std::byte* from, std::size_t elements, std::byte* to) {
  for (std::size_t i = 0; i < elements; ++i) {
    for (std::size_t plane = 0; plane < kElementBytes; ++plane)
      to[i * kElementBytes + plane] = from[plane * elements + i];
  }
}

// Loops with strides known to the compiler become vector code.
template <typename Function>
void with_element_bytes(std::size_t element_bytes, Function&& function) {
  switch (element_bytes) {
    case 2:
      return function(std::integral_constant<std::size_t, 2>());
    case 3:
      return function(std::integral_constant<std::size_t, 3>());
    case 4:
      return function(std::integral_constant<std::size_t, 4>());
    case 5:
      return function(std::integral_constant<std::size_t, 5>());
    case 6:
      return function(std::integral_constant<std::size_t, 6>());
    case 7:
      return function(std::integral_constant<std::size_t, 7>());
    default:
      return function(std::integral_constant<std::size_t, 8>());
  }
}

void check_elements(std::size_t bytes, std::size_t element_bytes) {
  if (element_bytes < 1 || element_bytes > 8 || bytes % element_bytes != 0) {
    throw std::invalid_argument("a block holds whole elements of 1 to 8 bytes");
  }
}

std::size_t stored_bytes(std::size_t bytes) {
  return bytes + kStoredHeaderBytes * (bytes / kMostStoredBytes + 1);
}

// Writes `bytes` as stored blocks, at least one; returns the end.
std::byte* store(std::span<const std::byte> bytes, bool final, std::byte* to) {
  do {
    const std::size_t length = std::min(bytes.size(), kMostStoredBytes);
    const auto count = static_cast<std::uint16_t>(length);
    const auto complement = static_cast<std::uint16_t>(~count);
    *to = std::byte{final && length == bytes.size()};
    std::memcpy(to + 1, &count, sizeof count);
    std::memcpy(to + 3, &complement, sizeof complement);
    to = std::copy_n(bytes.data(), length, to + kStoredHeaderBytes);
    bytes = bytes.subspan(length);
  } while (!bytes.empty());
  return to;
}

std::byte* store_adler32(std::span<const std::byte> bytes, std::byte* to) {
  const std::uint32_t sum = libdeflate_adler32(1, bytes.data(), bytes.size());
  for (int shift = 24; shift >= 0; shift -= 8) *to++ = static_cast<std::byte>(sum >> shift);
  return to;
}

std::uint32_t checksum(std::span<const std::byte> stream_and_label, const Footer& footer) {
  const std::uint32_t crc = libdeflate_crc32(0, stream_and_label.data(), stream_and_label.size());
  return libdeflate_crc32(crc, &footer, kFooterLengths);
}

struct Parts {
  std::span<const std::byte> stream;
  std::span<const std::byte> label;
};

// The parts of the block that ends where `bytes` ends, when there is a sound one.
std::optional<Parts> parts_before_end(std::span<const std::byte> bytes) {
  if (bytes.size() < kFooterBytes) return std::nullopt;
  Footer footer{};
  std::memcpy(&footer, bytes.data() + bytes.size() - kFooterBytes, kFooterBytes);
  const std::size_t before = bytes.size() - kFooterBytes;
  if (footer.magic != kMagic || footer.stream_bytes > before ||
      footer.label_bytes > before - footer.stream_bytes) {
    return std::nullopt;
  }
  const std::size_t length = footer.stream_bytes + footer.label_bytes;
  const auto block = bytes.subspan(before - length, length);
  if (checksum(block, footer) != footer.crc32) return std::nullopt;
  return Parts{block.first(footer.stream_bytes), block.last(footer.label_bytes)};
}

// The parts of a block that is all of `block`.
std::optional<Parts> parts_of(std::span<const std::byte> block) {
  const auto parts = parts_before_end(block);
  if (!parts || parts->stream.data() != block.data()) return std::nullopt;
  return parts;
}

std::optional<recording::BlockLabel> parsed(std::span<const std::byte> bytes) {
  recording::BlockLabel label;
  if (!label.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  return label;
}

}  // namespace

struct BlockEncoder::Deflate {
  Deflate() : compressor(libdeflate_alloc_compressor(kDeflateLevel)) {
    if (compressor == nullptr) throw std::bad_alloc();
  }
  ~Deflate() { libdeflate_free_compressor(compressor); }
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;

  // Writes one raw stream that ends with a final block; returns the end.
  std::byte* compress(std::span<const std::byte> bytes, std::byte* to, const std::byte* end) const {
    const std::size_t written = libdeflate_deflate_compress(compressor, bytes.data(), bytes.size(), to,
                                                            static_cast<std::size_t>(end - to));
    if (written == 0) throw std::logic_error("a block does not fit its upper limit");
    return to + written;
  }

  libdeflate_compressor* compressor;
};

BlockEncoder::BlockEncoder() : deflate_(std::make_unique<Deflate>()) {}
BlockEncoder::~BlockEncoder() = default;

void BlockEncoder::compress(std::span<const std::byte> bytes, std::size_t element_bytes, Effort effort,
                            std::vector<std::byte>& block) {
  check_elements(bytes.size(), element_bytes);
  if (element_bytes > 1) {
    shuffled_.resize(bytes.size());
    with_element_bytes(element_bytes, [&](auto size) {
      shuffle<size()>(bytes.data(), bytes.size() / size(), shuffled_.data());
    });
    bytes = shuffled_;
  }
  block.resize(most_bytes(bytes.size()));
  const std::byte* const end = block.data() + block.size();
  std::byte* to = std::copy(kZlibHeader.begin(), kZlibHeader.end(), block.data());
  if (effort == Effort::kStored) {
    to = store(bytes, true, to);
  } else {
    const bool keeps_lowest = effort == Effort::kFast && element_bytes > 1;
    const std::size_t kept = keeps_lowest ? bytes.size() / element_bytes : 0;
    if (keeps_lowest) to = store(bytes.first(kept), false, to);
    to = deflate_->compress(bytes.subspan(kept), to, end);
  }
  to = store_adler32(bytes, to);
  block.resize(static_cast<std::size_t>(to - block.data()));
}

void seal(const recording::BlockLabel& label, std::vector<std::byte>& block) {
  const std::size_t label_bytes = label.ByteSizeLong();
  if (label_bytes > kMostLabelBytes) throw std::length_error("the label of a block is longer than 64 KiB");
  Footer footer{.stream_bytes = block.size(),
                .label_bytes = static_cast<std::uint32_t>(label_bytes),
                .crc32 = 0,
                .magic = kMagic};
  block.resize(block.size() + label_bytes + kFooterBytes);
  label.SerializeToArray(block.data() + footer.stream_bytes, static_cast<int>(label_bytes));
  footer.crc32 = checksum(std::span(block).first(footer.stream_bytes + label_bytes), footer);
  std::memcpy(block.data() + footer.stream_bytes + label_bytes, &footer, kFooterBytes);
}

std::size_t most_bytes(std::size_t bytes) {
  return kZlibHeader.size() + stored_bytes(bytes) - bytes +
         libdeflate_deflate_compress_bound(nullptr, bytes) + kAdlerBytes + kMostLabelBytes + kFooterBytes;
}

struct BlockDecoder::Inflate {
  Inflate() : decompressor(libdeflate_alloc_decompressor()) {
    if (decompressor == nullptr) throw std::bad_alloc();
  }
  ~Inflate() { libdeflate_free_decompressor(decompressor); }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

  bool decompress(std::span<const std::byte> stream, std::span<std::byte> bytes) const {
    return libdeflate_zlib_decompress(decompressor, stream.data(), stream.size(), bytes.data(), bytes.size(),
                                      nullptr) == LIBDEFLATE_SUCCESS;
  }

  libdeflate_decompressor* decompressor;
};

BlockDecoder::BlockDecoder() : inflate_(std::make_unique<Inflate>()) {}
BlockDecoder::~BlockDecoder() = default;

std::optional<recording::BlockLabel> BlockDecoder::label(std::span<const std::byte> block) const {
  const auto parts = parts_of(block);
  return parts ? parsed(parts->label) : std::nullopt;
}

bool BlockDecoder::decompress(std::span<const std::byte> block, std::size_t element_bytes,
                              std::span<std::byte> bytes) {
  check_elements(bytes.size(), element_bytes);
  const auto parts = parts_of(block);
  if (!parts) return false;
  if (element_bytes == 1) return inflate_->decompress(parts->stream, bytes);
  shuffled_.resize(bytes.size());
  if (!inflate_->decompress(parts->stream, shuffled_)) return false;
  with_element_bytes(element_bytes, [&](auto size) {
    unshuffle<size()>(shuffled_.data(), bytes.size() / size(), bytes.data());
  });
  return true;
}

std::uint64_t find_blocks(std::span<const std::byte> bytes,
                          const std::function<void(std::size_t offset, std::span<const std::byte> block,
                                                   const recording::BlockLabel& label)>& found) {
  std::uint64_t damaged = 0;
  std::size_t free_from = 0;  // blocks do not overlap
  std::size_t look_from = 0;
  while (bytes.size() - look_from >= kMagicBytes) {
    const void* const magic =
        ::memmem(bytes.data() + look_from, bytes.size() - look_from, kMagic.data(), kMagicBytes);
    if (magic == nullptr) break;
    const auto end =
        static_cast<std::size_t>(static_cast<const std::byte*>(magic) - bytes.data()) + kMagicBytes;
    look_from = end;
    const auto parts = parts_before_end(bytes.subspan(free_from, end - free_from));
    const auto label = parts ? parsed(parts->label) : std::nullopt;
    if (!label) {
      ++damaged;
      continue;
    }
    const auto offset = static_cast<std::size_t>(parts->stream.data() - bytes.data());
    free_from = end;
    found(offset, bytes.subspan(offset, end - offset), *label);
  }
  return damaged;
}

}  // namespace glasswatch::recorded

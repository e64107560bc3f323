// Blocks: what one chunk of a recording holds. HDF5's filters shuffle and deflate read the bytes; what stands
// behind them names the block, so that a file without its index can be put together again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "protocol/schema/recording.pb.h"

namespace glasswatch::recorded {

/// What compression may cost. All three are read by the same two filters.
enum class Effort : std::uint8_t {
  kCompact,  // every byte through deflate
  kFast,     // the lowest byte of each pixel, which is mostly noise, is stored; the others go through deflate
  kStored,   // every byte stored
};

/// Makes blocks:
///
///   zlib stream of the shuffled bytes | BlockLabel | footer
///
/// with the footer: length of the stream (8 bytes), length of the label (4), CRC-32 of all before it (4),
/// magic (16); little-endian.
///
/// HDF5 stops reading at the end of the zlib stream (RFC 1950), whose Adler-32 covers the bytes. Memory is
/// kept from call to call. One thread per object.
class BlockEncoder {
 public:
  BlockEncoder();
  ~BlockEncoder();
  BlockEncoder(const BlockEncoder&) = delete;
  BlockEncoder& operator=(const BlockEncoder&) = delete;

  /// Replaces `block` by the zlib stream of `bytes`, shuffled by elements of `element_bytes` (1 to 8, a
  /// divisor of the size) as HDF5's shuffle filter does: all first bytes, then all second bytes, ... Never
  /// longer than most_bytes().
  void compress(std::span<const std::byte> bytes, std::size_t element_bytes, Effort effort,
                std::vector<std::byte>& block);

 private:
  struct Deflate;
  std::unique_ptr<Deflate> deflate_;
  std::vector<std::byte> shuffled_;
};

/// Adds label and footer to a stream that compress() has made.
void seal(const recording::BlockLabel& label, std::vector<std::byte>& block);

/// Upper limit of a sealed block of so many bytes, for a label of up to 64 KiB (longer ones seal() refuses).
std::size_t most_bytes(std::size_t bytes);

/// Bytes of the footer, the last of every block.
inline constexpr std::size_t kFooterBytes = 32;

/// Reads blocks. One thread per object.
class BlockDecoder {
 public:
  BlockDecoder();
  ~BlockDecoder();
  BlockDecoder(const BlockDecoder&) = delete;
  BlockDecoder& operator=(const BlockDecoder&) = delete;

  /// The label of a whole block: nothing unless footer, lengths and CRC agree. Never throws, whatever the
  /// bytes. Cost: the CRC (10 GB/s).
  std::optional<recording::BlockLabel> label(std::span<const std::byte> block) const;

  /// Inflates and unshuffles a block into `bytes`, which it must fill exactly; false otherwise, or when one
  /// of the checksums (CRC-32 of the block, Adler-32 of the shuffled bytes) disagrees, and `bytes` is
  /// unspecified then.
  bool decompress(std::span<const std::byte> block, std::size_t element_bytes, std::span<std::byte> bytes);

 private:
  struct Inflate;
  std::unique_ptr<Inflate> inflate_;
  std::vector<std::byte> shuffled_;
};

/// Where blocks are in a file of any state: looks for footers, then checks length and CRC of what stands
/// before. `found(offset, block, label)` is called for every sound block, in the order of the file. `bytes`
/// is the whole file (mapped); blocks of any file_id, none within another. Returns how many footers have no
/// sound block before them. Cost: one pass over the file, and one over its blocks.
std::uint64_t find_blocks(std::span<const std::byte> bytes,
                          const std::function<void(std::size_t offset, std::span<const std::byte> block,
                                                   const recording::BlockLabel& label)>& found);

}  // namespace glasswatch::recorded

// The HDF5 file of a recording as two rows of blocks, its frames and its journal.
#pragma once

#include <H5Cpp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "detectors/recorded/block.h"
#include "protocol/types/frame.h"

namespace glasswatch::recorded {

/// What users are told to do about a damaged or unfinished recording.
std::string repair_advice(const std::filesystem::path& path);

/// Whether `path`, which begins with `head`, is a recording, whole or not: it begins as HDF5, the name of the
/// format stands in its first MiB, and HDF5 (in a child) confirms it or cannot open the file.
bool is_recording(const std::filesystem::path& path, std::span<const std::byte> head);

/// A sound block and what it says of itself.
struct Block {
  std::span<const std::byte> bytes;  // label and footer included
  recording::BlockLabel label;
};

/// What the label of a frame says about it.
FrameInfo frame_info(const recording::Frame& frame);

/// Opens a recording that is closed, growing, or left behind by a crash. Only metadata is read until a block
/// is asked for. HDF5 1.10 can crash on damaged files: open first in a child (hdf5_guard.h). One thread.
class BlockFile {
 public:
  /// Throws InputError: HDF5 cannot open it, or it is no recording.
  explicit BlockFile(const std::filesystem::path& path);

  /// Whether the file is marked as being written: it is, or its writer died.
  bool growing() const { return growing_; }

  /// What the arrays claim to hold.
  std::uint64_t frames() const { return frames_.extent; }
  std::uint64_t pages() const { return pages_.extent; }
  std::uint64_t rows() const { return frames_.shape[0]; }
  std::uint64_t columns() const { return frames_.shape[1]; }
  std::size_t pixel_bytes() const { return frames_.element_bytes; }

  /// The block of frame or page `index`, valid until the next call; nothing when it is missing, does not
  /// match its checksum, or is labelled as another. Cost: reading the block, and its CRC.
  std::optional<Block> frame(std::uint64_t index);
  std::optional<Block> page(std::uint64_t index);

  /// Looks every block up in the file's index, and reads none.
  void walk() const;

 private:
  struct Stored {
    H5::DataSet dataset;
    std::uint64_t extent = 0;
    std::array<std::uint64_t, 2> shape{};  // of one block, 1 first where it has one dimension
    std::size_t element_bytes = 0;
  };

  Stored open_array(const char* object, int dimensions) const;
  std::uint64_t stored_bytes(const Stored& array, std::uint64_t index) const;
  std::optional<Block> read(const Stored& array, std::uint64_t index);

  std::filesystem::path path_;
  bool growing_ = false;
  H5::H5File file_;
  Stored frames_;
  Stored pages_;
  BlockDecoder decoder_;
  std::vector<std::byte> bytes_;
};

}  // namespace glasswatch::recorded

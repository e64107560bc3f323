#include "detectors/recorded/block_file.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>

#include "detectors/hdf5_guard.h"
#include "detectors/hdf5_reading.h"
#include "detectors/recorded/recorded_layout.h"
#include "protocol/wire/wire.h"

namespace glasswatch::recorded {
namespace {

// A file that is not marked as being written opens only without SWMR, in a process that may have it open
// already; one that is opens only with it.
H5::H5File open_closed_or_growing(const std::filesystem::path& path, bool& growing) {
  H5::Exception::dontPrint();
  try {
    growing = false;
    return {path.string(), H5F_ACC_RDONLY};
  } catch (const H5::Exception&) {
    growing = true;
  }
  // While its writer writes, metadata may be half written: the library then reads it again after 1, 2, 4 ...
  // ns. Its default of 100 times never ends where metadata is really damaged; 24 are 30 ms.
  constexpr unsigned kMetadataReadAttempts = 24;
  H5::FileAccPropList access;
  H5Pset_metadata_read_attempts(access.getId(), kMetadataReadAttempts);
  try {
    return {path.string(), H5F_ACC_RDONLY | H5F_ACC_SWMR_READ, H5::FileCreatPropList::DEFAULT, access};
  } catch (const H5::Exception& error) {
    throw input_error(path, "HDF5 cannot open it (", error.getDetailMsg(),
                      "): it was left behind by a crash, is damaged, or was begun just now; ",
                      repair_advice(path));
  }
}

void check_format(const std::filesystem::path& path, const H5::H5File& file) {
  const H5::Group root = file.openGroup("/");
  if (hdf5::text_attribute(root, kFormatAttribute).value_or("") != kFormatName) {
    throw input_error(path, "is no recording: attribute ", kFormatAttribute, " of / is not ", kFormatName);
  }
  const double version = hdf5::number_attribute(root, kFormatVersionAttribute).value_or(0);
  if (!(version >= 1 && version <= kFormatVersion)) {
    throw input_error(path, "attribute ", kFormatVersionAttribute, " of / is ", version, "; allowed: 1 to ",
                      kFormatVersion, "; read it with a newer Glasswatch");
  }
}

// The offset of a block in an array of up to three dimensions.
std::array<hsize_t, 3> place(std::uint64_t index) {
  return {index, 0, 0};
}

}  // namespace

bool is_recording(const std::filesystem::path& path, std::span<const std::byte> head) {
  constexpr std::string_view kHdf5 = "\x89HDF\r\n\x1A\n";
  if (head.size() < kHdf5.size() || std::memcmp(head.data(), kHdf5.data(), kHdf5.size()) != 0) return false;
  std::string beginning(std::size_t{1} << 20, '\0');
  std::ifstream(path, std::ios::binary)
      .read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
  if (beginning.find(kFormatName) == std::string::npos) return false;
  const auto confirm = [&]() -> std::string {
    bool growing = false;
    const H5::H5File file = open_closed_or_growing(path, growing);
    const bool confirmed = hdf5::text_attribute(file.openGroup("/"), kFormatAttribute) == kFormatName;
    return confirmed ? "yes" : "no";
  };
  try {
    return probe_in_child(path, confirm) == "yes";
  } catch (const InputError&) {
    return true;  // damaged: whoever opens it learns of repair
  }
}

std::string repair_advice(const std::filesystem::path& path) {
  return "run: glasswatch repair " + path.string();
}

FrameInfo frame_info(const recording::Frame& frame) {
  FrameInfo info = wire::decode_frame_info(frame.header());
  info.received_utc_ns = frame.received_utc_ns();
  info.flags |= frame.flags();
  return info;
}

BlockFile::BlockFile(const std::filesystem::path& path)
    : path_(path), file_(open_closed_or_growing(path, growing_)) {
  hdf5::translated(path_, "/", [&] { check_format(path_, file_); });
  frames_ = open_array(kDataObject, 3);
  pages_ = open_array(kJournalObject, 2);
  if (pages_.shape[1] != kJournalPageBytes || pages_.element_bytes != 1) {
    throw input_error(path_, "object ", kJournalObject, ": pages of ", pages_.shape[1], " x ",
                      pages_.element_bytes, " bytes; allowed: ", kJournalPageBytes, " x 1; ",
                      repair_advice(path_));
  }
}

BlockFile::Stored BlockFile::open_array(const char* object, int dimensions) const {
  return hdf5::translated(path_, object, [&] {
    Stored array;
    array.dataset = file_.openDataSet(object);
    array.element_bytes = array.dataset.getDataType().getSize();
    std::array<hsize_t, 3> dims{};
    std::array<hsize_t, 3> chunk{};
    const H5::DataSpace space = array.dataset.getSpace();
    const H5::DSetCreatPropList creation = array.dataset.getCreatePlist();
    const bool chunked = space.getSimpleExtentNdims() == dimensions && creation.getLayout() == H5D_CHUNKED;
    if (chunked) {
      space.getSimpleExtentDims(dims.data());
      creation.getChunk(dimensions, chunk.data());
    }
    // One block is one chunk: the whole array but for its first dimension.
    if (!chunked || chunk[0] != 1 || !std::equal(dims.begin() + 1, dims.end(), chunk.begin() + 1)) {
      throw input_error(path_, "object ", object,
                        ": is not stored as one block each; it was written again by another ",
                        "program and can only be read as HyperSpy does");
    }
    array.extent = dims[0];
    array.shape = {dimensions == 3 ? dims[1] : 1, dims[dimensions - 1]};
    return array;
  });
}

std::uint64_t BlockFile::stored_bytes(const Stored& array, std::uint64_t index) const {
  hsize_t bytes = 0;
  if (H5Dget_chunk_storage_size(array.dataset.getId(), place(index).data(), &bytes) < 0) return 0;
  return bytes;
}

std::optional<Block> BlockFile::read(const Stored& array, std::uint64_t index) {
  if (index >= array.extent) return std::nullopt;
  const std::uint64_t stored = stored_bytes(array, index);
  if (stored < kFooterBytes || stored > std::filesystem::file_size(path_)) return std::nullopt;
  bytes_.resize(stored);
  std::uint32_t filter_mask = 0;
  if (H5Dread_chunk(array.dataset.getId(), H5P_DEFAULT, place(index).data(), &filter_mask, bytes_.data()) <
      0) {
    return std::nullopt;
  }
  auto label = decoder_.label(bytes_);
  if (!label) return std::nullopt;
  return Block{bytes_, std::move(*label)};
}

std::optional<Block> BlockFile::frame(std::uint64_t index) {
  auto block = read(frames_, index);
  if (!block || !block->label.has_frame() || block->label.frame().index() != index) return std::nullopt;
  return block;
}

std::optional<Block> BlockFile::page(std::uint64_t index) {
  auto block = read(pages_, index);
  if (!block || !block->label.has_page() || block->label.page().index() != index) return std::nullopt;
  return block;
}

void BlockFile::walk() const {
  for (std::uint64_t i = 0; i < frames_.extent; ++i) stored_bytes(frames_, i);
  for (std::uint64_t i = 0; i < pages_.extent; ++i) stored_bytes(pages_, i);
}

}  // namespace glasswatch::recorded

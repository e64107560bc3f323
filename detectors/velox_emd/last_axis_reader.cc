#include "detectors/velox_emd/last_axis_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace glasswatch::velox {
namespace {

constexpr std::uint64_t kLargestBlockBytes = std::uint64_t{256} << 20;
constexpr std::uint64_t kContiguousBlockBytes = std::uint64_t{32} << 20;

// One element of each run of `depth`, starting at `source`.
template <std::size_t kBytes>
void gather(const std::byte* source, std::uint64_t depth, std::byte* destination, std::size_t elements) {
  for (std::size_t i = 0; i < elements; ++i)
    std::memcpy(destination + i * kBytes, source + i * depth * kBytes, kBytes);
}

}  // namespace

LastAxisReader::LastAxisReader(hdf5::Array array) : array_(std::move(array)) {
  slice_elements_ = 1;
  for (std::size_t i = 0; i + 1 < array_.dims.size(); ++i) slice_elements_ *= array_.dims[i];
  const bool chunked = !array_.chunk.empty();
  const std::uint64_t wanted = chunked ? array_.chunk.back() : count();
  const std::uint64_t affordable = (chunked ? kLargestBlockBytes : kContiguousBlockBytes) / slice_bytes();
  depth_ = std::clamp<std::uint64_t>(std::min(wanted, affordable), 1, count());
}

void LastAxisReader::load_block(std::uint64_t first) {
  block_count_ = 0;  // stays so if reading throws
  std::vector<hsize_t> start(array_.dims.size(), 0);
  std::vector<hsize_t> extent = array_.dims;
  start.back() = first;
  extent.back() = std::min(depth_, count() - first);
  block_.resize(slice_bytes() * extent.back());
  hdf5::read_block(array_, start, extent, block_.data());
  block_first_ = first;
  block_count_ = extent.back();
}

void LastAxisReader::read(std::uint64_t index, std::byte* destination) {
  if (depth_ == 1) {
    std::vector<hsize_t> start(array_.dims.size(), 0);
    std::vector<hsize_t> extent = array_.dims;
    start.back() = index;
    extent.back() = 1;
    hdf5::read_block(array_, start, extent, destination);
    return;
  }
  if (index < block_first_ || index >= block_first_ + block_count_) load_block(index / depth_ * depth_);
  const std::byte* source = block_.data() + (index - block_first_) * array_.element_bytes;
  switch (array_.element_bytes) {
    case 1:
      return gather<1>(source, block_count_, destination, slice_elements_);
    case 2:
      return gather<2>(source, block_count_, destination, slice_elements_);
    case 4:
      return gather<4>(source, block_count_, destination, slice_elements_);
    default:
      return gather<8>(source, block_count_, destination, slice_elements_);
  }
}

}  // namespace glasswatch::velox

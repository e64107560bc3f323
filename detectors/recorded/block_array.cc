#include "detectors/recorded/block_array.h"

namespace glasswatch::recorded {
namespace {

constexpr unsigned kDeflateLevel =
    1;  // for those who read the filter's settings; the blocks are made elsewhere

}  // namespace

BlockArray::BlockArray(const H5::H5File& file, const std::string& path, const H5::DataType& type,
                       const std::vector<hsize_t>& row)
    : extent_{0} {
  extent_.insert(extent_.end(), row.begin(), row.end());
  std::vector<hsize_t> most = extent_;
  most[0] = H5S_UNLIMITED;
  std::vector<hsize_t> chunk = extent_;
  chunk[0] = 1;
  const int rank = static_cast<int>(extent_.size());
  H5::DSetCreatPropList properties;
  properties.setChunk(rank, chunk.data());
  properties.setShuffle();
  properties.setDeflate(kDeflateLevel);
  properties.setFillTime(H5D_FILL_TIME_NEVER);
  dataset_ = file.createDataSet(path, type, H5::DataSpace(rank, extent_.data(), most.data()), properties);
}

void BlockArray::append(std::span<const std::byte> block) {
  std::vector<hsize_t> offset(extent_.size(), 0);
  offset[0] = count_++;
  extent_[0] = count_;
  dataset_.extend(extent_.data());
  if (H5Dwrite_chunk(dataset_.getId(), H5P_DEFAULT, 0, offset.data(), block.size(), block.data()) < 0) {
    throw H5::DataSetIException("H5Dwrite_chunk", "cannot add a chunk");
  }
}

}  // namespace glasswatch::recorded

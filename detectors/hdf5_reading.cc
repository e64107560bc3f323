#include "detectors/hdf5_reading.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "detectors/hdf5_guard.h"
#include "detectors/log_table.h"

namespace glasswatch::hdf5 {
namespace {

constexpr std::array<unsigned char, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
constexpr std::size_t kLongestText = 64 * 1024;
constexpr std::uint64_t kLargestCommonChunkBytes = std::uint64_t{64} << 20;
constexpr std::uint64_t kLargestCompression = 1100;  // deflate reaches 1032
constexpr std::size_t kMostElements = std::size_t{1} << 62;

struct ElementType {
  PixelType pixel_type;
  StoredPixel stored = StoredPixel::kSame;
  H5::DataType memory_type;
};

std::optional<ElementType> element_type(const H5::DataSet& dataset) {
  const H5T_class_t type_class = dataset.getTypeClass();
  const std::size_t size = dataset.getDataType().getSize();
  if (type_class == H5T_ENUM && size == 1)
    return ElementType{PixelType::kU1, StoredPixel::kSame, dataset.getDataType()};
  if (type_class == H5T_FLOAT) {
    if (size == 4) return ElementType{PixelType::kF4, StoredPixel::kSame, H5::PredType::NATIVE_FLOAT};
    if (size == 8) return ElementType{PixelType::kF8, StoredPixel::kSame, H5::PredType::NATIVE_DOUBLE};
  }
  if (type_class != H5T_INTEGER) return std::nullopt;
  const bool is_signed = dataset.getIntType().getSign() != H5T_SGN_NONE;
  switch (size) {
    case 1:
      if (is_signed) return ElementType{PixelType::kI1, StoredPixel::kSame, H5::PredType::NATIVE_INT8};
      return ElementType{PixelType::kU1, StoredPixel::kSame, H5::PredType::NATIVE_UINT8};
    case 2:
      if (is_signed) return ElementType{PixelType::kI2, StoredPixel::kSame, H5::PredType::NATIVE_INT16};
      return ElementType{PixelType::kU2, StoredPixel::kSame, H5::PredType::NATIVE_UINT16};
    case 4:
      if (is_signed) return ElementType{PixelType::kI4, StoredPixel::kSame, H5::PredType::NATIVE_INT32};
      return ElementType{PixelType::kU4, StoredPixel::kSame, H5::PredType::NATIVE_UINT32};
    case 8:
      if (is_signed) return ElementType{PixelType::kI4, StoredPixel::kI8, H5::PredType::NATIVE_INT64};
      return ElementType{PixelType::kI4, StoredPixel::kU8, H5::PredType::NATIVE_UINT64};
    default:
      return std::nullopt;
  }
}

}  // namespace

bool holds(const std::filesystem::path& path, std::span<const std::byte> head, const std::string& object) {
  if (head.size() < kSignature.size() ||
      std::memcmp(head.data(), kSignature.data(), kSignature.size()) != 0) {
    return false;
  }
  const auto look_up = [&]() -> std::string {
    const H5::H5File file = open_file(path);
    return translated(path, object, [&] {
      for (std::size_t end = object.find('/', 1);; end = object.find('/', end + 1)) {
        if (!file.nameExists(object.substr(0, end))) return "no";
        if (end == std::string::npos) return "yes";
      }
    });
  };
  return probe_in_child(path, look_up) == "yes";
}

H5::H5File open_file(const std::filesystem::path& path) {
  H5::Exception::dontPrint();
  return translated(path, "/", [&] { return H5::H5File(path.string(), H5F_ACC_RDONLY); });
}

std::optional<std::string> text_attribute(const H5::H5Object& object, const std::string& name) {
  if (!object.attrExists(name)) return std::nullopt;
  const H5::Attribute attribute = object.openAttribute(name);
  const bool scalar = attribute.getSpace().getSimpleExtentNpoints() == 1;
  if (!scalar || attribute.getTypeClass() != H5T_STRING || attribute.getStorageSize() > kLongestText) {
    return std::nullopt;
  }
  std::string text;
  attribute.read(attribute.getDataType(), text);
  return text;
}

std::optional<double> number_attribute(const H5::H5Object& object, const std::string& name) {
  if (const auto text = text_attribute(object, name)) return parse_number(trimmed(*text));
  if (!object.attrExists(name)) return std::nullopt;
  const H5::Attribute attribute = object.openAttribute(name);
  if (attribute.getSpace().getSimpleExtentNpoints() != 1) return std::nullopt;
  const H5T_class_t type_class = attribute.getTypeClass();
  if (type_class == H5T_ENUM && attribute.getDataType().getSize() == 1) {
    std::int8_t value = 0;
    attribute.read(attribute.getDataType(), &value);
    return value;
  }
  if (type_class != H5T_INTEGER && type_class != H5T_FLOAT) return std::nullopt;
  double value = 0;
  attribute.read(H5::PredType::NATIVE_DOUBLE, &value);
  return value;
}

Array open_array(const std::filesystem::path& path, const H5::H5File& file, const std::string& object,
                 std::size_t cache_bytes) {
  return translated(path, object, [&] {
    constexpr std::size_t kCacheSlots = 12'421;  // a prime well above the number of chunks alive at a time
    H5::DSetAccPropList access;
    access.setChunkCache(kCacheSlots, cache_bytes, 0.75);
    Array array;
    array.dataset = file.openDataSet(object, access);
    const auto type = element_type(array.dataset);
    if (!type) {
      throw input_error(path, "object ", object,
                        ": its elements are no plain numbers; allowed: bool, integers of 1 "
                        "to 8 bytes, floats of 4 or 8; convert the data");
    }
    array.pixel_type = type->pixel_type;
    array.stored = type->stored;
    array.memory_type = type->memory_type;
    array.element_bytes = stored_pixel_bytes(array.stored, array.pixel_type);
    const H5::DataSpace space = array.dataset.getSpace();
    array.dims.resize(static_cast<std::size_t>(std::max(space.getSimpleExtentNdims(), 0)));
    if (!array.dims.empty()) space.getSimpleExtentDims(array.dims.data());
    const H5::DSetCreatPropList creation = array.dataset.getCreatePlist();
    if (creation.getLayout() == H5D_CHUNKED) {
      array.chunk.resize(array.dims.size());
      creation.getChunk(static_cast<int>(array.chunk.size()), array.chunk.data());
    }
    return array;
  });
}

void check_stored(const std::filesystem::path& path, const std::string& object, const Array& array) {
  translated(path, object, [&] {
    std::uint64_t bytes = array.element_bytes;
    for (const hsize_t dim : array.dims) {
      if (dim == 0 || dim > kMostElements / bytes) {
        throw input_error(path, "object ", object,
                          ": has no elements, or more than any file holds; the file is empty "
                          "or damaged");
      }
      bytes *= dim;
    }
    const std::uint64_t stored = array.dataset.getStorageSize();
    const bool compressed = array.dataset.getCreatePlist().getNfilters() > 0;
    const std::uint64_t possible = compressed ? bytes / kLargestCompression : bytes;
    if (stored < possible || stored > std::filesystem::file_size(path)) {
      throw input_error(path, "object ", object, ": ", stored, " bytes are stored for ", bytes,
                        "; the series was not written to its end, or the file is damaged");
    }
    if (array.chunk.empty()) return;
    std::uint64_t chunk_bytes = array.element_bytes;
    std::uint64_t expected = 1;
    for (std::size_t i = 0; i < array.dims.size(); ++i) {
      const std::uint64_t largest = std::max(bytes, kLargestCommonChunkBytes);
      if (array.chunk[i] == 0 || array.chunk[i] > largest / chunk_bytes) {
        throw input_error(path, "object ", object,
                          ": its chunks are larger than the array; the file is damaged");
      }
      chunk_bytes *= array.chunk[i];
      expected *= (array.dims[i] + array.chunk[i] - 1) / array.chunk[i];
    }
    hsize_t present = 0;
    const H5::DataSpace space = array.dataset.getSpace();  // 1.10 counts nothing when given H5S_ALL
    if (H5Dget_num_chunks(array.dataset.getId(), space.getId(), &present) < 0 || present < expected) {
      throw input_error(path, "object ", object, ": ", present, " of ", expected,
                        " chunks are stored; the series was not written to its end, or the file is damaged");
    }
  });
}

void touch_chunks(const Array& array) {
  const std::vector<hsize_t> start(array.dims.size(), 0);
  const std::vector<hsize_t>& stride = array.chunk.empty() ? array.dims : array.chunk;
  std::vector<hsize_t> count(array.dims.size());
  hsize_t elements = 1;
  for (std::size_t i = 0; i < count.size(); ++i) {
    count[i] = (array.dims[i] + stride[i] - 1) / stride[i];
    elements *= count[i];
  }
  const H5::DataSpace space = array.dataset.getSpace();
  space.selectHyperslab(H5S_SELECT_SET, count.data(), start.data(), stride.data());
  std::vector<std::byte> values(elements * array.element_bytes);
  array.dataset.read(values.data(), array.memory_type, H5::DataSpace(1, &elements), space);
}

void read_block(const Array& array, const std::vector<hsize_t>& start, const std::vector<hsize_t>& count,
                void* destination) {
  const H5::DataSpace space = array.dataset.getSpace();
  space.selectHyperslab(H5S_SELECT_SET, count.data(), start.data());
  const H5::DataSpace memory(static_cast<int>(count.size()), count.data());
  array.dataset.read(destination, array.memory_type, memory, space);
}

}  // namespace glasswatch::hdf5

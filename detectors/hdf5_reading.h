// Reading HDF5 with suspicion: sizes checked before memory is taken, library exceptions turned into
// InputError.
#pragma once

#include <H5Cpp.h>

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "detectors/input_error.h"
#include "detectors/narrow_pixels.h"
#include "protocol/types/pixels.h"

namespace glasswatch::hdf5 {

/// Whether the file begins as HDF5 and holds `object` ("/Data/Image"); looked up in a child (hdf5_guard.h).
/// Throws InputError when the file begins as HDF5 and cannot be opened.
bool holds(const std::filesystem::path& path, std::span<const std::byte> head, const std::string& object);

/// Opens for reading, with the library's own error printing off.
H5::H5File open_file(const std::filesystem::path& path);

/// Runs `function`; what the library throws becomes InputError naming file and object.
template <typename Function>
auto translated(const std::filesystem::path& path, const std::string& object, Function&& function) {
  try {
    return function();
  } catch (const H5::Exception& error) {
    throw input_error(path, "object ", object, ": HDF5 cannot read it (", error.getDetailMsg(),
                      "); the file is damaged or still being written, copy it again");
  }
}

/// The value of a scalar attribute, nothing when it is absent or of another kind. Numbers written as text
/// count.
std::optional<double> number_attribute(const H5::H5Object& object, const std::string& name);
std::optional<std::string> text_attribute(const H5::H5Object& object, const std::string& name);

/// An array of pixels or bytes.
struct Array {
  H5::DataSet dataset;
  std::vector<hsize_t> dims;
  std::vector<hsize_t> chunk;  // empty when the array is not chunked
  PixelType pixel_type = PixelType::kU1;
  StoredPixel stored = StoredPixel::kSame;
  H5::DataType memory_type;  // of one element as read
  std::size_t element_bytes = 1;
};

/// Opens `object` and checks its element type (integers, floats, bool). `cache_bytes` sizes the library's
/// chunk cache.
Array open_array(const std::filesystem::path& path, const H5::H5File& file, const std::string& object,
                 std::size_t cache_bytes);

/// Checks that every element is stored in the file and that no chunk is larger than the array (or 64 MiB).
/// After it, memory of the size of the array is at most about a thousand times that of the file.
void check_stored(const std::filesystem::path& path, const std::string& object, const Array& array);

/// Reads one element of every chunk, and with it every compressed chunk as a whole. Cost: decompressing the
/// array.
void touch_chunks(const Array& array);

/// Reads the block at `start` with extent `count` into `destination`, in the array's own order.
void read_block(const Array& array, const std::vector<hsize_t>& start, const std::vector<hsize_t>& count,
                void* destination);

}  // namespace glasswatch::hdf5

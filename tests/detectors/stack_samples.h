// MRC and TIFF files made from known values, for tests and as seeds of the fuzz targets: MRC byte by byte
// from the published layout, TIFF by libtiff's own writer.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace glasswatch::samples {

struct MrcSample {
  std::int32_t columns = 3;
  std::int32_t rows = 2;
  std::int32_t sections = 1;
  std::int32_t mode = 1;
  std::vector<std::int32_t> axes = {1, 2, 3};
  float cell_x_angstrom = 0;
  float cell_y_angstrom = 0;
  std::string extended;            // the extended header
  std::string extended_type = "";  // four characters
  bool imod = false;
  std::int32_t imod_flags = 0;
  bool map_word = true;
  bool big_endian = false;  // of the header; `data` stands as it is
  std::string data;         // as stored: bottom row of the first section first
};
std::string mrc_file(const MrcSample& sample);

/// An FEI extended header of one record with these values at the places mrcfile's dtypes give.
std::string fei_record(double high_tension_v, double pixel_size, double integration_s,
                       const std::string& camera);

struct TiffSample {
  std::string mode = "w";  // of TIFFOpen: "w8" BigTIFF, "wb" big-endian
  std::uint32_t columns = 3;
  std::uint32_t rows = 2;
  std::uint16_t bits = 16;
  std::uint16_t format = 1;  // 1 unsigned, 2 signed, 3 float
  std::uint16_t samples = 1;
  std::uint16_t photometric = 1;
  std::uint16_t orientation = 1;
  std::uint16_t compression = 1;
  std::uint16_t predictor = 1;
  std::uint32_t rows_per_strip = 0;  // 0: one strip
  std::uint32_t tile = 0;            // edge of a tile, a multiple of 16; 0: strips
  std::string description;           // of the first page
  float pixels_per_unit = 0;         // 0: no resolution tags
  std::uint16_t resolution_unit = 1;
  std::uint32_t last_page_rows = 0;  // 0: as many as the others
  std::vector<std::string> pages;    // pixels of each, top row first, in the host's byte order
};
/// Throws std::runtime_error when libtiff cannot write it.
std::string tiff_file(const TiffSample& sample);

}  // namespace glasswatch::samples

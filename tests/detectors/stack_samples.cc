#include "tests/detectors/stack_samples.h"

#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tests/detectors/sample_files.h"

namespace glasswatch::samples {
namespace {

template <typename T>
void put(std::string& bytes, std::size_t offset, T value, bool big_endian = false) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  if (big_endian) std::reverse(raw, raw + sizeof(T));
  bytes.replace(offset, sizeof(T), raw, sizeof(T));
}

void set_fields(TIFF* file, const TiffSample& sample) {
  TIFFSetField(file, TIFFTAG_IMAGEWIDTH, sample.columns);
  TIFFSetField(file, TIFFTAG_IMAGELENGTH, sample.rows);
  TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, sample.bits);
  TIFFSetField(file, TIFFTAG_SAMPLEFORMAT, sample.format);
  TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, sample.samples);
  TIFFSetField(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(file, TIFFTAG_PHOTOMETRIC, sample.photometric);
  TIFFSetField(file, TIFFTAG_ORIENTATION, sample.orientation);
  TIFFSetField(file, TIFFTAG_COMPRESSION, sample.compression);
  if (sample.predictor != 1) TIFFSetField(file, TIFFTAG_PREDICTOR, sample.predictor);
  if (sample.tile > 0) {
    TIFFSetField(file, TIFFTAG_TILEWIDTH, sample.tile);
    TIFFSetField(file, TIFFTAG_TILELENGTH, sample.tile);
  } else {
    TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, sample.rows_per_strip > 0 ? sample.rows_per_strip : sample.rows);
  }
  if (sample.pixels_per_unit > 0) {
    TIFFSetField(file, TIFFTAG_XRESOLUTION, static_cast<double>(sample.pixels_per_unit));
    TIFFSetField(file, TIFFTAG_YRESOLUTION, static_cast<double>(sample.pixels_per_unit));
    TIFFSetField(file, TIFFTAG_RESOLUTIONUNIT, sample.resolution_unit);
  }
}

bool write_strips(TIFF* file, const TiffSample& sample, std::string pixels) {
  const std::size_t row_bytes = pixels.size() / sample.rows;
  for (std::uint32_t row = 0; row < sample.rows; ++row) {
    if (TIFFWriteScanline(file, pixels.data() + row * row_bytes, row) != 1) return false;
  }
  return true;
}

bool write_tiles(TIFF* file, const TiffSample& sample, const std::string& pixels) {
  const std::size_t pixel_bytes = sample.bits / 8;
  for (std::uint32_t row = 0; row < sample.rows; row += sample.tile) {
    for (std::uint32_t column = 0; column < sample.columns; column += sample.tile) {
      std::string tile(std::size_t{sample.tile} * sample.tile * pixel_bytes, '\x55');
      for (std::uint32_t r = row; r < std::min(row + sample.tile, sample.rows); ++r) {
        for (std::uint32_t c = column; c < std::min(column + sample.tile, sample.columns); ++c) {
          tile.replace(((r - row) * sample.tile + (c - column)) * pixel_bytes, pixel_bytes, pixels,
                       (r * sample.columns + c) * pixel_bytes, pixel_bytes);
        }
      }
      if (TIFFWriteTile(file, tile.data(), column, row, 0, 0) < 0) return false;
    }
  }
  return true;
}

}  // namespace

std::string mrc_file(const MrcSample& sample) {
  std::string file(1024, '\0');
  const auto word = [&](std::size_t number,
                        auto value) {  // words are counted from 1, as the specification does
    put(file, 4 * (number - 1), value, sample.big_endian);
  };
  word(1, sample.columns);
  word(2, sample.rows);
  word(3, sample.sections);
  word(4, sample.mode);
  word(8, sample.columns);
  word(9, sample.rows);
  word(10, std::int32_t{1});
  word(11, sample.cell_x_angstrom);
  word(12, sample.cell_y_angstrom);
  for (std::size_t i = 0; i < 3; ++i) word(17 + i, sample.axes[i]);
  word(24, static_cast<std::int32_t>(sample.extended.size()));
  file.replace(104, sample.extended_type.size(), sample.extended_type);
  if (sample.imod) {
    word(39, std::int32_t{1146047817});
    word(40, sample.imod_flags);
  }
  if (sample.map_word) {
    file.replace(208, 4, "MAP ");
    file.replace(212, 2, sample.big_endian ? "\x11\x11" : "\x44\x44");
  }
  return file + sample.extended + sample.data;
}

std::string fei_record(double high_tension_v, double pixel_size, double integration_s,
                       const std::string& camera) {
  std::string record(768, '\0');
  put(record, 0, std::int32_t{768});
  put(record, 84, high_tension_v);
  put(record, 156, pixel_size);
  put(record, 164, pixel_size);
  put(record, 419, integration_s);
  record.replace(435, camera.size(), camera);
  return record;
}

std::string tiff_file(const TiffSample& sample) {
  const TemporaryFolder folder;
  const auto path = folder / "sample.tif";
  TIFF* file = TIFFOpen(path.c_str(), sample.mode.c_str());
  if (file == nullptr) throw std::runtime_error("libtiff cannot create " + path.string());
  bool written = true;
  for (std::size_t page = 0; page < sample.pages.size(); ++page) {
    TiffSample of_page = sample;
    if (page + 1 == sample.pages.size() && sample.last_page_rows > 0) of_page.rows = sample.last_page_rows;
    set_fields(file, of_page);
    if (page == 0 && !sample.description.empty()) {
      TIFFSetField(file, TIFFTAG_IMAGEDESCRIPTION, sample.description.c_str());
    }
    written = written && (sample.tile > 0 ? write_tiles(file, of_page, sample.pages[page])
                                          : write_strips(file, of_page, sample.pages[page]));
    written = written && TIFFWriteDirectory(file) == 1;
  }
  TIFFClose(file);
  if (!written) throw std::runtime_error("libtiff cannot write the sample");
  return read_file(path);
}

}  // namespace glasswatch::samples

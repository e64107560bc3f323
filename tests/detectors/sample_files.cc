#include "tests/detectors/sample_files.h"

#include <H5Cpp.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace glasswatch::samples {
namespace {

template <typename T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void append_text(std::string& bytes, std::string_view text) {
  append(bytes, static_cast<std::uint32_t>(text.size()));
  bytes += text;
}

H5::DataType hdf5_type(Hdf5Type type) {
  switch (type) {
    case Hdf5Type::kI1:
      return H5::PredType::STD_I8LE;
    case Hdf5Type::kU1:
      return H5::PredType::STD_U8LE;
    case Hdf5Type::kI2:
      return H5::PredType::STD_I16LE;
    case Hdf5Type::kU2:
      return H5::PredType::STD_U16LE;
    case Hdf5Type::kI4:
      return H5::PredType::STD_I32LE;
    case Hdf5Type::kF4:
      return H5::PredType::IEEE_F32LE;
    case Hdf5Type::kF8:
      return H5::PredType::IEEE_F64LE;
    case Hdf5Type::kI8:
      return H5::PredType::STD_I64LE;
    case Hdf5Type::kU8:
      return H5::PredType::STD_U64LE;
    case Hdf5Type::kBool:
      break;
  }
  H5::EnumType boolean(H5::PredType::NATIVE_INT8);  // as h5py writes numpy.bool
  std::int8_t value = 0;
  boolean.insert("FALSE", &value);
  value = 1;
  boolean.insert("TRUE", &value);
  return boolean;
}

void write_array(const H5::Group& group, const std::string& name, const Hdf5Array& array) {
  const std::vector<hsize_t> dims(array.dims.begin(), array.dims.end());
  H5::DSetCreatPropList properties;
  if (!array.chunk.empty()) {
    const std::vector<hsize_t> chunk(array.chunk.begin(), array.chunk.end());
    properties.setChunk(static_cast<int>(chunk.size()), chunk.data());
    if (array.deflate > 0) properties.setDeflate(array.deflate);
  }
  const H5::DataType type = hdf5_type(array.type);
  H5::DataSet dataset =
      group.createDataSet(name, type, H5::DataSpace(static_cast<int>(dims.size()), dims.data()), properties);
  dataset.write(array.data.data(), type);
}

void write_text(const H5::Group& group, const std::string& name, const std::string& text) {
  const H5::StrType type(H5::PredType::C_S1, H5T_VARIABLE);
  group.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, text);
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "glasswatch-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

std::filesystem::path TemporaryFolder::write(std::string_view name, std::string_view bytes) const {
  const std::filesystem::path path = path_ / name;
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
  return path;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string npy_file(std::string_view dtype, std::string_view shape, std::string_view data, int version,
                     std::string_view fortran_order) {
  std::string header = "{'descr': '" + std::string(dtype) +
                       "', 'fortran_order': " + std::string(fortran_order) +
                       ", 'shape': " + std::string(shape) + ", }";
  const std::size_t prefix = version == 1 ? 10 : 12;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  if (version == 1) {
    append(bytes, static_cast<std::uint16_t>(header.size()));
  } else {
    append(bytes, static_cast<std::uint32_t>(header.size()));
  }
  return bytes + header + std::string(data);
}

std::string ser_file(const SerSample& sample) {
  const auto valid = static_cast<std::uint32_t>(sample.elements.size());
  const std::uint32_t planned = sample.planned > 0 ? sample.planned : valid;
  const bool wide = sample.version == 0x0220;
  std::string dimensions;
  const std::vector<std::uint32_t> sizes =
      sample.dimensions.empty() ? std::vector<std::uint32_t>{planned} : sample.dimensions;
  for (const std::uint32_t size : sizes) {
    append(dimensions, size);
    append(dimensions, 0.0);
    append(dimensions, 3e-9);
    append(dimensions, std::uint32_t{0});
    append_text(dimensions, sizes.size() == 1 ? "Number" : "Position");
    append_text(dimensions, sizes.size() == 1 ? "" : "meters");
  }
  std::string bytes;
  for (const std::uint16_t value : {std::uint16_t{0x4949}, std::uint16_t{0x0197}, sample.version})
    append(bytes, value);
  for (const std::uint32_t value : {sample.element_kind, std::uint32_t{0x4152}, planned, valid})
    append(bytes, value);
  const std::size_t arrays = bytes.size() + (wide ? 8 : 4) + 4 + dimensions.size();
  const auto append_offset = [&](std::size_t offset) {
    if (wide) {
      append(bytes, static_cast<std::uint64_t>(offset));
    } else {
      append(bytes, static_cast<std::uint32_t>(offset));
    }
  };
  append_offset(arrays);
  append(bytes, static_cast<std::uint32_t>(sizes.size()));
  bytes += dimensions;

  constexpr std::size_t kElementHeader = 50;
  constexpr std::size_t kTag = 8;
  const std::size_t pixels = sample.elements.empty() ? 0 : sample.elements.front().size();
  const std::size_t first = arrays + 2 * std::size_t{planned} * (wide ? 8 : 4);
  const std::size_t step = kElementHeader + pixels + kTag;
  for (std::uint32_t i = 0; i < planned; ++i) append_offset(i < valid ? first + i * step : 0);
  for (std::uint32_t i = 0; i < planned; ++i)
    append_offset(i < valid ? first + i * step + kElementHeader + pixels : 0);
  for (std::uint32_t i = 0; i < valid; ++i) {
    for (int axis = 0; axis < 2; ++axis) {
      append(bytes, -1e-7);
      append(bytes, sample.pixel_delta);
      append(bytes, std::uint32_t{0});
    }
    append(bytes, sample.data_type);
    append(bytes, sample.columns);
    append(bytes, sample.rows);
    bytes += sample.elements[i];
    append(bytes, std::uint16_t{0x4152});
    append(bytes, std::uint16_t{0});
    append(bytes, sample.times_s[i]);
  }
  return bytes;
}

std::string velox_json(const VeloxColumn& column) {
  const auto quoted = [](const std::string& text) { return "\"" + text + "\""; };
  const std::string key = "\"Detectors[" + column.detector + "].";
  std::string custom;
  const auto add_custom = [&](const std::string& name, const std::string& value) {
    if (value.empty()) return;
    custom +=
        (custom.empty() ? "" : ",") + key + name + "\":{\"type\":\"long\",\"value\":" + quoted(value) + "}";
  };
  add_custom("TimeStamp", column.stamp_us);
  add_custom("FrameID", column.frame_id < 0 ? "" : std::to_string(column.frame_id));
  add_custom("TransferOK", column.transfer_ok);
  add_custom("CombinedSubFrames", "4");
  add_custom("CountsToElectrons", "0.25");
  add_custom("PixelValueToCameraCounts", "2");
  add_custom("SaturationPoint", "8425");
  add_custom("MaxPossiblePixelValue", "11913");
  std::string json = "{\"Instrument\":{\"InstrumentModel\":\"Titan\",\"InstrumentId\":\"77\"},";
  if (!column.start_s.empty()) {
    json += "\"Acquisition\":{\"AcquisitionStartDatetime\":{\"DateTime\":" + quoted(column.start_s) + "}},";
  }
  json +=
      "\"Optics\":{\"AccelerationVoltage\":\"300000\",\"Defocus\":\"-2.5e-7\",\"CameraLength\":\"0.5\","
      "\"NominalMagnification\":\"50000\"},"
      "\"Stage\":{\"Position\":{\"x\":\"1e-6\",\"y\":\"-2e-6\",\"z\":\"3e-6\"},"
      "\"AlphaTilt\":\"0.5235987755982988\",\"BetaTilt\":\"0\"},"
      "\"Detectors\":{\"Detector-0\":{\"DetectorName\":\"HAADF\",\"DetectorType\":\"ScanningDetector\"},"
      "\"Detector-1\":{\"DetectorName\":" +
      quoted(column.detector) + ",\"DetectorType\":" + quoted(column.detector_type) +
      ",\"Binning\":{\"width\":\"4\",\"height\":\"4\"},"
      "\"ReadOutArea\":{\"left\":\"256\",\"top\":\"256\",\"right\":\"768\",\"bottom\":\"768\"},"
      "\"ExposureTime\":" +
      quoted(column.exposure_s) +
      "}},"
      "\"BinaryResult\":{\"Detector\":" +
      quoted(column.detector) +
      ",\"DetectorIndex\":\"1\","
      "\"ImageSize\":{\"width\":\"4096\",\"height\":\"4096\"},"
      "\"PixelSize\":{\"width\":" +
      quoted(column.pixel_size) + "},\"PixelUnitX\":" + quoted(column.pixel_unit) +
      "},\"Sample\":\"CuZr\",\"CustomProperties\":{" + custom + "}}";
  return json;
}

void write_velox(const std::filesystem::path& path, const std::vector<VeloxSample>& images) {
  H5::H5File file(path.string(), H5F_ACC_TRUNC);
  file.createGroup("/Data");
  file.createGroup("/Data/Image");
  for (const VeloxSample& image : images) {
    const H5::Group group = file.createGroup("/Data/Image/" + image.uuid);
    write_array(group, "Data", image.pixels);
    if (image.metadata.empty()) continue;
    const std::size_t frames = image.metadata.size();
    Hdf5Array metadata{Hdf5Type::kU1,
                       {image.metadata_length, frames},
                       {image.metadata_length, 1},
                       0,
                       std::string(image.metadata_length * frames, '\0')};
    for (std::size_t frame = 0; frame < frames; ++frame) {
      for (std::size_t i = 0; i < image.metadata[frame].size(); ++i) {
        metadata.data.at(i * frames + frame) = image.metadata[frame][i];
      }
    }
    write_array(group, "Metadata", metadata);
  }
}

void write_hyperspy(const std::filesystem::path& path, const HyperspySample& sample) {
  H5::H5File file(path.string(), H5F_ACC_TRUNC);
  file.createGroup("/Experiments");
  const H5::Group experiment = file.createGroup("/Experiments/series");
  write_array(experiment, "data", sample.data);
  for (std::size_t i = 0; i < sample.axes.size(); ++i) {
    const H5::Group axis = experiment.createGroup("axis-" + std::to_string(i));
    axis.createAttribute("scale", H5::PredType::IEEE_F64LE, H5::DataSpace(H5S_SCALAR))
        .write(H5::PredType::NATIVE_DOUBLE, &sample.axes[i].scale);
    write_text(axis, "units", sample.axes[i].units);
    const std::int8_t navigate = sample.axes[i].navigate;
    const H5::DataType boolean = hdf5_type(Hdf5Type::kBool);
    axis.createAttribute("navigate", boolean, H5::DataSpace(H5S_SCALAR)).write(boolean, &navigate);
  }
  experiment.createGroup("metadata");
  const H5::Group general = experiment.createGroup("metadata/General");
  if (!sample.date.empty()) write_text(general, "date", sample.date);
  if (!sample.time.empty()) write_text(general, "time", sample.time);
  if (!sample.time_zone.empty()) write_text(general, "time_zone", sample.time_zone);
}

std::string input_error_of(const std::function<void()>& function) {
  try {
    function();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace glasswatch::samples

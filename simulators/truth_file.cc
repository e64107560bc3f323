#include "simulators/truth_file.h"

#include <H5Cpp.h>

#include <vector>

#include "simulators/publisher.h"

namespace glasswatch::simulation {
namespace {

void put_text(H5::H5Object& object, const char* name, const std::string& text) {
  const H5::StrType type(H5::PredType::C_S1, std::max<std::size_t>(text.size(), 1));
  object.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, text);
}

const H5::PredType& type_of(double) {
  return H5::PredType::NATIVE_DOUBLE;
}
const H5::PredType& type_of(std::int64_t) {
  return H5::PredType::NATIVE_INT64;
}
const H5::PredType& type_of(std::uint64_t) {
  return H5::PredType::NATIVE_UINT64;
}
const H5::PredType& type_of(std::uint8_t) {
  return H5::PredType::NATIVE_UINT8;
}

// One column: `value(row)` of every row as a 1-D dataset with its units and meaning.
template <typename Row, typename Value>
void put_column(H5::Group& group, const char* name, std::span<const Row> rows, const char* units,
                const char* long_name, Value value) {
  using Element = decltype(value(rows[0]));
  std::vector<Element> column;
  column.reserve(rows.size());
  for (const Row& row : rows) column.push_back(value(row));
  const hsize_t length = column.size();
  const auto& type = type_of(Element{});
  H5::DataSet dataset = group.createDataSet(name, type, H5::DataSpace(1, &length));
  if (length > 0) dataset.write(column.data(), type);
  put_text(dataset, "units", units);
  put_text(dataset, "long_name", long_name);
}

}  // namespace

struct TruthFile::File {
  H5::H5File hdf5;
};

TruthFile::TruthFile(const std::filesystem::path& path) : path_(path) {
  H5::Exception::dontPrint();
  try {
    file_ = std::make_unique<File>(File{H5::H5File(path.string(), H5F_ACC_TRUNC)});
  } catch (const H5::Exception&) {
    throw StreamError("--truth " + path.string() +
                      ": cannot be written; give a file in a folder that exists and that "
                      "you may write to");
  }
}

TruthFile::~TruthFile() = default;

void TruthFile::write(const std::string& scenario_text, std::uint64_t seed, std::uint32_t planted_order,
                      std::span<const FrameTruth> frames, std::span<const SampleTruth> samples) try {
  H5::Group root = file_->hdf5.openGroup("/");
  put_text(root, "format", "glasswatch-truth");
  put_text(root, "program", "glasswatch-simulate " GLASSWATCH_VERSION);
  put_text(root, "scenario", scenario_text);
  root.createAttribute("seed", H5::PredType::NATIVE_UINT64, H5::DataSpace(H5S_SCALAR))
      .write(H5::PredType::NATIVE_UINT64, &seed);
  root.createAttribute("planted_order", H5::PredType::NATIVE_UINT32, H5::DataSpace(H5S_SCALAR))
      .write(H5::PredType::NATIVE_UINT32, &planted_order);

  H5::Group group = root.createGroup("frames");
  put_column(group, "series", frames, "1", "series id", [](const FrameTruth& f) { return f.series_id; });
  put_column(group, "sequence", frames, "1", "sequence number within the series",
             [](const FrameTruth& f) { return f.sequence; });
  put_column(group, "time_utc_ns", frames, "ns", "start of exposure, UTC since 1970-01-01",
             [](const FrameTruth& f) { return f.time_utc_ns; });
  put_column(group, "temperature_c", frames, "degC", "true temperature, mean over the exposure",
             [](const FrameTruth& f) { return f.temperature_c; });
  put_column(group, "amplitude", frames, "1", "azimuthal modulation a, at the temperature of mid-exposure",
             [](const FrameTruth& f) { return f.amplitude; });
  put_column(group, "power", frames, "1", "angular power of the planted order, a^2/4",
             [](const FrameTruth& f) { return f.power; });
  put_column(group, "burst", frames, "1", "1 if the frame belongs to a burst series",
             [](const FrameTruth& f) { return static_cast<std::uint8_t>(f.burst); });

  group = root.createGroup("environment");
  put_column(group, "time_utc_ns", samples, "ns", "time of the sample, UTC since 1970-01-01",
             [](const SampleTruth& s) { return s.time_utc_ns; });
  put_column(group, "temperature_true_c", samples, "degC", "true temperature",
             [](const SampleTruth& s) { return s.true_c; });
  put_column(group, "temperature_measured_c", samples, "degC", "temperature as sent, with the sensor's noise",
             [](const SampleTruth& s) { return s.measured_c; });
  file_->hdf5.close();
} catch (const H5::Exception& error) {
  throw StreamError("--truth " + path_.string() + ": " + error.getDetailMsg() + "; is the disk full?");
}

}  // namespace glasswatch::simulation

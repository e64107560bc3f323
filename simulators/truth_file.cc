#include "simulators/truth_file.h"

#include <H5Cpp.h>

#include <vector>

#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"
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
const H5::PredType& type_of(float) {
  return H5::PredType::NATIVE_FLOAT;
}
const H5::PredType& type_of(std::int64_t) {
  return H5::PredType::NATIVE_INT64;
}
const H5::PredType& type_of(std::uint64_t) {
  return H5::PredType::NATIVE_UINT64;
}
const H5::PredType& type_of(std::int32_t) {
  return H5::PredType::NATIVE_INT32;
}
const H5::PredType& type_of(std::uint8_t) {
  return H5::PredType::NATIVE_UINT8;
}

template <typename Element>
void put(H5::Group& group, const std::string& name, const std::vector<Element>& values,
         const std::vector<hsize_t>& shape, const std::string& units, const std::string& long_name) {
  const auto& type = type_of(Element{});
  H5::DataSet dataset =
      group.createDataSet(name, type, H5::DataSpace(static_cast<int>(shape.size()), shape.data()));
  if (!values.empty()) dataset.write(values.data(), type);
  put_text(dataset, "units", units);
  put_text(dataset, "long_name", long_name);
}

// One column: `value(row)` of every row as a 1-D dataset with its units and meaning.
template <typename Rows, typename Value>
void put_column(H5::Group& group, const char* name, const Rows& rows, const char* units,
                const char* long_name, Value value) {
  using Element = decltype(value(rows[0]));
  std::vector<Element> column;
  column.reserve(rows.size());
  for (const auto& row : rows) column.push_back(value(row));
  put(group, name, column, {column.size()}, units, long_name);
}

void put_frames(H5::Group group, const std::vector<FrameTruth>& frames) {
  const auto column = [&](const char* name, const char* units, const char* long_name, auto value) {
    put_column(group, name, frames, units, long_name, value);
  };
  using F = FrameTruth;
  column("series", "1", "series id", [](const F& f) { return f.series_id; });
  column("sequence", "1", "sequence number within the series", [](const F& f) { return f.sequence; });
  column("time_utc_ns", "ns", "start of exposure, UTC since 1970-01-01, camera clock",
         [](const F& f) { return f.time_utc_ns; });
  column("mode", "1", "1 PATTERN, 2 HRTEM, 3 DARK_FIELD, 4 NANOBEAM, 5 SELECTED_AREA, 6 HAADF",
         [](const F& f) { return static_cast<std::uint8_t>(f.mode); });
  column("temperature_c", "degC", "true temperature, mean over the exposure",
         [](const F& f) { return f.temperature_c; });
  column("amplitude", "1", "PATTERN: azimuthal modulation a, at the temperature of mid-exposure",
         [](const F& f) { return f.amplitude; });
  column("power", "1", "PATTERN: angular power of the planted order, a^2/4",
         [](const F& f) { return f.power; });
  column("burst", "1", "1 if the frame belongs to a burst series",
         [](const F& f) { return static_cast<std::uint8_t>(f.burst); });
  column("drift_row_nm", "nm", "drift of the specimen, uncorrected, at mid-exposure",
         [](const F& f) { return f.stage.drift_row_nm; });
  column("drift_column_nm", "nm", "drift of the specimen, uncorrected, at mid-exposure",
         [](const F& f) { return f.stage.drift_column_nm; });
  column("residual_row_nm", "nm", "shift of the image: drift that the stage has not taken back",
         [](const F& f) { return f.stage.residual_row_nm(); });
  column("residual_column_nm", "nm", "shift of the image: drift that the stage has not taken back",
         [](const F& f) { return f.stage.residual_column_nm(); });
  column("defocus_nm", "nm", "defocus beyond that of the mode",
         [](const F& f) { return f.stage.defocus_nm; });
  column("probe_row_nm", "nm", "where the probe met the field, NaN = no scan",
         [](const F& f) { return f.probe_row_nm; });
  column("probe_column_nm", "nm", "where the probe met the field, NaN = no scan",
         [](const F& f) { return f.probe_column_nm; });
  column("scan_row", "1", "position in the scan; -1 = no scan", [](const F& f) { return f.scan_row; });
  column("scan_column", "1", "position in the scan; -1 = no scan", [](const F& f) { return f.scan_column; });
  column("checksum", "1", "Adler-32 (RFC 1950) of the pixels' bytes, before any fault",
         [](const F& f) { return std::uint64_t{f.checksum}; });
}

void put_environment(H5::Group group, const std::vector<SampleTruth>& samples) {
  const auto column = [&](const char* name, const char* units, const char* long_name, auto value) {
    put_column(group, name, samples, units, long_name, value);
  };
  using S = SampleTruth;
  column("time_utc_ns", "ns", "time of the sample as sent: the holder's clock, UTC since 1970-01-01",
         [](const S& s) { return s.time_utc_ns; });
  column("camera_time_utc_ns", "ns", "the same moment on the camera's clock",
         [](const S& s) { return s.camera_time_utc_ns; });
  column("temperature_true_c", "degC", "true temperature of the specimen",
         [](const S& s) { return s.true_c; });
  column("temperature_measured_c", "degC", "temperature as sent, with the sensor's noise",
         [](const S& s) { return s.measured_c; });
}

void put_specimen(H5::H5File& file, const Specimen& specimen, const std::vector<NucleusFrames>& seen) {
  H5::Group group = file.createGroup("nuclei");
  // Those of the last frame: an exposure that was lost may have gone further.
  const auto nuclei = specimen.nuclei().first(seen.size());
  const auto nucleus = [&](const char* name, const char* units, const char* long_name, auto value) {
    put_column(group, name, nuclei, units, long_name, value);
  };
  using N = Nucleus;
  nucleus("row_nm", "nm", "position in the field", [](const N& n) { return n.position.y_nm; });
  nucleus("column_nm", "nm", "position in the field", [](const N& n) { return n.position.x_nm; });
  nucleus("depth_nm", "nm", "position along the beam, from the entrance surface",
          [](const N& n) { return n.z_nm; });
  nucleus("region", "1", "1 core, 2 channel", [](const N& n) { return static_cast<std::uint8_t>(n.region); });
  nucleus("phase", "1", "1 B2 CuZr, 2 Cu10Zr7, 3 monoclinic ZrO2",
          [](const N& n) { return static_cast<std::uint8_t>(n.phase); });
  nucleus("born_s", "s", "birth, since the start of the run", [](const N& n) { return n.born_s; });
  nucleus("born_c", "degC", "temperature of the specimen at birth", [](const N& n) { return n.born_c; });
  std::vector<double> rotations;
  for (const Nucleus& n : nuclei) rotations.insert(rotations.end(), n.rotation.begin(), n.rotation.end());
  put(group, "rotation", rotations, {nuclei.size(), 3, 3}, "1",
      "crystal axes to (column, row, depth) axes, row-major");
  const auto frame = [&](const char* name, const char* long_name, auto value) {
    put_column(group, name, seen, "1", long_name, value);
  };
  put_column(group, "radius_nm", seen, "nm", "radius in the last frame",
             [](const NucleusFrames& n) { return n.radius_nm; });
  frame("frame_born", "row of /frames that first has it; -1 = none",
        [](const NucleusFrames& n) { return n.born; });
  for (std::size_t index = 0; index < 3; ++index) {
    const std::string name = text::concatenate("frame_", index + 1, "nm");
    const std::string long_name =
        text::concatenate("row of /frames in which its diameter first is ", index + 1, " nm; -1 = none");
    frame(name.c_str(), long_name.c_str(), [index](const NucleusFrames& n) { return n.reached.at(index); });
  }

  group = file.createGroup("motifs");
  const auto motif = [&](const char* name, const char* units, const char* long_name, auto value) {
    put_column(group, name, specimen.motifs(), units, long_name, value);
  };
  using M = PlantedMotif;
  motif("kind", "1", "1 FOURFOLD, 2 FIVEFOLD, 3 SIXFOLD",
        [](const M& m) { return static_cast<std::uint8_t>(m.kind); });
  motif("row_nm", "nm", "position in the field", [](const M& m) { return m.position.y_nm; });
  motif("column_nm", "nm", "position in the field", [](const M& m) { return m.position.x_nm; });
  motif("depth_nm", "nm", "its middle, from the entrance surface", [](const M& m) { return m.z_nm; });
  motif("radius_nm", "nm", "radius of the column", [](const M& m) { return m.radius_nm; });
  motif("height_nm", "nm", "height of the column", [](const M& m) { return m.height_nm; });
  motif("angle_rad", "rad", "turn about the beam, from +column towards +row",
        [](const M& m) { return m.angle_rad; });
  motif("region", "1", "1 core, 2 channel", [](const M& m) { return static_cast<std::uint8_t>(m.region); });
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

void TruthFile::write(const scenario::Scenario& scenario, VirtualMicroscope& microscope) try {
  H5::Group root = file_->hdf5.openGroup("/");
  put_text(root, "format", "glasswatch-truth");
  put_text(root, "program", "glasswatch-simulate " GLASSWATCH_VERSION);
  put_text(root, "scenario", effective_text(scenario));
  const std::uint64_t seed = scenario.seed();
  const std::uint32_t planted_order = scenario.has_pattern() ? scenario.pattern().planted_order() : 0;
  root.createAttribute("seed", H5::PredType::NATIVE_UINT64, H5::DataSpace(H5S_SCALAR))
      .write(H5::PredType::NATIVE_UINT64, &seed);
  root.createAttribute("planted_order", H5::PredType::NATIVE_UINT32, H5::DataSpace(H5S_SCALAR))
      .write(H5::PredType::NATIVE_UINT32, &planted_order);

  put_frames(root.createGroup("frames"), microscope.camera().truth());
  put_environment(root.createGroup("environment"), microscope.holder().truth());
  for (const scenario::Mode mode : microscope.renderer().modes()) {
    H5::Group maps = root.createGroup(mode == scenario.mode() ? "maps" : "maps_" + scenario::Mode_Name(mode));
    for (const TruthMap& map : microscope.renderer().truth_maps(mode)) {
      put(maps, map.name, map.values, {map.rows, map.columns}, map.units, map.long_name);
    }
  }
  if (const Specimen* specimen = microscope.specimen(); specimen != nullptr) {
    put_specimen(file_->hdf5, *specimen, microscope.camera().nucleus_frames());
  }
  file_->hdf5.close();
} catch (const H5::Exception& error) {
  throw StreamError("--truth " + path_.string() + ": " + error.getDetailMsg() + "; is the disk full?");
}

}  // namespace glasswatch::simulation

#include "detectors/recorded/recording_objects.h"

#include <limits>
#include <string>

#include "detectors/recorded/attributes.h"
#include "detectors/recorded/hyperspy_skeleton.h"
#include "detectors/recorded/nexus_skeleton.h"
#include "detectors/recorded/recorded_layout.h"

namespace glasswatch::recorded {
namespace {

const H5::DataType& stored_type(stream::PixelType type) {
  switch (type) {
    case stream::U1:
      return H5::PredType::STD_U8LE;
    case stream::U4:
      return H5::PredType::STD_U32LE;
    case stream::I1:
      return H5::PredType::STD_I8LE;
    case stream::I2:
      return H5::PredType::STD_I16LE;
    case stream::I4:
      return H5::PredType::STD_I32LE;
    case stream::F4:
      return H5::PredType::IEEE_F32LE;
    case stream::F8:
      return H5::PredType::IEEE_F64LE;
    default:
      return H5::PredType::STD_U16LE;
  }
}

double pixel_nm(const stream::Optics& optics) {
  const bool known = optics.has_pixel_size() && optics.pixel_unit() == "nm";
  return known ? optics.pixel_size() : std::numeric_limits<double>::quiet_NaN();
}

// What exists before any dataset; the tables' groups have a second name where HyperSpy shows them.
const H5::H5File& with_groups(const H5::H5File& file, const recording::FileBegin& begin) {
  const H5::Group root = file.openGroup("/");
  set_text(root, kFormatAttribute, kFormatName);
  set_number(root, kFormatVersionAttribute, kFormatVersion);
  set_text(root, kProgramVersionAttribute, begin.program_version());
  set_text(root, kConfigurationAttribute, begin.configuration_text());
  create_hyperspy_experiment(file, begin);
  const std::string original = experiment_path(begin.start()) + "/original_metadata";
  for (const char* table : {kFramesGroup, kEnvironmentGroup}) {
    create_group(file, table);
    link(file, table, original + table);
  }
  return file;
}

}  // namespace

RecordingObjects::RecordingObjects(const H5::H5File& file, const recording::FileBegin& begin)
    : journal(with_groups(file, begin), begin.file_id()),
      frames(file, begin.series_id(), pixel_nm(begin.start().optics())),
      environment(file),
      data(file, experiment_path(begin.start()) + "/data", stored_type(begin.start().camera().pixel_type()),
           {begin.start().camera().rows(), begin.start().camera().columns()}) {
  label(data.dataset(), "counts", "pixels: frame, row, column");
  create_nexus_entry(file, begin, experiment_path(begin.start()) + "/data");
}

}  // namespace glasswatch::recorded

#include "detectors/recorded/nexus_skeleton.h"

#include <cstdint>
#include <vector>

#include "detectors/recorded/attributes.h"
#include "detectors/recorded/hyperspy_skeleton.h"
#include "detectors/recorded/recorded_layout.h"
#include "detectors/recorded/utc_text.h"

namespace glasswatch::recorded {
namespace {

constexpr char kEntry[] = "/entry";
constexpr char kPlot[] = "/entry/data";

void write_text(const H5::H5File& file, const std::string& path, const std::string& long_name,
                const std::string& value) {
  const H5::DataSet dataset = file.createDataSet(path, utf8_type(), H5::DataSpace(H5S_SCALAR));
  dataset.write(value, utf8_type());
  label(dataset, "1", long_name);
}

void write_axis(const H5::H5File& file, const PixelAxis& axis, hsize_t size) {
  std::vector<double> values(size);
  for (hsize_t i = 0; i < size; ++i) values[i] = static_cast<double>(i) * axis.scale;
  const std::string path = std::string(kPlot) + "/" + axis.name;
  const H5::DataSet dataset = file.createDataSet(path, native_type<double>(), H5::DataSpace(1, &size));
  dataset.write(values.data(), native_type<double>());
  label(dataset, axis.units, axis.name == "y" ? "position along rows' order" : "position along a row");
}

}  // namespace

void create_nexus_entry(const H5::H5File& file, const recording::FileBegin& begin, const std::string& data) {
  const stream::SeriesStart& start = begin.start();
  const H5::Group root = file.openGroup("/");
  set_text(root, "NX_class", "NXroot");
  set_text(root, "default", "entry");
  const H5::Group entry = create_group(file, kEntry, "NXentry");
  set_text(entry, "default", "data");
  write_text(file, std::string(kEntry) + "/title", "name of the series", start.name());
  write_text(file, std::string(kEntry) + "/program_name", "program that made the file",
             "glasswatchd " + begin.program_version());
  if (start.timing().start_utc_ns() != 0) {
    write_text(file, std::string(kEntry) + "/start_time", "start of the series, UTC",
               iso_text(start.timing().start_utc_ns()));
  }
  const H5::Group plot = create_group(file, kPlot, "NXdata");
  set_text(plot, "signal", "data");
  set_texts(plot, "axes", {"time_s", "y", "x"});
  set_number<std::int64_t>(plot, "time_s_indices", 0);
  set_number<std::int64_t>(plot, "temperature_c_indices", 0);
  set_number<std::int64_t>(plot, "y_indices", 1);
  set_number<std::int64_t>(plot, "x_indices", 2);
  link(file, data, kDataObject);
  for (const char* column : {"time_s", "temperature_c"}) {
    link(file, std::string(kFramesGroup) + "/" + column, std::string(kPlot) + "/" + column);
  }
  write_axis(file, pixel_axis(start, "y"), start.camera().rows());
  write_axis(file, pixel_axis(start, "x"), start.camera().columns());
}

}  // namespace glasswatch::recorded

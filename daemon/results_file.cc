#include "daemon/results_file.h"

#include <H5Cpp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kFormatVersion = 1;
constexpr hsize_t kFramesPerChunk = 64;

template <typename T>
const H5::DataType& native_type();
template <>
const H5::DataType& native_type<double>() {
  return H5::PredType::NATIVE_DOUBLE;
}
template <>
const H5::DataType& native_type<std::int64_t>() {
  return H5::PredType::NATIVE_INT64;
}
template <>
const H5::DataType& native_type<std::uint64_t>() {
  return H5::PredType::NATIVE_UINT64;
}
template <>
const H5::DataType& native_type<std::uint32_t>() {
  return H5::PredType::NATIVE_UINT32;
}

void set_text(const H5::H5Object& object, const std::string& name, const std::string& value) {
  const H5::StrType type(H5::PredType::C_S1, H5T_VARIABLE);
  object.createAttribute(name, type, H5::DataSpace(H5S_SCALAR)).write(type, H5std_string(value));
}

void set_number(const H5::H5Object& object, const std::string& name, double value) {
  object.createAttribute(name, H5::PredType::NATIVE_DOUBLE, H5::DataSpace(H5S_SCALAR))
      .write(H5::PredType::NATIVE_DOUBLE, &value);
}

void label(const H5::H5Object& object, const std::string& units, const std::string& long_name) {
  set_text(object, "units", units);
  set_text(object, "long_name", long_name);
}

template <typename T>
H5::DataSet write(H5::H5File& file, const std::string& path, std::vector<hsize_t> shape, const T* values,
                  const std::string& units, const std::string& long_name) {
  const H5::DataSpace space(static_cast<int>(shape.size()), shape.data());
  H5::DataSet dataset = file.createDataSet(path, native_type<T>(), space);
  dataset.write(values, native_type<T>());
  label(dataset, units, long_name);
  return dataset;
}

// A dataset that grows by one frame at a time, buffered by the chunk. `row` is the shape of one frame's part.
template <typename T>
class FrameColumn {
 public:
  FrameColumn(H5::H5File& file, const std::string& path, std::vector<hsize_t> row, const std::string& units,
              const std::string& long_name)
      : row_(std::move(row)) {
    row_size_ = 1;
    for (const hsize_t extent : row_) row_size_ *= extent;
    std::vector<hsize_t> start{0}, most{H5S_UNLIMITED},
        chunk{std::max<hsize_t>(1, kFramesPerChunk / row_size_ + 1)};
    for (const hsize_t extent : row_) {
      start.push_back(extent);
      most.push_back(extent);
      chunk.push_back(extent);
    }
    H5::DSetCreatPropList properties;
    properties.setChunk(static_cast<int>(chunk.size()), chunk.data());
    dataset_ = file.createDataSet(path, native_type<T>(),
                                  H5::DataSpace(static_cast<int>(start.size()), start.data(), most.data()),
                                  properties);
    label(dataset_, units, long_name);
  }

  void add(const T* values, std::size_t count) {
    if (count != row_size_) {
      throw std::runtime_error(
          text::concatenate("a frame result has ", count, " values where the file has ", row_size_,
                            "; results of different configurations cannot share a file"));
    }
    buffer_.insert(buffer_.end(), values, values + count);
    if (buffer_.size() >= kFramesPerChunk * row_size_) flush();
  }
  void add(T value) { add(&value, 1); }

  void flush() {
    if (buffer_.empty()) return;
    std::vector<hsize_t> extent{written_ + buffer_.size() / row_size_}, first{written_},
        count{buffer_.size() / row_size_};
    for (const hsize_t size : row_) {
      extent.push_back(size);
      first.push_back(0);
      count.push_back(size);
    }
    dataset_.extend(extent.data());
    const H5::DataSpace memory(static_cast<int>(count.size()), count.data());
    H5::DataSpace target = dataset_.getSpace();
    target.selectHyperslab(H5S_SELECT_SET, count.data(), first.data());
    dataset_.write(buffer_.data(), native_type<T>(), memory, target);
    written_ = extent[0];
    buffer_.clear();
  }

 private:
  std::vector<hsize_t> row_;
  hsize_t row_size_ = 1;
  hsize_t written_ = 0;
  std::vector<T> buffer_;
  H5::DataSet dataset_;
};

struct SymmetryColumns {
  SymmetryColumns(H5::H5File& file, hsize_t k, hsize_t n, hsize_t p, bool keep_correlation)
      : not_estimated(k * n, kNan),
        power(file, "/symmetry/power", {k, n}, "1", "angular power Re C^(k,n)/P"),
        coefficient(file, "/symmetry/coefficient", {k, n}, "1", "mean of C(k, 2 pi j/n), j = 1 .. n-1"),
        radial_mean(file, "/symmetry/radial_mean", {k}, "counts", "azimuthal mean intensity <I>"),
        radial_variance(file, "/symmetry/radial_variance", {k}, "1", "normalised variance <I^2>/<I>^2 - 1"),
        power_sigma(file, "/symmetry/power_sigma", {k, n}, "1",
                    "one standard deviation of power; NaN: not estimated by this version"),
        noise_floor(file, "/symmetry/noise_floor", {k}, "1",
                    "white noise floor of power; NaN: not estimated by this version"),
        ring_power(file, "/symmetry/ring_power", {n}, "1", "angular power, mean over the ring"),
        status(file, "/symmetry/status", {}, "1", "result.Validity of the frame (1 = valid)") {
    if (keep_correlation) {
      correlation.emplace(file, "/symmetry/correlation", std::vector<hsize_t>{k, p}, "1",
                          "angular correlation C(k, Delta), Delta = column * 360 deg / P");
    }
  }
  void add(const result::Symmetry& symmetry) {
    const auto put = [](FrameColumn<double>& column, const google::protobuf::RepeatedField<double>& values) {
      column.add(values.data(), static_cast<std::size_t>(values.size()));
    };
    put(power, symmetry.power());
    put(coefficient, symmetry.coefficient());
    put(radial_mean, symmetry.radial_mean());
    put(radial_variance, symmetry.radial_variance());
    put(ring_power, symmetry.ring_power());
    power_sigma.add(not_estimated.data(), not_estimated.size());
    noise_floor.add(not_estimated.data(), static_cast<std::size_t>(symmetry.radial_mean_size()));
    status.add(static_cast<std::uint32_t>(symmetry.validity()));
    if (correlation) put(*correlation, symmetry.correlation());
  }
  void flush() {
    for (auto* column :
         {&power, &coefficient, &radial_mean, &radial_variance, &power_sigma, &noise_floor, &ring_power})
      column->flush();
    status.flush();
    if (correlation) correlation->flush();
  }
  std::vector<double> not_estimated;
  FrameColumn<double> power, coefficient, radial_mean, radial_variance, power_sigma, noise_floor, ring_power;
  FrameColumn<std::uint32_t> status;
  std::optional<FrameColumn<double>> correlation;
};

struct FrameColumns {
  explicit FrameColumns(H5::H5File& file)
      : series_id(file, "/frames/series_id", {}, "1", "random identity of the series"),
        sequence(file, "/frames/sequence", {}, "1", "sequence number within the series"),
        time(file, "/frames/time_utc_ns", {}, "ns", "start of exposure, UTC, source clock"),
        exposure(file, "/frames/exposure_s", {}, "s", "exposure time"),
        temperature(file, "/frames/temperature_c", {}, "degC", "mean temperature over the exposure"),
        temperature_sigma(file, "/frames/temperature_sigma_c", {}, "degC",
                          "one standard deviation of temperature_c"),
        temperature_rate(file, "/frames/temperature_rate_k_per_s", {}, "K/s", "dT/dt over the exposure"),
        temperature_status(file, "/frames/temperature_status", {}, "1", "result.Validity (1 = valid)"),
        drift_row(file, "/frames/drift_row_px", {}, "px",
                  "drift as the stage system reported it, along rows"),
        drift_column(file, "/frames/drift_col_px", {}, "px",
                     "drift as the stage system reported it, along columns"),
        mean_counts(file, "/frames/mean_counts", {}, "counts", "mean of all finite pixels"),
        flags(file, "/frames/flags", {}, "1",
              "bits: 1 gap before, 2 late, 4 transfer not ok, 8 saturated, 16 non-finite pixels, 32 time "
              "assumed, "
              "64 temperature invalid") {}
  void add(const result::FrameResult& frame, double pixel_nm) {
    series_id.add(frame.series_id());
    sequence.add(frame.sequence());
    time.add(frame.time_utc_ns());
    exposure.add(frame.exposure_s());
    temperature.add(frame.temperature().value_c());
    temperature_sigma.add(frame.temperature().sigma_c());
    temperature_rate.add(frame.temperature().rate_k_per_s());
    temperature_status.add(static_cast<std::uint32_t>(frame.temperature().validity()));
    drift_row.add(frame.drift().row_nm() / pixel_nm);
    drift_column.add(frame.drift().column_nm() / pixel_nm);
    mean_counts.add(frame.mean_counts());
    flags.add(frame.flags());
  }
  void flush() {
    for (auto* column : {&exposure, &temperature, &temperature_sigma, &temperature_rate, &drift_row,
                         &drift_column, &mean_counts}) {
      column->flush();
    }
    series_id.flush();
    sequence.flush();
    time.flush();
    temperature_status.flush();
    flags.flush();
  }
  FrameColumn<std::uint64_t> series_id, sequence;
  FrameColumn<std::int64_t> time;
  FrameColumn<double> exposure, temperature, temperature_sigma, temperature_rate;
  FrameColumn<std::uint32_t> temperature_status;
  FrameColumn<double> drift_row, drift_column, mean_counts;
  FrameColumn<std::uint32_t> flags;
};

}  // namespace

struct ResultsFile::Layout {
  Layout(const std::filesystem::path& path, const result::Setup& setup)
      : final_path(path), partial_path(path.string() + ".partial"), file(create(partial_path)), groups(file) {
    set_text(file, "format", "glasswatch-results");
    const int version = kFormatVersion;
    file.createAttribute("format_version", H5::PredType::NATIVE_INT, H5::DataSpace(H5S_SCALAR))
        .write(H5::PredType::NATIVE_INT, &version);
    set_text(file, "program_version", setup.program_version());
    set_text(file, "configuration", setup.configuration_text());
    set_text(file, "kww_convention", setup.kww_convention());
    frames.emplace(file);
    if (setup.radius_px_size() > 0) {
      file.createGroup("/symmetry");
      symmetry.emplace(file, setup.radius_px_size(), setup.orders_size(), setup.azimuthal_bins(),
                       setup.keeps_correlation());
    }
  }

  static H5::H5File create(const std::filesystem::path& path) {
    H5::Exception::dontPrint();
    try {
      return {path.string(), H5F_ACC_TRUNC};
    } catch (const H5::Exception& error) {
      throw std::runtime_error(path.string() + " cannot be created (" + error.getDetailMsg() +
                               "); check folder and permissions");
    }
  }

  // Creates /frames before its columns are.
  struct Groups {
    explicit Groups(H5::H5File& file) { file.createGroup("/frames"); }
  };

  void add_to_map(const result::FrameResult& frame) {
    const int row = frame.scan_row();
    const int column = frame.scan_column();
    if (frame.series_id() != scan_series_id || row < 0 || column < 0 || row >= scan_rows ||
        column >= scan_columns)
      return;
    const auto n = static_cast<std::size_t>(frame.symmetry().ring_power_size());
    if (map.empty()) map.assign(static_cast<std::size_t>(scan_rows) * scan_columns * n, kNan);
    const std::size_t at = (static_cast<std::size_t>(row) * scan_columns + column) * n;
    if (at + n <= map.size()) std::copy_n(frame.symmetry().ring_power().begin(), n, map.begin() + at);
  }

  std::filesystem::path final_path;
  std::filesystem::path partial_path;
  H5::H5File file;
  Groups groups;
  std::optional<FrameColumns> frames;
  std::optional<SymmetryColumns> symmetry;
  double pixel_nm = kNan;
  std::uint64_t series_id = 0;
  std::uint64_t scan_series_id = 0;
  int scan_rows = 0;
  int scan_columns = 0;
  std::vector<double> map;
  result::Ecm ecm;  // of the last frame
  bool finished = false;
};

ResultsFile::ResultsFile(const std::filesystem::path& path, const result::Setup& setup) {
  try {
    layout_ = std::make_unique<Layout>(path, setup);
  } catch (const H5::Exception& error) {
    throw std::runtime_error(path.string() + ": " + error.getDetailMsg());
  }
}

ResultsFile::~ResultsFile() {
  if (layout_->finished) return;
  layout_->file.close();
  std::error_code ignored;  // nothing to say to: the run failed for another reason, already reported
  std::filesystem::remove(layout_->partial_path, ignored);
}

void ResultsFile::begin_series(std::uint64_t series_id, const stream::SeriesStart& start) {
  const auto& optics = start.optics();
  layout_->pixel_nm = optics.has_pixel_size() && optics.pixel_unit() == "nm" ? optics.pixel_size() : kNan;
  layout_->series_id = series_id;
  layout_->ecm.Clear();
  if (!start.has_scan()) return;
  layout_->map.clear();
  layout_->scan_series_id = series_id;
  layout_->scan_rows = static_cast<int>(start.scan().rows());
  layout_->scan_columns = static_cast<int>(start.scan().columns());
}

void ResultsFile::add(const result::FrameResult& frame) {
  try {
    layout_->frames->add(frame, layout_->pixel_nm);
    if (layout_->symmetry) {
      layout_->symmetry->add(frame.symmetry());
      layout_->add_to_map(frame);
    }
    if (frame.has_ecm() && frame.series_id() == layout_->series_id) layout_->ecm = frame.ecm();
  } catch (const H5::Exception& error) {
    throw std::runtime_error(layout_->partial_path.string() + " cannot be written: " + error.getDetailMsg() +
                             "; is the disk full?");
  }
}

void ResultsFile::finish(const result::Setup& setup) {
  Layout& layout = *layout_;
  try {
    layout.frames->flush();
    if (layout.symmetry) {
      layout.symmetry->flush();
      const auto k = static_cast<hsize_t>(setup.radius_px_size());
      const auto n = static_cast<hsize_t>(setup.orders_size());
      write<double>(layout.file, "/symmetry/radius_px", {k}, setup.radius_px().data(), "px",
                    "radial bin centre");
      write<double>(layout.file, "/symmetry/k_inv_nm", {k}, setup.k_inv_nm().data(), "1/nm",
                    "radial bin centre, k = 1/d");
      write<std::uint32_t>(layout.file, "/symmetry/orders", {n}, setup.orders().data(), "1", "n-fold orders");
      if (!layout.map.empty()) {
        write<double>(layout.file, "/symmetry/map_power",
                      {static_cast<hsize_t>(layout.scan_rows), static_cast<hsize_t>(layout.scan_columns), n},
                      layout.map.data(), "1", "ring power over the last scan; NaN where no pattern arrived");
      }
    }
    if (setup.lag_s_size() > 0) {
      layout.file.createGroup("/ecm");
      layout.file.createGroup("/ecm/field");
      const auto l = static_cast<hsize_t>(setup.lag_s_size());
      std::vector<double> g2(layout.ecm.g2().begin(), layout.ecm.g2().end());
      std::vector<std::uint64_t> pairs(layout.ecm.pairs().begin(), layout.ecm.pairs().end());
      g2.resize(l, kNan);
      pairs.resize(l, 0);
      const std::vector<double> not_estimated(l, kNan);
      write<double>(layout.file, "/ecm/lag_s", {l}, setup.lag_s().data(), "s", "lag");
      const H5::DataSet field = write<double>(layout.file, "/ecm/field/g2", {l}, g2.data(), "1",
                                              "g2 of the field from pooled raw sums, last series");
      write<double>(layout.file, "/ecm/field/g2_sigma", {l}, not_estimated.data(), "1",
                    "one standard deviation of g2; NaN: not estimated by this version");
      write<std::uint64_t>(layout.file, "/ecm/field/pairs", {l}, pairs.data(), "1",
                           "frame pairs behind each value");
      for (const char* name : {"tau_s", "tau_sigma_s", "beta", "beta_sigma", "contrast"})
        set_number(field, name, kNan);
      set_text(field, "fit_status", "not fitted: this version computes g2 only");
      set_text(field, "status", result::Validity_Name(layout.ecm.validity()));
      set_text(field, "reason", layout.ecm.reason());
      set_number(field, "frames_used", static_cast<double>(layout.ecm.frames_used()));
      set_number(field, "frames_missing", static_cast<double>(layout.ecm.frames_missing()));
    }
    layout.symmetry.reset();  // datasets close before the file
    layout.frames.reset();
    layout.file.close();
  } catch (const H5::Exception& error) {
    throw std::runtime_error(layout.partial_path.string() + " cannot be written: " + error.getDetailMsg() +
                             "; is the disk full?");
  }
  std::filesystem::rename(layout.partial_path, layout.final_path);
  layout.finished = true;
}

}  // namespace glasswatch

#include "daemon/results_file.h"

#include <H5Cpp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "daemon/dynamics_file.h"
#include "daemon/hdf5_layout.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

using hdf5::label;
using hdf5::native_type;
using hdf5::set_number;
using hdf5::set_text;
using hdf5::write;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kFormatVersion = 1;
constexpr hsize_t kFramesPerWrite = 64;
constexpr hsize_t kValuesPerChunk =
    1024;  // 8 KiB: what is small per frame shares chunks, so that the index stays small

// A dataset that grows by one frame at a time, buffered by the chunk. `row` is the shape of one frame's part.
template <typename T>
class FrameColumn {
 public:
  FrameColumn(H5::H5File& file, const std::string& path, std::vector<hsize_t> row, const std::string& units,
              const std::string& long_name)
      : row_(std::move(row)) {
    row_size_ = 1;
    for (const hsize_t extent : row_) row_size_ *= extent;
    std::vector<hsize_t> start{0}, most{H5S_UNLIMITED}, chunk{kValuesPerChunk / row_size_ + 1};
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
    if (buffer_.size() >= kFramesPerWrite * row_size_) flush();
  }
  void add(T value) { add(&value, 1); }
  std::size_t row_size() const { return row_size_; }

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

// The white floor of a row: the mean over the orders of what noise adds to each.
void floor_of_rows(const result::Symmetry& symmetry, std::vector<double>& floor) {
  const int orders = symmetry.ring_power_size();
  floor.assign(static_cast<std::size_t>(symmetry.radial_mean_size()), kNan);
  for (int k = 0; k < symmetry.radial_mean_size() && symmetry.noise_power_size() > 0; ++k) {
    double sum = 0;
    for (int n = 0; n < orders; ++n) sum += symmetry.noise_power(k * orders + n);
    floor[static_cast<std::size_t>(k)] = sum / orders;
  }
}

struct SymmetryColumns {
  SymmetryColumns(H5::H5File& file, const result::Setup& setup)
      : SymmetryColumns(file, setup, sizes(setup)) {}

  void add(const result::Symmetry& symmetry) {
    for (auto& [column, values] : columns) {
      const auto& field = (symmetry.*values)();
      if (field.empty()) {  // not computed for this frame
        absent.assign(column->row_size(), kNan);
        column->add(absent.data(), absent.size());
      } else {
        column->add(field.data(), static_cast<std::size_t>(field.size()));
      }
    }
    floor_of_rows(symmetry, floor);
    noise_floor.add(floor.data(), floor.size());
    center_shift.add(std::array{symmetry.center_row_shift_px(), symmetry.center_col_shift_px()}.data(), 2);
    center_shift_sigma.add(symmetry.center_shift_sigma_px());
    ring_state.add(
        std::vector<std::uint32_t>(symmetry.ring_state().begin(), symmetry.ring_state().end()).data(),
        static_cast<std::size_t>(symmetry.ring_state_size()));
    status.add(static_cast<std::uint32_t>(symmetry.validity()));
  }
  void flush() {
    for (auto& [column, values] : columns) column->flush();
    noise_floor.flush();
    center_shift.flush();
    center_shift_sigma.flush();
    ring_state.flush();
    status.flush();
  }

  using Field = const google::protobuf::RepeatedField<double>& (result::Symmetry::*)() const;
  struct Sizes {
    hsize_t k, n, p;
  };
  static Sizes sizes(const result::Setup& setup) {
    return {static_cast<hsize_t>(setup.radius_px_size()), static_cast<hsize_t>(setup.orders_size()),
            setup.azimuthal_bins()};
  }
  SymmetryColumns(H5::H5File& file, const result::Setup& setup, Sizes s)
      : noise_floor(file, "/symmetry/noise_floor", {s.k}, "1",
                    "white noise floor of power: mean of noise_power over the orders"),
        center_shift(
            file, "/symmetry/center_shift_px", {2}, "px",
            "drift of the centre (row, column) against the calibration, mean over the last patterns"),
        center_shift_sigma(file, "/symmetry/center_shift_sigma_px", {}, "px",
                           "one standard deviation of each"),
        ring_state(
            file, "/symmetry/ring_state", {s.n}, "1",
            "result.PowerState: 1 signal, 2 consistent with noise, 3 gain-limited, 4 no floor, 5 no power"),
        status(file, "/symmetry/status", {}, "1", "result.Validity of the frame (1 = valid)") {
    using S = result::Symmetry;
    const auto add = [&](const char* name, std::vector<hsize_t> shape, const char* units,
                         const char* long_name, Field field) {
      columns.emplace_back(std::make_unique<FrameColumn<double>>(file, std::string("/symmetry/") + name,
                                                                 std::move(shape), units, long_name),
                           field);
    };
    add("power", {s.k, s.n}, "1", "angular power Re C^(k,n)/P", &S::power);
    add("power_sigma", {s.k, s.n}, "1", "one standard deviation of power, speckle and noise",
        &S::power_sigma);
    add("noise_power", {s.k, s.n}, "1", "what noise adds to power; taken off already with subtract_noise",
        &S::noise_power);
    add("coefficient", {s.k, s.n}, "1", "mean of C(k, 2 pi j/n), j = 1 .. n-1", &S::coefficient);
    add("radial_mean", {s.k}, "counts", "azimuthal mean intensity <I>, above the camera's offset",
        &S::radial_mean);
    add("radial_variance", {s.k}, "1", "normalised variance <I^2>/<I>^2 - 1", &S::radial_variance);
    add("ring_power", {s.n}, "1", "angular power, mean over the ring", &S::ring_power);
    add("ring_sigma", {s.n}, "1", "one standard deviation of ring_power", &S::ring_sigma);
    add("ring_floor", {s.n}, "1", "what noise adds to the ring's mean power", &S::ring_floor);
    add("ring_significance", {s.n}, "1", "probability that noise alone gives at least this power",
        &S::ring_significance);
    add("motif_score", {s.n}, "1", "max over (k, phi) of the mean ln(disc/row mean) at the n positions",
        &S::motif_score);
    add("motif_coefficient", {s.n}, "1", "disc-filtered coefficient, mean over the ring",
        &S::motif_coefficient);
    if (setup.keeps_correlation()) {
      add("correlation", {s.k, s.p}, "1", "angular correlation C(k, Delta), Delta = column * 360 deg / P",
          &S::correlation);
    }
  }

  std::vector<std::pair<std::unique_ptr<FrameColumn<double>>, Field>> columns;
  FrameColumn<double> noise_floor, center_shift, center_shift_sigma;
  FrameColumn<std::uint32_t> ring_state, status;
  std::vector<double> absent, floor;
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
        scan_row(file, "/frames/scan_row", {}, "1", "row of the scan, -1 = not part of one"),
        scan_column(file, "/frames/scan_column", {}, "1", "column of the scan, -1 = not part of one"),
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
    scan_row.add(frame.scan_row());
    scan_column.add(frame.scan_column());
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
    scan_row.flush();
    scan_column.flush();
    temperature_status.flush();
    flags.flush();
  }
  FrameColumn<std::uint64_t> series_id, sequence;
  FrameColumn<std::int64_t> time;
  FrameColumn<double> exposure, temperature, temperature_sigma, temperature_rate;
  FrameColumn<std::uint32_t> temperature_status;
  FrameColumn<double> drift_row, drift_column, mean_counts;
  FrameColumn<std::int64_t> scan_row, scan_column;
  FrameColumn<std::uint32_t> flags;
};

// Maps of tiles, one after the other: a group for each geometry.
struct TileColumns {
  TileColumns(H5::H5File& file, const std::string& group, const result::MapUpdate& map)
      : rows(map.rows()), columns(map.columns()), channels(map.channel_size()), orders(channels - 2) {
    file.createGroup(group);
    sequence.emplace(file, group + "/sequence", std::vector<hsize_t>{}, "1", "frame of the map");
    power.emplace(file, group + "/power", std::vector<hsize_t>{rows, columns, static_cast<hsize_t>(orders)},
                  "1", "angular power of the tile's power spectrum, mean over the ring");
    ring_mean.emplace(file, group + "/ring_mean", std::vector<hsize_t>{rows, columns}, "1",
                      "mean of the tile's power spectrum over the ring, of I/<I> - 1");
    peak.emplace(file, group + "/peak", std::vector<hsize_t>{rows, columns}, "1",
                 "largest value of the spectrum in the ring over its median / ln 2");
    std::vector<std::uint32_t> n;
    n.reserve(static_cast<std::size_t>(orders));
    for (int i = 0; i < orders; ++i) {
      n.push_back(static_cast<std::uint32_t>(std::stoul(map.channel(i).substr(map.channel(i).rfind(' ')))));
    }
    write<std::uint32_t>(file, group + "/orders", {n.size()}, n.data(), "1", "n-fold orders");
  }
  bool fits(const result::MapUpdate& map) const {
    return map.rows() == rows && map.columns() == columns && map.channel_size() == channels;
  }
  void add(const result::MapUpdate& map) {
    std::vector<float> n_fold, mean, largest;
    for (int at = 0; at + channels <= map.value_size(); at += channels) {
      n_fold.insert(n_fold.end(), map.value().begin() + at, map.value().begin() + at + orders);
      mean.push_back(map.value(at + orders));
      largest.push_back(map.value(at + orders + 1));
    }
    sequence->add(map.sequence());
    power->add(n_fold.data(), n_fold.size());
    ring_mean->add(mean.data(), mean.size());
    peak->add(largest.data(), largest.size());
  }
  void flush() {
    sequence->flush();
    power->flush();
    ring_mean->flush();
    peak->flush();
  }
  hsize_t rows, columns;
  int channels, orders;
  std::optional<FrameColumn<std::uint64_t>> sequence;
  std::optional<FrameColumn<float>> power, ring_mean, peak;
};

// The channels "QUANTITY n" of a map as (rows, columns, N), in the order of the channels.
std::vector<double> quantity_of(const result::MapUpdate& map, const std::string& quantity, hsize_t& orders) {
  std::vector<int> wanted;
  for (int i = 0; i < map.channel_size(); ++i) {
    const std::string& name = map.channel(i);
    if (name == quantity || name.substr(0, name.rfind(' ')) == quantity) wanted.push_back(i);
  }
  orders = wanted.size();
  std::vector<double> values(std::size_t{map.rows()} * map.columns() * orders, kNan);
  for (int at = 0; at < map.position_size(); ++at) {
    for (std::size_t n = 0; n < wanted.size(); ++n) {
      values[map.position(at) * orders + n] = map.value(at * map.channel_size() + wanted[n]);
    }
  }
  return values;
}

// (v - min)/(max - min) over the positions that have arrived, each order by itself: 0 ... 1.
void normalize_map(std::vector<double>& values, hsize_t orders) {
  for (hsize_t n = 0; n < orders; ++n) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (hsize_t at = n; at < values.size(); at += orders) {
      if (std::isnan(values[at])) continue;
      low = std::min(low, values[at]);
      high = std::max(high, values[at]);
    }
    for (hsize_t at = n; at < values.size(); at += orders) {
      values[at] = high > low ? (values[at] - low) / (high - low) : kNan;
    }
  }
}

void write_calibration(H5::H5File& file, const result::Calibration& calibration) {
  const H5::Group group = file.createGroup("/symmetry/calibration");
  set_text(group, "origin", result::Calibration::Origin_Name(calibration.origin()));
  set_text(group, "reason", calibration.reason());
  set_number(group, "frames", calibration.frames());
  set_number(group, "center_row_px", calibration.center_row_px());
  set_number(group, "center_col_px", calibration.center_col_px());
  set_number(group, "center_sigma_px", calibration.center_sigma_px());
  set_number(group, "ellipse_ratio", calibration.ellipse_ratio());
  set_number(group, "ellipse_angle_deg", calibration.ellipse_angle_deg());
  set_number(group, "ellipse_ratio_sigma", calibration.ellipse_ratio_sigma());
  set_number(group, "ring_radius_px", calibration.ring_radius_px());
  set_number(group, "ring_width_px", calibration.ring_width_px());
  set_number(group, "residual", calibration.residual());
  set_number(group, "inversion_shift_px", calibration.inversion_shift_px());
  set_number(group, "masked_pixels", calibration.masked_pixels());
  set_number(group, "dead_pixels", calibration.dead_pixels());
  set_number(group, "disc_radius_px", calibration.disc_radius_px());
  set_number(group, "counts_per_electron", calibration.counts_per_electron());
  set_number(group, "offset_counts", calibration.offset_counts());
}

void write_scan_map(H5::H5File& file, const result::MapUpdate& map) {
  const auto put = [&](const char* quantity, const char* path, const char* units, const char* long_name) {
    hsize_t orders = 0;
    const std::vector<double> values = quantity_of(map, quantity, orders);
    if (orders == 0) return;
    write<double>(file, path, {map.rows(), map.columns(), orders}, values.data(), units, long_name);
  };
  put("power", "/symmetry/map_power", "1", "ring power over the last scan; NaN where no pattern arrived");
  put("coefficient", "/symmetry/map_coefficient", "1", "ring coefficient over the last scan");
  put("score", "/symmetry/map_score", "1", "motif score over the last scan");
  put("disc coefficient", "/symmetry/map_motif_coefficient", "1",
      "disc-filtered coefficient over the last scan");
  hsize_t orders = 0;
  std::vector<double> values = quantity_of(map, "power", orders);
  normalize_map(values, orders);
  write<double>(file, "/symmetry/map_normalized", {map.rows(), map.columns(), orders}, values.data(), "1",
                "map_power as (v - min)/(max - min), each order by itself");
  values = quantity_of(map, "mean counts", orders);
  write<double>(file, "/symmetry/map_mean_counts", {map.rows(), map.columns()}, values.data(), "counts",
                "mean of each pattern");
}

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
      symmetry.emplace(file, setup);
    }
  }

  static H5::H5File create(const std::filesystem::path& path) {
    H5::Exception::dontPrint();
    try {
      // Frames are appended and not read again: a small cache per dataset, so that memory does not grow with
      // them.
      H5::FileAccPropList access;
      access.setCache(0, 101, 2 * kValuesPerChunk * sizeof(double), 1.0);
      return {path.string(), H5F_ACC_TRUNC, H5::FileCreatPropList::DEFAULT, access};
    } catch (const H5::Exception& error) {
      throw std::runtime_error(path.string() + " cannot be created (" + error.getDetailMsg() +
                               "); check folder and permissions");
    }
  }

  // Creates /frames before its columns are.
  struct Groups {
    explicit Groups(H5::H5File& file) { file.createGroup("/frames"); }
  };

  std::filesystem::path final_path;
  std::filesystem::path partial_path;
  H5::H5File file;
  Groups groups;
  std::optional<FrameColumns> frames;
  std::optional<SymmetryColumns> symmetry;
  double pixel_nm = kNan;
  std::uint64_t series_id = 0;
  result::MapUpdate scan_map;  // of the last scan, whole
  std::optional<TileColumns> tiles;
  int tile_groups = 0;
  std::optional<result::Dynamics> dynamics;  // of the last series
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
  layout_->dynamics.reset();
}

void ResultsFile::add_map(const result::MapUpdate& map) {
  try {
    add_map_to(*layout_, map);
  } catch (const H5::Exception& error) {
    throw std::runtime_error(layout_->partial_path.string() + " cannot be written: " + error.getDetailMsg() +
                             "; is the disk full?");
  }
}

void ResultsFile::add_map_to(Layout& layout, const result::MapUpdate& map) {
  if (map.kind() == result::MapUpdate::SCAN) {
    layout.scan_map = map;
    return;
  }
  if (layout.tiles && !layout.tiles->fits(map)) {
    layout.tiles->flush();
    layout.tiles.reset();
  }
  if (!layout.tiles) {
    ++layout.tile_groups;
    layout.tiles.emplace(layout.file,
                         layout.tile_groups == 1 ? "/tiles" : "/tiles_" + std::to_string(layout.tile_groups),
                         map);
  }
  layout.tiles->add(map);
}

void ResultsFile::add_dynamics(const result::Dynamics& dynamics) {
  layout_->dynamics = dynamics;
}

void ResultsFile::add(const result::FrameResult& frame) {
  try {
    layout_->frames->add(frame, layout_->pixel_nm);
    if (layout_->symmetry) layout_->symmetry->add(frame.symmetry());
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
      if (layout.scan_map.position_size() > 0) write_scan_map(layout.file, layout.scan_map);
      write_calibration(layout.file, setup.calibration());
    }
    if (layout.tiles) layout.tiles->flush();
    if (layout.dynamics) write_dynamics(layout.file, *layout.dynamics);
    layout.tiles.reset();
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

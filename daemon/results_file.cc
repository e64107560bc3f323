#include "daemon/results_file.h"

#include <H5Cpp.h>

#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "daemon/dynamics_file.h"
#include "daemon/hdf5_layout.h"
#include "daemon/results_columns.h"
#include "daemon/symmetry_file.h"

namespace glasswatch {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int kFormatVersion = 1;

// Frames are appended and not read again: a small cache per dataset, so that memory does not grow with them.
H5::FileAccPropList small_cache() {
  H5::FileAccPropList access;
  access.setCache(0, 101, 2 * hdf5::kValuesPerChunk * sizeof(double), 1.0);
  return access;
}

H5::H5File create(const std::filesystem::path& path) {
  H5::Exception::dontPrint();
  try {
    return {path.string(), H5F_ACC_TRUNC, H5::FileCreatPropList::DEFAULT, small_cache()};
  } catch (const H5::Exception& error) {
    throw std::runtime_error(path.string() + " cannot be created (" + error.getDetailMsg() +
                             "); check folder and permissions");
  }
}

H5::H5File open(const std::filesystem::path& path) {
  H5::Exception::dontPrint();
  try {
    return {path.string(), H5F_ACC_RDWR, H5::FileCreatPropList::DEFAULT, small_cache()};
  } catch (const H5::Exception& error) {
    throw std::runtime_error(path.string() + " cannot be opened for writing (" + error.getDetailMsg() +
                             "); check permissions, and that no other program has it open");
  }
}

// What the library throws becomes one line about the file.
template <typename Function>
void written(const std::filesystem::path& path, Function&& function) {
  try {
    function();
  } catch (const H5::Exception& error) {
    throw std::runtime_error(path.string() + " cannot be written: " + error.getDetailMsg() +
                             "; is the disk full?");
  }
}

}  // namespace

struct ResultsFile::Layout {
  std::filesystem::path path;  // of the file while it is written
  std::filesystem::path final_path;
  std::string group;  // empty: the whole file
  H5::H5File file;
  H5::Group root;
  std::optional<hdf5::FrameColumns> frames;
  std::optional<hdf5::SymmetryColumns> symmetry;
  std::optional<hdf5::TileColumns> tiles;
  int tile_groups = 0;
  double pixel_nm = kNan;
  result::MapUpdate scan_map;                // of the last scan, whole
  std::optional<result::Dynamics> dynamics;  // of the last series
  bool unfinished = false;                   // something was created that must not stay as it is

  ~Layout() {
    if (unfinished) discard();
  }

  void begin(const result::Setup& setup) {
    hdf5::set_text(root, "format", "glasswatch-results");
    root.createAttribute("format_version", H5::PredType::NATIVE_INT, H5::DataSpace(H5S_SCALAR))
        .write(H5::PredType::NATIVE_INT, &kFormatVersion);
    hdf5::set_text(root, "program_version", setup.program_version());
    hdf5::set_text(root, "configuration", setup.configuration_text());
    hdf5::set_text(root, "kww_convention", setup.kww_convention());
    frames.emplace(root);
    if (setup.radius_px_size() == 0) return;
    root.createGroup("symmetry");
    symmetry.emplace(root, setup);
  }

  void add_tiles(const result::MapUpdate& map) {
    if (tiles && !tiles->fits(map)) {
      tiles->flush();
      tiles.reset();
    }
    if (!tiles) {
      ++tile_groups;
      tiles.emplace(root, tile_groups == 1 ? "tiles" : "tiles_" + std::to_string(tile_groups), map);
    }
    tiles->add(map);
  }

  void complete(const result::Setup& setup) {
    frames->flush();
    if (symmetry) {
      symmetry->flush();
      write_axes(root, setup);
      if (scan_map.position_size() > 0) write_scan_map(root, scan_map);
      write_calibration(root, setup.calibration());
    }
    if (tiles) tiles->flush();
    if (dynamics) write_dynamics(root, *dynamics);
  }

  void leave_groups() {  // before the file
    tiles.reset();
    symmetry.reset();
    frames.reset();
    root = H5::Group();
  }

  void close() {
    leave_groups();
    file.close();
  }

  // The run failed for another reason, already reported: what is half written must not pass for results.
  void discard() {
    try {
      leave_groups();
      if (!group.empty()) file.unlink(group);
      file.close();
    } catch (const H5::Exception&) {  // nothing to say to
    }
    std::error_code ignored;
    if (group.empty()) std::filesystem::remove(path, ignored);
  }
};

ResultsFile::ResultsFile(const std::filesystem::path& path, const result::Setup& setup)
    : layout_(std::make_unique<Layout>()) {
  layout_->final_path = path;
  layout_->path = path.string() + ".partial";
  layout_->file = create(layout_->path);
  layout_->unfinished = true;
  written(layout_->path, [&] {
    layout_->root = layout_->file.openGroup("/");
    layout_->begin(setup);
  });
}

ResultsFile::ResultsFile(const std::filesystem::path& file, const std::string& group,
                         const result::Setup& setup)
    : layout_(std::make_unique<Layout>()) {
  layout_->path = file;
  layout_->file = open(file);
  if (layout_->file.nameExists(group)) {
    throw std::runtime_error(file.string() + " holds " + group + " already; results are not written twice");
  }
  layout_->group = group;
  written(file, [&] {
    layout_->root = layout_->file.createGroup(group);
    layout_->unfinished = true;
    layout_->begin(setup);
  });
}

ResultsFile::~ResultsFile() = default;

void ResultsFile::begin_series(std::uint64_t /*series_id*/, const stream::SeriesStart& start) {
  const auto& optics = start.optics();
  layout_->pixel_nm = optics.has_pixel_size() && optics.pixel_unit() == "nm" ? optics.pixel_size() : kNan;
  layout_->dynamics.reset();
}

void ResultsFile::add_map(const result::MapUpdate& map) {
  if (map.kind() == result::MapUpdate::SCAN) {
    layout_->scan_map = map;
    return;
  }
  written(layout_->path, [&] { layout_->add_tiles(map); });
}

void ResultsFile::add_dynamics(const result::Dynamics& dynamics) {
  layout_->dynamics = dynamics;
}

void ResultsFile::add(const result::FrameResult& frame) {
  written(layout_->path, [&] {
    layout_->frames->add(frame, layout_->pixel_nm);
    if (layout_->symmetry) layout_->symmetry->add(frame.symmetry());
  });
}

void ResultsFile::finish(const result::Setup& setup) {
  written(layout_->path, [&] {
    layout_->complete(setup);
    layout_->close();
  });
  if (layout_->group.empty()) std::filesystem::rename(layout_->path, layout_->final_path);
  layout_->unfinished = false;
}

void ResultsFile::leave_partial(const result::Setup& setup, const std::string& reason) {
  written(layout_->path, [&] {
    hdf5::set_text(layout_->root, "incomplete", reason);
    layout_->complete(setup);
    layout_->close();
  });
  layout_->unfinished = false;
}

}  // namespace glasswatch

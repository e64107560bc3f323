#include "detectors/recorded/close_in_place.h"

#include <H5Cpp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

#include "detectors/recorded/attributes.h"
#include "detectors/recorded/block.h"
#include "detectors/recorded/block_file.h"
#include "detectors/recorded/environment_table.h"
#include "detectors/recorded/frame_table.h"
#include "detectors/recorded/hyperspy_skeleton.h"
#include "detectors/recorded/recorded_layout.h"

namespace glasswatch::recorded {
namespace {

constexpr char kPlotGroup[] = "/entry/data";
constexpr std::uint64_t kRowsAtOnce = 1024;  // of the tables, in memory

void check(herr_t result, const char* function) {
  if (result < 0) throw H5::FileIException(function, "failed");
}

bool has_all(const std::vector<FoundBlock>& blocks, std::uint64_t indexed) {
  return blocks.size() >= indexed && (blocks.empty() || blocks.back().index + 1 == blocks.size());
}

// What the records say about the file as a whole.
struct Summary {
  std::optional<recording::FileBegin> begin;
  std::optional<recording::FileEnd> end;
  std::uint64_t records = 0;
  std::uint64_t frames_not_recorded = 0;
  std::int64_t newest_utc_ns = 0;
  std::string kww_convention;
};

Summary summary_of(const FoundBlocks& blocks) {
  Summary summary;
  for_each_record(blocks, [&](std::uint64_t number, const recording::Record& record) {
    if (number == 0 && record.has_begin()) summary.begin = record.begin();
    if (record.has_end()) summary.end = record.end();
    if (record.has_gap() && record.gap().cause() == recording::Gap::NOT_RECORDED) {
      summary.frames_not_recorded += record.gap().count();
    }
    if (record.has_result() && record.result().has_setup()) {
      summary.kww_convention = record.result().setup().kww_convention();
    }
    summary.records = number + 1;
    summary.newest_utc_ns = record.written_utc_ns();
  });
  return summary;
}

// As the tool h5clear does: the marks of the writer are cleared, and the end of the file is where its bytes
// end, not where the last flush knew it (H5Fincrement_filesize in the HDF5 reference manual).
H5::H5File open_crashed(const std::filesystem::path& path) {
  H5::FileAccPropList access;
  access.setLibverBounds(H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  const hbool_t yes = 1;
  for (const char* property : {"clear_status_flags", "skip_eof_check"}) {
    check(H5Pset(access.getId(), property, &yes), "H5Pset");
  }
  check(H5Pset_file_locking(access.getId(), 0, 1), "H5Pset_file_locking");
  H5::H5File file(path.string(), H5F_ACC_RDWR, H5::FileCreatPropList::DEFAULT, access);
  check(H5Fincrement_filesize(file.getId(), 0), "H5Fincrement_filesize");
  return file;
}

void append(const H5::H5File& file, const char* object, std::uint64_t index,
            std::span<const std::byte> block) {
  const H5::DataSet dataset = file.openDataSet(object);
  std::array<hsize_t, 3> extent{};
  dataset.getSpace().getSimpleExtentDims(extent.data());
  extent[0] = index + 1;
  dataset.extend(extent.data());
  const std::array<hsize_t, 3> place = {index, 0, 0};
  check(H5Dwrite_chunk(dataset.getId(), H5P_DEFAULT, 0, place.data(), block.size(), block.data()),
        "H5Dwrite_chunk");
}

void append_end(const H5::H5File& file, const FoundBlocks& blocks, const Summary& summary) {
  recording::Record record;
  record.set_written_utc_ns(summary.newest_utc_ns);
  record.mutable_end()->set_frames(blocks.frames.size());
  record.mutable_end()->set_frames_not_recorded(summary.frames_not_recorded);
  record.mutable_end()->set_reason("repaired");
  const auto bytes = static_cast<std::uint32_t>(record.ByteSizeLong());
  std::vector<std::byte> page(kJournalPageBytes);
  std::memcpy(page.data(), &bytes, sizeof bytes);
  record.SerializeToArray(page.data() + sizeof bytes, static_cast<int>(bytes));

  recording::BlockLabel label;
  label.set_file_id(blocks.file_id);
  label.mutable_page()->set_index(blocks.pages.size());
  label.mutable_page()->set_used_bytes(static_cast<std::uint32_t>(sizeof bytes) + bytes);
  label.mutable_page()->set_records_before(summary.records);
  std::vector<std::byte> block;
  BlockEncoder().compress(page, 1, Effort::kCompact, block);
  seal(label, block);
  append(file, kJournalObject, blocks.pages.size(), block);
}

std::vector<std::string> names_in(const H5::H5File& file, const char* group) {
  const H5::Group opened = file.openGroup(group);
  std::vector<std::string> names;
  for (hsize_t i = 0; i < opened.getNumObjs(); ++i) names.push_back(opened.getObjnameByIdx(i));
  return names;
}

// Columns that were being filled may have different lengths, and lack what came last: they are made anew from
// blocks.
void renew_tables(const H5::H5File& file, const FoundBlocks& blocks, const recording::FileBegin& begin) {
  std::vector<std::string> plotted = names_in(file, kPlotGroup);
  for (const char* group : {kFramesGroup, kEnvironmentGroup}) {
    for (const std::string& name : names_in(file, group)) file.unlink(std::string(group) + "/" + name);
  }
  const stream::Optics& optics = begin.start().optics();
  const bool image = optics.has_pixel_size() && optics.pixel_unit() == "nm";
  FrameTable frames(file, begin.series_id(),
                    image ? optics.pixel_size() : std::numeric_limits<double>::quiet_NaN());
  EnvironmentTable environment(file);
  std::uint64_t rows = 0;
  const auto write_sometimes = [&] {
    if (++rows % kRowsAtOnce != 0) return;
    frames.write();
    environment.write();
  };
  for_each_in_order(
      blocks,
      [&](const FoundBlock&, const recording::Frame& frame) {
        frames.add(frame_info(frame));
        write_sometimes();
      },
      [&](const recording::Record& record) {
        if (record.has_environment_begin()) environment.begin(record.environment_begin().series_id());
        if (record.has_sample()) environment.add(record.sample());
        if (record.has_result() && record.result().has_frame()) frames.add(record.result().frame());
        write_sometimes();
      });
  frames.write();
  environment.write();
  for (const std::string& column : names_in(file, kFramesGroup)) {
    const std::string name = std::string(kPlotGroup) + "/" + column;
    if (std::ranges::find(plotted, column) == plotted.end()) continue;
    file.unlink(name);
    link(file, std::string(kFramesGroup) + "/" + column, name);
  }
}

}  // namespace

bool can_close_in_place(const FoundBlocks& blocks, const Indexed& indexed) {
  if (!has_all(blocks.frames, indexed.frames) || !has_all(blocks.pages, indexed.pages)) return false;
  const Summary summary = summary_of(blocks);
  return summary.begin && (!summary.end || summary.end->frames() == blocks.frames.size());
}

void close_in_place(const std::filesystem::path& path, const FoundBlocks& blocks, const Indexed& indexed) {
  const Summary summary = summary_of(blocks);
  const H5::H5File file = open_crashed(path);
  for (std::uint64_t i = indexed.pages; i < blocks.pages.size(); ++i) {
    append(file, kJournalObject, i, blocks.pages[i].bytes);
  }
  for (std::uint64_t i = indexed.frames; i < blocks.frames.size(); ++i) {
    append(file, kDataObject, i, blocks.frames[i].bytes);
  }
  renew_tables(file, blocks, *summary.begin);
  set_frames_of_axis(file, summary.begin->start(), blocks.frames.size());
  const H5::Group root = file.openGroup("/");
  if (!summary.kww_convention.empty() && !root.attrExists(kKwwConventionAttribute)) {
    set_text(root, kKwwConventionAttribute, summary.kww_convention);
  }
  if (!summary.end) append_end(file, blocks, summary);
}

}  // namespace glasswatch::recorded

#include "detectors/recorded/file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "detectors/recorded/attributes.h"
#include "detectors/recorded/block.h"
#include "detectors/recorded/hyperspy_skeleton.h"
#include "detectors/recorded/output_file.h"
#include "detectors/recorded/recorded_layout.h"
#include "detectors/recorded/recording_objects.h"
#include "protocol/configuration/text.h"
#include "protocol/wire/wire.h"

namespace glasswatch::recorded {
namespace {

// The file is found after a power cut only when its directory is on the disk, too.
void sync_directory(const std::filesystem::path& file) {
  const std::filesystem::path directory = std::filesystem::absolute(file).parent_path();
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw write_error(file, errno);
  [[maybe_unused]] const int synced = ::fsync(descriptor);  // some file systems refuse it for directories
  ::close(descriptor);
}

void check(herr_t result, const char* function) {
  if (result < 0) throw H5::FileIException(function, "failed");
}

}  // namespace

struct FileWriter::Layout {
  Layout(const std::filesystem::path& path, recording::FileBegin file_begin, bool waits_for_disk)
      : begin(std::move(file_begin)), sync(waits_for_disk), output(path) {
    label.set_file_id(begin.file_id());
  }
  ~Layout() {
    H5::Exception::dontPrint();
    output.abandon();
  }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;

  void create() {
    file = output.create();
    objects = std::make_unique<RecordingObjects>(file, begin);
    output.check();
    check(H5Fstart_swmr_write(file.getId()), "H5Fstart_swmr_write");
    // The library may write metadata whenever its cache is full, and readers would see a frame before its
    // pixels: only flush() is to write them.
    objects->for_each_dataset([](H5::DataSet& dataset) {
      check(H5Odisable_mdc_flushes(dataset.getId()), "H5Odisable_mdc_flushes");
    });
  }

  void add_to_tables(const recording::Record& record) {
    switch (record.content_case()) {
      case recording::Record::kEnvironmentBegin:
        objects->environment.begin(record.environment_begin().series_id());
        break;
      case recording::Record::kSample:
        objects->environment.add(record.sample());
        break;
      case recording::Record::kResult:
        if (record.result().has_frame()) objects->frames.add(record.result().frame());
        if (record.result().has_setup()) kww_convention = record.result().setup().kww_convention();
        break;
      default:
        break;
    }
  }

  void flush() {
    objects->journal.flush();
    objects->environment.write();
    objects->frames.write();
    objects->for_each_dataset([](H5::DataSet& dataset) { check(H5Dflush(dataset.getId()), "H5Dflush"); });
    if (frames_of_axis != frames) {
      frames_of_axis = frames;
      set_frames_of_axis(file, begin.start(), frames_of_axis);
    }
    file.flush(H5F_SCOPE_LOCAL);
    output.check();
    if (sync) output.sync();
  }

  std::uint64_t journal_bytes() const { return objects ? objects->journal.bytes() : closed_journal_bytes; }

  // Ends SWMR, which allows no new attributes.
  void complete() {
    closed_journal_bytes = objects->journal.bytes();
    objects.reset();
    file.close();
    file = output.open_again();
    const H5::Group root = file.openGroup("/");
    if (!kww_convention.empty()) set_text(root, kKwwConventionAttribute, kww_convention);
    file.close();
    output.check();
    if (sync) output.sync();
  }

  const recording::FileBegin begin;
  const bool sync;
  OutputFile output;
  H5::H5File file;
  std::unique_ptr<RecordingObjects> objects;
  std::uint64_t frames_of_axis = 0;
  std::uint64_t frames = 0;
  std::uint64_t block_bytes = 0;  // of frames
  std::uint64_t closed_journal_bytes = 0;
  std::int64_t newest_utc_ns = 0;  // of the records
  std::string kww_convention;
  recording::BlockLabel label;
};

namespace {

// Failures of the disk are seen in output.check(); what the library itself refuses becomes a WriteError here.
// Either way nothing is written any more.
template <typename Function>
void guarded(OutputFile& output, Function&& function) {
  try {
    function();
  } catch (const H5::Exception& error) {
    output.abandon();
    output.check();
    throw WriteError(text::concatenate(output.path().string(), ": HDF5 cannot write it (",
                                       error.getFuncName(), ": ", error.getDetailMsg(),
                                       "); look at the disk, or record to another"));
  } catch (...) {
    output.abandon();
    throw;
  }
}

}  // namespace

FileWriter::FileWriter(const std::filesystem::path& path, const recording::FileBegin& begin, bool sync) {
  H5::Exception::dontPrint();
  layout_ = std::make_unique<Layout>(path, begin, sync);
  try {
    guarded(layout_->output, [&] {
      layout_->create();
      recording::Record record;
      *record.mutable_begin() = begin;
      layout_->objects->journal.add(record);
      layout_->flush();
      if (sync) sync_directory(path);
    });
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    throw;
  }
}

FileWriter::~FileWriter() = default;

void FileWriter::add_frame(const FrameInfo& info, std::vector<std::byte>& compressed) {
  guarded(layout_->output, [&] {
    RecordingObjects& objects = *layout_->objects;
    recording::Frame& frame = *layout_->label.mutable_frame();
    frame.set_index(layout_->frames);
    wire::encode_frame_info(info, *frame.mutable_header());
    frame.set_received_utc_ns(info.received_utc_ns);
    frame.set_flags(info.flags);
    frame.set_records_before(objects.journal.records());
    seal(layout_->label, compressed);
    objects.data.append(compressed);
    objects.frames.add(info);
    ++layout_->frames;
    layout_->block_bytes += compressed.size();
    layout_->output.check();
  });
}

void FileWriter::add(const recording::Record& record) {
  guarded(layout_->output, [&] {
    layout_->newest_utc_ns = record.written_utc_ns();
    layout_->objects->journal.add(record);
    layout_->add_to_tables(record);
    layout_->output.check();
  });
}

void FileWriter::flush() {
  guarded(layout_->output, [&] { layout_->flush(); });
}

void FileWriter::close(const recording::FileEnd& end) {
  guarded(layout_->output, [&] {
    recording::Record record;
    record.set_written_utc_ns(layout_->newest_utc_ns);
    *record.mutable_end() = end;
    layout_->objects->journal.add(record);
    layout_->flush();
    layout_->complete();
  });
}

std::uint64_t FileWriter::frames() const {
  return layout_->frames;
}

std::uint64_t FileWriter::bytes() const {
  return layout_->block_bytes + layout_->journal_bytes();
}

const std::filesystem::path& FileWriter::path() const {
  return layout_->output.path();
}

}  // namespace glasswatch::recorded

// Facts that only our own recordings have.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <H5Cpp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "daemon/programs/series_facts.h"
#include "detectors/hdf5_reading.h"
#include "detectors/recorded/recorded_layout.h"
#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

using nlohmann::ordered_json;
using text::concatenate;

constexpr std::uint64_t kMostPages = 8192;  // of the journal, 512 MiB: a second or two

// The writer holds a shared lock on the file while it is open.
bool being_written(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool alone = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0;
  ::close(descriptor);
  return !alone;
}

// The HDF5 side of the file, closed or growing.
class Tables {
 public:
  explicit Tables(const std::filesystem::path& path) : path_(path), file_(open(path)) {}

  template <typename T>
  std::vector<T> column(const std::string& name, const H5::PredType& type) const {
    return hdf5::translated(path_, name, [&] {
      if (!file_.nameExists(name)) return std::vector<T>();
      const H5::DataSet dataset = file_.openDataSet(name);
      std::vector<T> values(static_cast<std::size_t>(dataset.getSpace().getSimpleExtentNpoints()));
      if (!values.empty()) dataset.read(values.data(), type);
      return values;
    });
  }
  std::vector<std::int64_t> integers(const std::string& name) const {
    return column<std::int64_t>(name, H5::PredType::NATIVE_INT64);
  }
  std::vector<double> numbers(const std::string& name) const {
    return column<double>(name, H5::PredType::NATIVE_DOUBLE);
  }

  std::uint64_t extent(const std::string& name) const {
    return hdf5::translated(path_, name, [&]() -> std::uint64_t {
      if (!file_.nameExists(name)) return 0;
      hsize_t dims[H5S_MAX_RANK] = {};
      const H5::DataSpace space = file_.openDataSet(name).getSpace();
      if (space.getSimpleExtentNdims() == 0) return 0;
      space.getSimpleExtentDims(dims);
      return dims[0];
    });
  }

  // Groups of the root that hold results.
  std::vector<std::string> results() const {
    return hdf5::translated(path_, "/", [&] {
      std::vector<std::string> names;
      const H5::Group root = file_.openGroup("/");
      for (hsize_t i = 0; i < root.getNumObjs(); ++i) {
        const std::string name = root.getObjnameByIdx(i);
        if (root.childObjType(name) != H5O_TYPE_GROUP) continue;
        if (hdf5::text_attribute(root.openGroup(name), "format") == "glasswatch-results")
          names.push_back("/" + name);
      }
      return names;
    });
  }

 private:
  static H5::H5File open(const std::filesystem::path& path) {
    H5::Exception::dontPrint();
    try {
      return {path.string(), H5F_ACC_RDONLY};
    } catch (const H5::Exception&) {  // growing, or never closed
    }
    return hdf5::translated(path, "/",
                            [&] { return H5::H5File(path.string(), H5F_ACC_RDONLY | H5F_ACC_SWMR_READ); });
  }

  std::filesystem::path path_;
  H5::H5File file_;
};

std::string frames_table(const char* column) {
  return concatenate(recorded::kFramesGroup, "/", column);
}

void add_part(const RecordedFile& recording, Facts& facts) {
  const recording::FileBegin& begin = recording.begin();
  facts.add("part",
            concatenate(begin.part(), begin.first_frame() > 0
                                          ? concatenate(", begins with frame ", begin.first_frame())
                                          : std::string()),
            "part", begin.part());
  facts.add("", "", "first_frame", begin.first_frame());
  facts.add("", "", "recording_id", concatenate(begin.recording_id()));
  facts.add("", "", "series_id", concatenate(begin.series_id()));
  facts.add_text("recorded by", "program_version", begin.program_version());
  facts.add_text("reason", "reason", begin.reason());
  if (begin.triggered()) facts.add("trigger", "begins before it", "triggered", true);
}

void add_closing(const std::filesystem::path& path, const RecordedFile& recording, Facts& facts) {
  if (const auto& end = recording.file_end()) {
    facts.add("closed", end->reason() + (end->rolled_over() ? "; goes on in the next part" : ""), "closed",
              end->reason());
    facts.add("", "", "rolled_over", end->rolled_over());
    facts.add(end->frames_not_recorded() > 0 ? "not recorded" : "",
              end->frames_not_recorded() > 0 ? concatenate(end->frames_not_recorded(), " frames") : "",
              "frames_not_recorded", end->frames_not_recorded());
    facts.add("", "", "needs_repair", false);
    return;
  }
  const bool growing = being_written(path);
  facts.add(
      "closed",
      growing ? "no: it is being written" : "no: left behind by a crash; glasswatch repair " + path.string(),
      "closed", nullptr);
  facts.add("", "", "being_written", growing);
  facts.add("", "", "needs_repair", !growing);
}

void add_times(const Tables& tables, const stream::Timing& timing, Facts& facts) {
  const std::vector<std::int64_t> start = tables.integers(frames_table("time_utc_ns"));
  if (start.empty()) return;
  const auto [first, last] = std::ranges::minmax(start);
  if (last == 0) return facts.add("time", "not known", "start_utc", nullptr);
  facts.add("time", utc_text(first) + " to " + utc_text(last) + " (starts of exposure)", "start_utc",
            utc_text(first));
  facts.add("", "", "end_utc", utc_text(last));
  std::vector<double> steps_s;
  const std::vector<std::int64_t> sequence = tables.integers(frames_table("sequence"));
  for (std::size_t i = 1; i < std::min(start.size(), sequence.size()); ++i) {
    if (sequence[i] == sequence[i - 1] + 1)
      steps_s.push_back(static_cast<double>(start[i] - start[i - 1]) * 1e-9);
  }
  if (steps_s.empty()) return;
  std::ranges::sort(steps_s);
  const double median_s = steps_s[steps_s.size() / 2];
  facts.add("frame period",
            concatenate(number_text(median_s), " s median, ", number_text(steps_s.front()), " to ",
                        number_text(steps_s.back()), " s",
                        timing.frame_period_s() > 0
                            ? concatenate("; ", number_text(timing.frame_period_s()), " s nominal")
                            : std::string()),
            "frame_period_measured_s", median_s);
  facts.add("", "", "frame_period_nominal_s", timing.frame_period_s());
}

void add_gaps(const Tables& tables, Facts& facts) {
  std::vector<std::int64_t> sequence = tables.integers(frames_table("sequence"));
  std::uint64_t late = 0;
  for (std::size_t i = 1; i < sequence.size(); ++i) late += sequence[i] < sequence[i - 1] ? 1 : 0;
  std::ranges::sort(sequence);
  std::uint64_t gaps = 0, missing = 0;
  for (std::size_t i = 1; i < sequence.size(); ++i) {
    const std::int64_t step = sequence[i] - sequence[i - 1];
    gaps += step > 1 ? 1 : 0;
    missing += step > 1 ? static_cast<std::uint64_t>(step - 1) : 0;
  }
  if (sequence.empty()) return;
  facts.add(
      "sequence",
      concatenate(
          sequence.front(), " to ", sequence.back(), gaps == 0 ? ", none missing" : "",
          gaps > 0 ? concatenate(", ", missing, " missing in ", gaps, gaps == 1 ? " gap" : " gaps") : "",
          late > 0 ? concatenate(", ", late, " late") : ""),
      "frames_missing", missing);
  facts.add("", "", "gaps", gaps);
  facts.add("", "", "frames_late", late);
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  std::uint64_t valid = 0;
};

Range range_of(const std::vector<double>& values) {
  Range range;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
    ++range.valid;
  }
  return range;
}

void add_range(const char* label, const std::string& key, const Range& range, const std::string& of,
               Facts& facts) {
  if (range.valid == 0) return;
  facts.add(
      label,
      concatenate(number_text(range.low), " to ", number_text(range.high), " °C, ", range.valid, " ", of),
      key + "_min_c", range.low);
  facts.add("", "", key + "_max_c", range.high);
}

void add_environment(const Tables& tables, Facts& facts) {
  const std::vector<double> measured =
      tables.numbers(concatenate(recorded::kEnvironmentGroup, "/temperature_c"));
  facts.add("environment", measured.empty() ? "no samples" : concatenate(measured.size(), " samples"),
            "environment_samples", measured.size());
  add_range("", "environment_temperature", range_of(measured), "measured", facts);
  const std::vector<double> frames = tables.numbers(frames_table("temperature_c"));
  const Range range = range_of(frames);
  add_range("temperature", "temperature", range, concatenate("of ", frames.size(), " frames"), facts);
  if (range.valid == 0) facts.add("temperature", "of no frame", "temperature_min_c", nullptr);
}

void add_storage(const std::filesystem::path& path, RecordedFile& recording, Facts& facts) {
  const double pixels =
      static_cast<double>(frame_bytes(recording.start())) * static_cast<double>(recording.frame_count());
  const double file = static_cast<double>(std::filesystem::file_size(path));
  facts.add("compression",
            concatenate("pixels of ", bytes_text(pixels), " in a file of ", bytes_text(file), ": ",
                        number_text(std::round(pixels / file * 100) / 100), " times"),
            "compression_ratio", pixels / file);
}

void add_journal(const Tables& tables, RecordedFile& recording, Facts& facts) {
  const std::uint64_t pages = tables.extent(recorded::kJournalObject);
  if (pages > kMostPages) {
    facts.add("trigger events",
              concatenate("not counted: the journal has ",
                          bytes_text(static_cast<double>(pages * recorded::kJournalPageBytes))),
              "trigger_events", nullptr);
    return;
  }
  std::uint64_t events = 0, results = 0;
  recording.for_each_record([&](const recording::Record& record) {
    events += record.has_result() && record.result().has_trigger() ? 1 : 0;
    results += record.has_result() && record.result().has_frame() ? 1 : 0;
  });
  facts.add("trigger events", std::to_string(events), "trigger_events", events);
  facts.add("frame results", std::to_string(results), "frame_results", results);
}

}  // namespace

void add_recording(const std::filesystem::path& path, RecordedFile& recording, Facts& facts) {
  const Tables tables(path);
  add_part(recording, facts);
  add_closing(path, recording, facts);
  add_times(tables, recording.start().timing(), facts);
  add_gaps(tables, facts);
  add_environment(tables, facts);
  add_journal(tables, recording, facts);
  const std::vector<std::string> groups = tables.results();
  std::string names;
  for (const std::string& name : groups) names += (names.empty() ? "" : ", ") + name;
  facts.add("results", groups.empty() ? "none" : names, "result_groups", groups);
  add_storage(path, recording, facts);
}

}  // namespace glasswatch

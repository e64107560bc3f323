#include "daemon/programs/convert.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/programs/facts.h"
#include "daemon/programs/interrupt.h"
#include "daemon/programs/progress.h"
#include "daemon/programs/recording_output.h"
#include "detectors/environment_log.h"
#include "detectors/frame_times.h"
#include "detectors/input_error.h"
#include "detectors/mrc/mrc_writer.h"
#include "detectors/recorded/recorded_file.h"
#include "detectors/tiff/tiff_writer.h"
#include "protocol/client/program.h"

namespace glasswatch {
namespace {

struct Interrupted {};

enum class Target : std::uint8_t { kRecording, kMrc, kTiff };

Target target_of(const std::filesystem::path& output) {
  const std::string extension = output.extension().string();
  if (extension == ".hspy") return Target::kRecording;
  if (extension == ".mrc" || extension == ".mrcs") return Target::kMrc;
  if (extension == ".tif" || extension == ".tiff") return Target::kTiff;
  throw UsageError(output.string() + ": of the extension \"" + extension +
                   "\" nothing is written; allowed: .hspy (recording), .mrc, .mrcs, .tif, .tiff");
}

void check_output(const ConvertOptions& options) {
  std::error_code unknown;
  for (const std::string& input : options.inputs) {
    if (std::filesystem::equivalent(input, options.output, unknown)) {
      throw UsageError(options.output + ": is an input, too; choose another name for the output");
    }
  }
  if (!options.force && std::filesystem::exists(options.output)) {
    throw UsageError(options.output + ": exists; --force replaces it");
  }
}

// Reads the inputs, one behind the other, as frames of one series.
class Source {
 public:
  Source(const ConvertOptions& options, const std::optional<EnvironmentLog>& log) : paths_(options.inputs) {
    RecordingSettings settings = options.settings;
    if (options.start_from_log) settings.start_utc_ns = log.value().samples.at(0).time_utc_ns();
    for (const std::string& path : paths_) {
      recordings_.push_back(open_recording(path, settings));
      const Recording& recording = *recordings_.back();
      check_alike(path, recording.start());
      frames_ += recording.frame_count();
      if (settings.start_utc_ns) {
        *settings.start_utc_ns +=
            to_ns(recording.start().timing().frame_period_s() * static_cast<double>(recording.frame_count()));
      }
    }
    start_ = recorded(0) != nullptr && of_one_series() ? recorded(0)->begin().start()
                                                       : recordings_.front()->start();
    start_.set_expected_frames(frames_);
  }

  std::size_t size() const { return recordings_.size(); }
  std::uint64_t frames() const { return frames_; }
  std::uint64_t frames(std::size_t input) const { return recordings_[input]->frame_count(); }
  const std::string& path(std::size_t input) const { return paths_[input]; }
  const stream::SeriesStart& start() const { return start_; }
  bool has_times(std::size_t input) const {
    const stream::Timing& timing = recordings_[input]->start().timing();
    return !timing.times_assumed() || timing.start_utc_ns() != 0 || timing.frame_period_s() > 0;
  }
  /// Null where the input is no recording of ours.
  RecordedFile* recorded(std::size_t input) const {
    return dynamic_cast<RecordedFile*>(recordings_[input].get());
  }

  /// All inputs are recordings of ours, of the same series.
  bool of_one_series() const {
    const std::uint64_t first = recordings_.front()->start().recorded_series_id();
    return first != 0 && std::ranges::all_of(recordings_, [&](const auto& recording) {
             return recording->start().recorded_series_id() == first;
           });
  }

  /// A new frame. Sequence numbers go on from input to input; those of one series stay as they are.
  Frame read(std::size_t input, std::uint64_t index) {
    Frame frame = pool().acquire();
    recordings_[input]->read(index, frame);
    if (index == 0 && input > 0 && !of_one_series()) offset_ = next_sequence_;
    frame.info.sequence += offset_;
    next_sequence_ = std::max(next_sequence_, frame.info.sequence + 1);
    return frame;
  }

  /// How the series ended, where no journal says it.
  std::optional<stream::SeriesEnd> end() const {
    if (recorded(size() - 1) != nullptr) return std::nullopt;
    stream::SeriesEnd end;
    end.set_reason(stream::SeriesEnd::COMPLETED);
    end.set_count(next_sequence_);
    return end;
  }

 private:
  void check_alike(const std::string& path, const stream::SeriesStart& start) const {
    const stream::Camera& first = recordings_.front()->start().camera();
    const stream::Camera& camera = start.camera();
    if (camera.rows() == first.rows() && camera.columns() == first.columns() &&
        camera.pixel_type() == first.pixel_type()) {
      return;
    }
    throw input_error(path, "has frames of ", camera.rows(), " x ", camera.columns(), " ",
                      stream::PixelType_Name(camera.pixel_type()), ", ", paths_.front(), " of ", first.rows(),
                      " x ", first.columns(), " ", stream::PixelType_Name(first.pixel_type()),
                      "; one output holds frames of one shape and type");
  }

  FramePool& pool() {
    if (!pool_) pool_.emplace(1, frame_bytes(start_));
    return *pool_;
  }

  std::vector<std::string> paths_;
  std::vector<std::unique_ptr<Recording>> recordings_;
  stream::SeriesStart start_;
  std::uint64_t frames_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::optional<FramePool> pool_;
};

// One step of the work: throws when the user wants no more.
void step(Progress& progress) {
  progress.add();
  if (interrupted()) throw Interrupted();
}

std::string inputs_text(const Source& source) {
  std::string text = "converted from " + std::filesystem::path(source.path(0)).filename().string();
  if (source.size() > 1) text += " and " + std::to_string(source.size() - 1) + " more";
  return text;
}

void write_recording(Source& source, const std::string& path, const std::optional<EnvironmentLog>& log,
                     Progress& progress) {
  const bool one_series = source.of_one_series();
  RecordingOutput output(path, source.start(), one_series ? source.recorded(0) : nullptr,
                         inputs_text(source));
  if (log) output.add_log(*log);
  for (std::size_t input = 0; input < source.size(); ++input) {
    const auto add_frame = [&](std::uint64_t index) {
      output.add(source.read(input, index));
      step(progress);
    };
    if (RecordedFile* recording = source.recorded(input)) {
      output.copy(source.path(input), *recording, one_series, add_frame);
    } else {
      for (std::uint64_t index = 0; index < source.frames(input); ++index) add_frame(index);
    }
  }
  output.close(source.end());
}

template <typename Writer>
void write_stack(Source& source, const std::string& path, Progress& progress) {
  Writer writer(path, source.start(), source.frames());
  for (std::size_t input = 0; input < source.size(); ++input) {
    for (std::uint64_t index = 0; index < source.frames(input); ++index) {
      writer.add(source.read(input, index));
      step(progress);
    }
  }
  writer.close();
}

// What the stack formats cannot hold of what the inputs have.
std::string losses(const Source& source, Target target) {
  std::vector<std::string> lost;
  const stream::SeriesStart& start = source.start();
  if (target == Target::kMrc && !start.timing().times_assumed())
    lost.emplace_back("the times of single frames");
  if (start.has_scan()) lost.emplace_back("positions in the scan");
  for (std::size_t input = 0; input < source.size(); ++input) {
    if (source.recorded(input) == nullptr) continue;
    lost.emplace_back("temperatures, environment samples, gaps, results and events");
    break;
  }
  if (start.optics().high_tension_kv() > 0 || !start.identity().instrument().empty()) {
    lost.emplace_back("most about microscope and camera");
  }
  std::string text;
  for (const std::string& one : lost) text += (text.empty() ? "" : ", ") + one;
  return text;
}

void warn(const ConvertOptions& options, const Source& source, Target target) {
  const std::string extension = std::filesystem::path(options.output).extension().string();
  if (target == Target::kRecording) {
    for (std::size_t input = 0; input < source.size(); ++input) {
      if (source.has_times(input)) continue;
      print_error("glasswatch", "note: " + source.path(input) +
                                    " carries no times; --frame-period-s and --start-utc give them");
    }
  } else if (const std::string lost = losses(source, target); !lost.empty()) {
    print_error("glasswatch", "note: not kept in " + extension + ": " + lost);
  }
}

std::optional<EnvironmentLog> read_log(const ConvertOptions& options, Target target) {
  if (options.environment.empty()) {
    if (options.start_from_log) throw UsageError("--start-utc log: needs --environment LOG");
    return std::nullopt;
  }
  if (target != Target::kRecording && !options.start_from_log) {
    throw UsageError("--environment: only a recording (.hspy) holds samples of the holder");
  }
  EnvironmentLog log = read_environment_log(options.environment, {options.log_utc_offset_s});
  for (const std::string& remark : log.remarks) {
    print_error("glasswatch", "note: " + options.environment + ": " + remark);
  }
  if (log.samples.empty()) throw input_error(options.environment, "holds no samples");
  return log;
}

}  // namespace

ExitCode convert(const ConvertOptions& options) {
  const Target target = target_of(options.output);
  check_output(options);
  const std::optional<EnvironmentLog> log = read_log(options, target);
  Source source(options, log);
  warn(options, source, target);
  catch_interrupts();
  Progress progress("glasswatch", source.frames(),
                    options.progress ? Progress::Elsewhere::kLines : Progress::Elsewhere::kNothing);
  try {
    if (target == Target::kRecording) write_recording(source, options.output, log, progress);
    if (target == Target::kMrc) write_stack<MrcWriter>(source, options.output, progress);
    if (target == Target::kTiff) write_stack<TiffWriter>(source, options.output, progress);
  } catch (const Interrupted&) {
    progress.say("interrupted; " + options.output + " was not written");
    return kFailed;
  }
  progress.clear();
  const auto bytes = static_cast<double>(std::filesystem::file_size(options.output));
  std::printf("%s: %llu frames, %s\n", options.output.c_str(),
              static_cast<unsigned long long>(source.frames()), bytes_text(bytes).c_str());
  return kSuccess;
}

}  // namespace glasswatch

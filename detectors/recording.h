// Recorded files as sources of frames: one interface, one folder per format, one line per format in
// registry.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"
#include "protocol/types/user_error.h"

namespace glasswatch {

/// An input file that cannot be read or is not what it claims. The message is one line for the user: what is
/// wrong, where (file, field or byte), what is allowed, and what to do. Programs exit with code 3 on it.
class InputError : public UserError {
 public:
  explicit InputError(const std::string& message) : UserError(kBadInput, message) {}
};

/// What the user says about times that a recording does not carry. Times from here are marked as assumed.
struct RecordingSettings {
  std::optional<double> frame_period_s;
  std::optional<double> exposure_s;          // default: the file's, else frame_period_s
  std::optional<std::int64_t> start_utc_ns;  // default: the file's, else 0 (no temperature will match)
  stream::StampReference stamp_reference =
      stream::EXPOSURE_END;  // what a device stamp of unknown meaning marks
};

/// One recorded series. Opening reads metadata only; frames are read one at a time, in any order.
/// Not thread-safe: one thread per object (the HDF5 library is not).
class Recording {
 public:
  virtual ~Recording() = default;

  /// Everything known about the series. source_mode is REPLAY, the clock RECORDED_CLOCK, expected_frames set.
  virtual const stream::SeriesStart& start() const = 0;
  virtual std::uint64_t frame_count() const = 0;

  /// Reads frame `index` (0-based) into `frame`: its pixels, and in frame.info everything but series_id and
  /// the two daemon-side times. frame.writable_bytes() must hold at least frame_bytes(start()). Throws
  /// InputError naming the frame when the file does not deliver it.
  virtual void read(std::uint64_t index, Frame& frame) = 0;

  /// How the series ended, where the file knows: its count says what was lost after the last frame.
  virtual std::optional<stream::SeriesEnd> end() const { return std::nullopt; }
};

/// Bytes of one frame of the series.
std::size_t frame_bytes(const stream::SeriesStart& start);

/// A format that open_recording() knows: `matches` sees the first bytes of the file (fewer if it is shorter)
/// and its path; `open` may throw InputError.
struct RecordingFormat {
  std::string_view name;
  bool (*matches)(const std::filesystem::path& path, std::span<const std::byte> head);
  std::unique_ptr<Recording> (*open)(const std::filesystem::path& path, const RecordingSettings& settings);
};

/// All formats, in the order they are tried (registry.cc).
std::span<const RecordingFormat> recording_formats();

/// Opens a recording of any known format, told apart by content. Throws InputError (unreadable, empty,
/// unknown format with the list of known ones, damaged).
std::unique_ptr<Recording> open_recording(const std::filesystem::path& path,
                                          const RecordingSettings& settings);

/// The same recording played `count` times without a pause: times go on by the series' frame period, sequence
/// numbers go on. Needs a frame period (from the file or the settings) when count > 1.
std::unique_ptr<Recording> repeat_recording(std::unique_ptr<Recording> recording, std::uint64_t count);

/// The same recording with its frames in memory: read once, here. read() puts frames that share these pixels
/// in the place of those it is given, and copies nothing; they are not to be written. Throws InputError when
/// a frame cannot be read, or all together take more than `limit_bytes`.
std::unique_ptr<Recording> preload_recording(std::unique_ptr<Recording> recording, std::size_t limit_bytes);

}  // namespace glasswatch

// Which frames of recordings are played: from and to a time or a temperature.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "detectors/recording.h"
#include "simulators/temperature_curve.h"

namespace glasswatch::simulation {

/// The frames whose exposure starts in [begin_utc_ns, end_utc_ns).
struct ReplayWindow {
  std::int64_t begin_utc_ns = std::numeric_limits<std::int64_t>::min();
  std::int64_t end_utc_ns = std::numeric_limits<std::int64_t>::max();

  bool everything() const { return *this == ReplayWindow{}; }
  bool holds(std::int64_t utc_ns) const { return utc_ns >= begin_utc_ns && utc_ns < end_utc_ns; }
  bool operator==(const ReplayWindow&) const = default;
};

/// What the user asks for. All limits hold together; temperatures are looked for between the times.
struct ReplayLimits {
  double start_s = 0;  // after the first frame of the first recording
  double stop_s = std::numeric_limits<double>::infinity();
  std::optional<std::int64_t> from_utc_ns = std::nullopt;
  std::optional<std::int64_t> to_utc_ns = std::nullopt;
  std::optional<double> from_temperature_c = std::nullopt;
  std::optional<double> to_temperature_c = std::nullopt;
};

/// The window that the limits mean. It begins with the first frame that has reached from_temperature_c in the
/// middle of its exposure, coming from where the first frame was: from below or from above. It ends with the
/// first frame from there on that has reached to_temperature_c; that frame is played. Reads some frames of
/// every recording. Throws UsageError: limits that contradict each other, no log, a temperature that no frame
/// reaches; InputError when a frame cannot be read.
ReplayWindow find_window(std::span<Recording* const> recordings, const ReplayLimits& limits,
                         const TemperatureCurve& log);

/// Goes through the frames of a recording that are inside a window, in their order in the file. Frames that
/// came late stand a few places behind where their time belongs; but for those the times of a recording go
/// forward. So a window is found with few looks and left behind it, however long the recording is; frames
/// that are more than kPlaces from where their time belongs may be missed. The recording outlives the cursor.
class FrameCursor {
 public:
  static constexpr std::uint64_t kPlaces = 16;

  FrameCursor(Recording& recording, const ReplayWindow& window);

  /// The next frame, in memory of its own; an empty one when there is none. Throws InputError.
  Frame next();

  /// Whether the frame that next() gave is the first of the recording.
  bool at_begin() const { return given_ && next_index_ == 1; }

  /// Whether the last frame of the recording has been given.
  bool at_end() const { return given_ && next_index_ == recording_->frame_count(); }

 private:
  std::uint64_t first_place() const;

  Recording* recording_;
  ReplayWindow window_;
  std::uint64_t next_index_;
  std::uint64_t behind_ = 0;  // frames in a row that were behind the window
  bool given_ = false;        // the frame that was read last
};

}  // namespace glasswatch::simulation

// The simulated camera: series of exposures in simulated time, with the truth about each kept.
#pragma once

#include <array>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/camera/renderer.h"
#include "simulators/feed.h"
#include "simulators/heater.h"
#include "simulators/run_settings.h"
#include "simulators/stage_motion.h"

namespace glasswatch::simulation {

/// The planted truth of one frame.
struct FrameTruth {
  std::uint64_t series_id = 0;
  std::uint64_t sequence = 0;
  std::int64_t time_utc_ns = 0;  // start of exposure
  scenario::Mode mode = scenario::PATTERN;
  double temperature_c = 0;  // mean over the exposure
  double amplitude = 0;      // PATTERN: a at the temperature of mid-exposure; other modes: NaN
  double power = 0;          // PATTERN: a^2 / 4, of the planted order; other modes: NaN
  bool burst = false;
  StageState stage;  // at mid-exposure
  std::int32_t scan_row = -1;
  std::int32_t scan_column = -1;
  double probe_row_nm = std::numeric_limits<double>::quiet_NaN();  // in the field; scans only
  double probe_column_nm = std::numeric_limits<double>::quiet_NaN();
  std::uint32_t checksum = 0;  // Adler-32 (RFC 1950) of the pixels' bytes; with RunSettings::checksums
};

/// Frames (index over the whole run, of those that were completed) in whose middle a nucleus was first there,
/// and had first reached a diameter of 1, 2 and 3 nm; -1 = not seen.
struct NucleusFrames {
  double radius_nm = 0;  // in the last frame
  std::int64_t born = -1;
  std::array<std::int64_t, 3> reached = {-1, -1, -1};
};

/// Ordinary series follow one another as the scenario says: interrupted by refocusing pauses, in NANOBEAM one
/// per scan. Bursts, scans and commanded series end the one that is running; an exposure that is under way is
/// lost, as with a real camera. What a pause cuts short goes on after it. A frame is made while its exposure
/// lasts: once that has begun, only the true temperature kept with it can still change.
class VirtualCamera : public Feed {
 public:
  /// What the camera looks at. Everything outlives the camera.
  struct Scene {
    const Heater& heater;
    StageMotion& stage;
    Specimen* specimen;  // may be null in PATTERN
    Renderer& renderer;
  };

  VirtualCamera(const scenario::Scenario& scenario, const Scene& scene, RunSettings run);

  std::optional<std::int64_t> due_utc_ns() override;
  Message take() override;
  void finish(stream::SeriesEnd::Reason reason, const std::string& note) override;

  /// A series that was asked for. Zero: as the scenario says.
  struct Order {
    std::uint64_t frames = 0;  // 0 = until stopped
    double period_s = 0;
    double exposure_s = 0;
  };
  struct ScanOrder {
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    double step_nm = 0;
    double period_s = 0;
  };

  /// Commands at `now`. Each returns what was done, or throws Refusal saying why nothing was.
  struct Refusal {
    std::string why;
  };

  /// Ends the present series and takes `frames` frames at `period_s`, each exposed min(exposure_s, 0.9
  /// period_s) with the dose in proportion; then the ordinary series comes back if one was running.
  std::string burst(std::uint64_t frames, double period_s, const std::string& reason,
                    std::int64_t now_utc_ns);

  /// The ordinary series from now on.
  std::string start_series(const Order& order, const std::string& reason, std::int64_t now_utc_ns);
  std::string stop_series(const std::string& note, std::int64_t now_utc_ns);
  std::string change_mode(scenario::Mode mode, const std::string& reason, std::int64_t now_utc_ns);

  /// One scan; then the ordinary series comes back if one was running.
  std::string start_scan(const ScanOrder& order, const std::string& reason, std::int64_t now_utc_ns);

  /// The heater's program has changed at `now`: an exposure prepared ahead that has not begun is made anew.
  void heater_changed(std::int64_t now_utc_ns);

  const std::vector<FrameTruth>& truth() const { return truth_; }

  /// One entry per nucleus that was there in the last frame, in order of birth.
  const std::vector<NucleusFrames>& nucleus_frames() const { return nucleus_frames_; }

 private:
  enum class Kind { kOrdinary, kBurst, kScan };

  struct Series {
    Kind kind = Kind::kOrdinary;
    scenario::Mode mode = scenario::PATTERN;
    std::uint64_t id = 0;
    std::int64_t start_utc_ns = 0;
    std::int64_t period_ns = 0;
    std::int64_t exposure_ns = 0;
    std::int64_t until_utc_ns = 0;  // no exposure ends after it: end of the run, or a pause
    std::uint64_t frames = 0;       // 0 = until then
    std::uint64_t first = 0;        // scan position of frame 0: not 0 when a pause cut the scan
    std::uint64_t taken = 0;
    stream::Scan scan = {};

    std::int64_t exposure_start() const {
      return start_utc_ns + static_cast<std::int64_t>(taken) * period_ns;
    }
    std::int64_t exposure_end() const { return exposure_start() + exposure_ns; }
  };
  struct Announcement {
    std::int64_t due_utc_ns;
    Message message;
  };

  Series ordinary(std::int64_t start_utc_ns) const;
  void place(Series& series) const;
  bool begin(Series series, const std::string& reason);
  void announce_start(const std::string& reason, std::uint64_t fitting);
  void end(stream::SeriesEnd::Reason reason, const std::string& note, std::int64_t due_utc_ns);
  void interrupt_for(Series series, const std::string& reason, std::int64_t now_utc_ns);
  void open_shutter();
  void open_shutter_ahead();
  Message take_frame();
  void note_nuclei();
  void after_frame();
  std::int64_t earliest(std::int64_t now_utc_ns) const { return std::max(now_utc_ns, busy_until_utc_ns_); }
  double seconds(std::int64_t utc_ns) const { return static_cast<double>(utc_ns - run_.start_utc_ns) * 1e-9; }

  scenario::Scenario scenario_;
  Scene scene_;
  RunSettings run_;
  scenario::Mode mode_;                     // of ordinary series
  Order order_;                             // of ordinary series
  std::deque<Announcement> announcements_;  // starts and ends; they go before the next frame
  Series series_;
  bool running_ = false;
  bool resume_ = false;  // begin an ordinary series after the burst or scan
  std::uint64_t exposures_ = 0;
  Exposure exposure_;  // that is under way while the renderer is busy
  StageState stage_;   // in its middle
  std::int64_t busy_until_utc_ns_;
  std::vector<FrameTruth> truth_;
  std::vector<NucleusFrames> nucleus_frames_;
};

}  // namespace glasswatch::simulation

// Time and temperature: gives every frame the temperature of its exposure, or the reason why there is none.
#pragma once

#include <cstdint>
#include <deque>

#include "analysis/clock_offset.h"
#include "analysis/temperature_track.h"
#include "detectors/stream_decoder.h"
#include "protocol/schema/configuration.pb.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Relates the camera's clock to the holder's and tags frames with T +- u, dT/dt and drift.
///
/// Clocks: offset = source - daemon. Recorded clocks (replay, simulated time, files) share one time line
/// unless the configuration declares offsets; live clocks are measured from the arrival of their messages.
/// One recorded and one live clock are unrelated: no temperature is attributed. One thread.
class TemperatureStage {
 public:
  explicit TemperatureStage(const config::Configuration& configuration);

  void begin_series(const stream::SeriesStart& start);
  void begin_environment(const stream::EnvironmentStart& start);
  void add(const EnvironmentSampled& item);
  void end_environment() { ended_ = true; }
  void observe(const FrameInfo& frame);  // learns from a frame's stamps

  /// True when later samples cannot change the frame's temperature: the samples reach past its exposure, or
  /// the source has ended. False while it is worth waiting.
  bool settled(const FrameInfo& frame) const;

  /// Samples that arrived early wait here until a frame needs them, so that the same samples stand behind a
  /// frame's temperature whether they came live, in a replay or from a file.
  void tag(const FrameInfo& frame, result::FrameResult& result);

  /// Samples whose time jumped by more than an hour and was not confirmed by the next one.
  std::uint64_t implausible_samples() const { return implausible_; }

  double camera_offset_s() const { return camera_.offset_s(); }
  double camera_sigma_s() const { return camera_.sigma_s(); }
  double environment_offset_s() const { return environment_.offset_s(); }
  double environment_sigma_s() const { return environment_.sigma_s(); }

 private:
  // The clock of one source against the daemon's.
  class SourceClock {
   public:
    explicit SourceClock(const config::Source& source);
    void begin(const stream::Clock& clock);
    void observe(std::int64_t sent_utc_ns, std::int64_t received_utc_ns);
    bool recorded() const { return kind_ == stream::RECORDED_CLOCK; }
    bool related_to(const SourceClock& other) const;
    double offset_s() const;  // NaN while unknown
    double sigma_s() const;

   private:
    const config::Source& source_;
    stream::ClockKind kind_ = stream::CLOCK_KIND_UNSPECIFIED;
    double stamp_sigma_s_ = 0;
    analysis::ClockOffset measured_;
  };

  struct DriftSample {
    std::int64_t time_ns;
    double row_nm;
    double column_nm;
    stream::DriftCorrection correction;
  };

  void advance(std::int64_t end_ns);
  bool clocks_known() const;
  void tag_temperature(const FrameInfo& frame, result::Temperature& temperature) const;
  void tag_drift(const FrameInfo& frame, result::Drift& drift) const;
  std::int64_t on_environment_clock(std::int64_t camera_ns) const;

  const config::Configuration& configuration_;
  SourceClock camera_;
  SourceClock environment_;
  analysis::TemperatureTrack track_;
  struct Reading {
    double temperature_c;
    bool has_drift;
    DriftSample drift;  // its time is the reading's
  };
  bool plausible(std::int64_t time_ns);
  void take_oldest();

  std::deque<Reading> incoming_;
  std::int64_t newest_ns_ = 0;  // of the accepted samples; 0 = none yet
  std::int64_t doubtful_ns_ = 0;
  std::uint64_t implausible_ = 0;
  std::deque<DriftSample> drift_;
  bool started_ = false;
  bool ended_ = false;
};

}  // namespace glasswatch

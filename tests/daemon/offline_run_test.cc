// The offline run against the live decoder over the same frames: both must give the same results to the bit.
#include "daemon/offline/offline_run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "protocol/configuration/configuration.h"
#include "protocol/wire/wire.h"

namespace glasswatch {
namespace {

constexpr int kSize = 64;
constexpr std::size_t kFrameBytes = kSize * kSize * sizeof(std::uint16_t);
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kSeries = 77;
constexpr char kGiven[] = R"(
calibration { center_row_px: 31.5 center_col_px: 31.5 }
symmetry { r_min_px: 8 r_max_px: 28 radial_bins: 10 azimuthal_bins: 72 orders: [2, 4] }
ecm { max_lag_s: 4 }
trigger { name: "bright" quantity: MEAN_COUNTS threshold: 10 confirm_frames: 3 cooldown_s: 0 require_temperature: false }
)";
constexpr char kEstimated[] = R"(
calibration { estimate { frames: 5 } }
symmetry { r_min_px: 8 r_max_px: 28 radial_bins: 10 azimuthal_bins: 72 orders: [2, 4] }
)";

stream::SeriesStart series_start() {
  stream::SeriesStart start;
  start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  start.mutable_camera()->set_rows(kSize);
  start.mutable_camera()->set_columns(kSize);
  start.mutable_camera()->set_pixel_type(stream::U2);
  start.mutable_timing()->set_frame_period_s(1);
  return start;
}

FrameInfo frame_info(std::uint64_t sequence, std::int64_t begin_utc_ns) {
  FrameInfo info;
  info.series_id = kSeries;
  info.sequence = sequence;
  info.rows = info.columns = kSize;
  info.pixel_type = PixelType::kU2;
  info.exposure_start_utc_ns = begin_utc_ns + static_cast<std::int64_t>(sequence) * kSecond;
  info.exposure_end_utc_ns = info.exposure_start_utc_ns + kSecond / 2;
  return info;
}

// A noisy ring, brighter every eight frames, so that rules fire more than once.
std::string pixels(std::uint64_t sequence) {
  std::mt19937_64 generator(sequence);
  std::vector<std::uint16_t> image;
  for (int i = 0; i < kSize * kSize; ++i) {
    const double r = std::hypot(i / kSize - 31.5, i % kSize - 31.5);
    const double mean = (sequence % 8 < 5 ? 60 : 2) * std::exp(-(r - 18) * (r - 18) / 30) + 3;
    image.push_back(static_cast<std::uint16_t>(std::poisson_distribution<int>(mean)(generator)));
  }
  return {reinterpret_cast<const char*>(image.data()), kFrameBytes};
}

class ListedRecording final : public Recording {
 public:
  ListedRecording(std::vector<FrameInfo> frames, std::optional<stream::SeriesEnd> end)
      : frames_(std::move(frames)), end_(std::move(end)), start_(series_start()) {
    start_.set_expected_frames(frames_.size());
  }
  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return frames_.size(); }
  void read(std::uint64_t index, Frame& frame) override {
    frame.info = frames_[index];
    const std::string image = pixels(frame.info.sequence);
    std::memcpy(frame.writable_bytes().data(), image.data(), image.size());
  }
  std::optional<stream::SeriesEnd> end() const override { return end_; }

 private:
  std::vector<FrameInfo> frames_;
  std::optional<stream::SeriesEnd> end_;
  stream::SeriesStart start_;
};

EnvironmentLog ramp(std::int64_t begin_utc_ns, int samples) {
  EnvironmentLog log;
  log.start.mutable_clock()->set_kind(stream::RECORDED_CLOCK);
  for (int i = 0; i < samples; ++i) {
    auto& sample = log.samples.emplace_back();
    sample.set_time_utc_ns(begin_utc_ns + i * kSecond / 5);
    sample.set_temperature_c(300 + 0.1 * i + 0.02 * (i % 3));
  }
  return log;
}

class Kept final : public ResultSink {
 public:
  void add(const result::FrameResult& frame) override {
    frames.push_back(frame);
    bytes.push_back(frame.SerializeAsString());
  }
  void add_map(const result::MapUpdate& /*map*/) override { ++maps; }
  void add_dynamics(const result::Dynamics& found) override { dynamics.push_back(found.SerializeAsString()); }

  std::vector<result::FrameResult> frames;
  std::vector<std::string> bytes, dynamics;
  int maps = 0;
};

OfflineRun::Watch watch() {
  return {[](const std::string& text) { ADD_FAILURE() << text; }, [] {}, [] { return false; },
          [](const std::string&) {}};
}

OfflineSeries series(std::vector<FrameInfo> frames, std::optional<stream::SeriesEnd> end = {}) {
  return {"test", std::make_unique<ListedRecording>(std::move(frames), std::move(end)), kSeries, 0};
}

// What the daemon does with a stream: the decoder's items, one after the other, into the pipeline.
class LiveRun {
 public:
  explicit LiveRun(const char* configuration)
      : pipeline_(parse_configuration(configuration, "t", "/"), {}),
        decoder_(make_stream_decoder("ceta", {}, [this](std::span<const std::byte> bytes) {
          Frame frame = pool_.acquire();
          std::memcpy(frame.writable_bytes().data(), bytes.data(), bytes.size());
          return frame;
        })) {}

  void begin(const EnvironmentLog& log) {
    pipeline_.begin_environment({1, log.start});
    for (const auto& sample : log.samples) pipeline_.add_environment({sample, 0, 0});
    stream::StreamMessage message = header();
    *message.mutable_series_start() = series_start();
    send(message, "");
  }
  void send_frame(const FrameInfo& info) {
    stream::StreamMessage message;
    wire::encode_frame_info(info, message);
    send(message, pixels(info.sequence));
  }
  void end(std::uint64_t count) {
    stream::StreamMessage message = header();
    message.mutable_series_end()->set_reason(stream::SeriesEnd::COMPLETED);
    message.mutable_series_end()->set_count(count);
    send(message, "");
  }

  Kept kept;
  std::vector<FrameInfo> accepted;  // as a recorder keeps them
  std::uint64_t fired = 0;

 private:
  static stream::StreamMessage header() {
    stream::StreamMessage message;
    message.set_schema_version(wire::kSchemaVersion);
    message.set_series_id(kSeries);
    return message;
  }
  void send(const stream::StreamMessage& message, const std::string& payload) {
    const std::vector<std::string> texts{"camera", message.SerializeAsString(), payload};
    std::vector<std::span<const std::byte>> parts;
    for (std::size_t i = 0; i < (payload.empty() ? 2u : 3u); ++i)
      parts.push_back(std::as_bytes(std::span(texts[i])));
    std::vector<StreamItem> items;
    decoder_->decode(parts, 0, items);
    for (StreamItem& item : items) take(item);
  }
  void take(StreamItem& item) {
    const Pipeline::Deliver deliver = [&](const Frame&, const result::FrameResult& result) {
      kept.add(result);
      fired += pipeline_.firings().size();
    };
    if (const auto* started = std::get_if<SeriesStarted>(&item)) pipeline_.begin_series(*started);
    if (const auto* gap = std::get_if<Gap>(&item)) pipeline_.gap(*gap);
    if (std::holds_alternative<SeriesEnded>(item)) pipeline_.release(deliver);
    if (auto* frame = std::get_if<Frame>(&item)) {
      accepted.push_back(frame->info);
      pipeline_.take(std::move(*frame), deliver);
    }
  }

  FramePool pool_{16, kFrameBytes};
  Pipeline pipeline_;
  std::unique_ptr<StreamDecoder> decoder_;
};

class OfflineAgainstLive : public ::testing::TestWithParam<const char*> {};

TEST_P(OfflineAgainstLive, SameResultsToTheBit) {
  const EnvironmentLog log = ramp(kSecond, 200);
  LiveRun live(GetParam());
  live.begin(log);
  // Lost at the beginning and between, late, sent twice, reordered, and a jump that is believed the second
  // time only.
  for (const std::uint64_t sequence : {2u,  3u,  4u,  5u,  8u,  6u,  9u,  9u,  10u, 11u, 12u, 13u,
                                       16u, 14u, 17u, 18u, 19u, 20u, 21u, 22u, 23u, 24u, 25u}) {
    live.send_frame(frame_info(sequence, 2 * kSecond));
  }
  constexpr std::uint64_t kFar = 3'000'000;
  for (const std::uint64_t sequence : {kFar, kFar + 1, kFar + 2}) {
    live.send_frame(frame_info(sequence, 30 * kSecond - static_cast<std::int64_t>(kFar) * kSecond));
  }
  live.end(kFar + 9);
  ASSERT_EQ(live.accepted.size(), 24u);  // the twin and the doubted one are left out

  for (FrameInfo& info : live.accepted) info.flags &= ~std::uint32_t{kFlagLate};  // to be found anew
  stream::SeriesEnd end;
  end.set_count(kFar + 9);
  OfflineRun run(parse_configuration(GetParam(), "t", "/"), {}, {}, 1, {{0, log}}, watch());
  OfflineSeries one = series(live.accepted, end);
  Kept kept;
  ASSERT_TRUE(run.analyse(0, one, kept));
  ASSERT_EQ(kept.bytes.size(), live.kept.bytes.size());
  for (std::size_t i = 0; i < kept.bytes.size(); ++i) {
    EXPECT_EQ(kept.bytes[i], live.kept.bytes[i]) << kept.frames[i].ShortDebugString().substr(0, 300);
  }
  EXPECT_EQ(run.totals().frames, 24u);
  EXPECT_EQ(run.totals().fired, live.fired);
  EXPECT_EQ(live.fired > 1, GetParam() == kGiven);

  std::vector<std::uint64_t> after_gap, late;
  for (const auto& frame : kept.frames) {
    if ((frame.flags() & kFlagGapBefore) != 0) after_gap.push_back(frame.sequence());
    if ((frame.flags() & kFlagLate) != 0) late.push_back(frame.sequence());
    EXPECT_EQ(frame.temperature().validity(), result::VALID) << frame.sequence();
  }
  EXPECT_EQ(after_gap, (std::vector<std::uint64_t>{2, 8, 16, kFar + 1}));
  EXPECT_EQ(late, (std::vector<std::uint64_t>{6, 14}));
}

INSTANTIATE_TEST_SUITE_P(Configurations, OfflineAgainstLive, ::testing::Values(kGiven, kEstimated));

std::vector<FrameInfo> frames_at(std::int64_t begin_utc_ns, std::uint64_t count) {
  std::vector<FrameInfo> frames;
  for (std::uint64_t i = 0; i < count; ++i) frames.push_back(frame_info(i, begin_utc_ns));
  return frames;
}

TEST(OfflineRun, RulesFireAsInThePipelineAndRecalledResultsCountAsAnalysedOnes) {
  const auto configuration = parse_configuration(kGiven, "t", "/");
  const EnvironmentLog log = ramp(0, 400);
  OfflineRun run(configuration, {}, {}, 1, {{0, log}}, watch());
  Kept kept;
  for (std::size_t i = 0; i < 2; ++i) {
    OfflineSeries one = series(frames_at(kSecond * static_cast<std::int64_t>(1 + 20 * i), 12));
    run.analyse(i, one, kept);
  }
  // Frames 0-4 and 8-11 are bright: each run is confirmed by its third frame. The second series begins
  // bright, as the first one ended: the rule is still latched.
  EXPECT_EQ(run.totals().fired, 3u);
  OfflineRun recalled(configuration, {}, {}, 1, {{0, log}}, watch());
  for (std::size_t i = 0; i < 12; ++i) recalled.recall(0, kept.frames[i]);
  OfflineSeries second = series(frames_at(21 * kSecond, 12));
  Kept again;
  recalled.analyse(1, second, again);
  EXPECT_EQ(recalled.totals().fired, 3u);
  EXPECT_EQ(recalled.totals().frames, 24u);
  EXPECT_TRUE(std::equal(again.bytes.begin(), again.bytes.end(), kept.bytes.begin() + 12));
  EXPECT_EQ(again.dynamics.back(), kept.dynamics.back());
}

TEST(OfflineRun, ASeriesDoesNotDependOnWhatWasAnalysedBefore) {
  const auto configuration = parse_configuration(kGiven, "t", "/");
  const EnvironmentLog log = ramp(0, 10'000);
  OfflineSeries alone = series(frames_at(50 * kSecond, 4));
  Kept by_itself, after_another;
  OfflineRun(configuration, {}, {}, 1, {{0, log}}, watch()).analyse(0, alone, by_itself);
  OfflineRun run(configuration, {}, {}, 1, {{0, log}}, watch());
  OfflineSeries later = series(frames_at(1900 * kSecond, 4)), earlier = series(frames_at(50 * kSecond, 4));
  run.analyse(0, later, after_another);
  run.analyse(1, earlier, after_another);
  ASSERT_EQ(after_another.bytes.size(), 8u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(by_itself.frames[i].temperature().validity(), result::VALID);
    EXPECT_EQ(after_another.bytes[4 + i], by_itself.bytes[i]);
  }
}

TEST(OfflineRun, EachLogHoldsFromItsSeriesOn) {
  const auto configuration = parse_configuration(kGiven, "t", "/");
  EnvironmentLog hot = ramp(0, 1000);
  for (auto& sample : hot.samples) sample.set_temperature_c(900);
  OfflineRun run(configuration, {}, {}, 1, {{1, ramp(0, 1000)}, {2, hot}}, watch());
  Kept kept;
  for (std::size_t i = 0; i < 3; ++i) {
    OfflineSeries one = series(frames_at(20 * kSecond, 3));
    run.analyse(i, one, kept);
  }
  EXPECT_EQ(kept.frames[0].temperature().validity(), result::NO_TEMPERATURE);
  EXPECT_NEAR(kept.frames[3].temperature().value_c(), 300 + 0.5 * 20.25, 0.1);
  EXPECT_NEAR(kept.frames[6].temperature().value_c(), 900, 1e-9);
}

TEST(OfflineRun, StopsBetweenFramesAndKeepsWhatItHas) {
  auto asks = watch();
  int asked = 0;
  asks.stop = [&] { return ++asked > 3; };
  OfflineRun run(parse_configuration(kEstimated, "t", "/"), {}, {}, 1, {{0, ramp(0, 100)}}, asks);
  OfflineSeries one = series(frames_at(kSecond, 10));
  Kept kept;
  EXPECT_FALSE(run.analyse(0, one, kept));
  EXPECT_EQ(kept.frames.size(), 3u);  // held back for the calibration until then
  EXPECT_TRUE(kept.dynamics.empty());
}

}  // namespace
}  // namespace glasswatch

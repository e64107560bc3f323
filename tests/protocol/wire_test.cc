#include "protocol/wire/wire.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace glasswatch::wire {
namespace {

stream::StreamMessage start_message() {
  stream::StreamMessage message;
  message.set_schema_version(kSchemaVersion);
  message.set_series_id(77);
  auto& start = *message.mutable_series_start();
  start.mutable_clock()->set_kind(stream::LIVE_CLOCK);
  start.mutable_camera()->set_rows(4);
  start.mutable_camera()->set_columns(6);
  start.mutable_camera()->set_pixel_type(stream::I2);
  return message;
}

stream::StreamMessage frame_message() {
  stream::StreamMessage message;
  FrameInfo info;
  info.series_id = 77;
  info.sequence = 9;
  info.device_frame_id = 1234;
  info.exposure_start_utc_ns = 1'000;
  info.exposure_end_utc_ns = 2'000;
  info.exposure_sigma_ns = 5;
  info.sent_utc_ns = 3'000;
  info.rows = 4;
  info.columns = 6;
  info.pixel_type = PixelType::kI2;
  info.scan_row = 2;
  info.scan_column = 3;
  info.flags = kFlagTransferNotOk;
  encode_frame_info(info, message);
  return message;
}

Rejection decode(const stream::StreamMessage& message, const SizeLimits& limits = {}) {
  const std::string bytes = message.SerializeAsString();
  stream::StreamMessage out;
  std::string detail;
  const Rejection rejection = decode_header(std::as_bytes(std::span(bytes)), limits, out, detail);
  EXPECT_EQ(rejection == Rejection::kNone, detail.empty()) << "a rejection says why: " << detail;
  return rejection;
}

TEST(Wire, FrameInfoSurvivesTheTrip) {
  const std::string bytes = frame_message().SerializeAsString();
  stream::StreamMessage message;
  std::string detail;
  ASSERT_EQ(decode_header(std::as_bytes(std::span(bytes)), {}, message, detail), Rejection::kNone) << detail;
  const FrameInfo info = decode_frame_info(message);
  EXPECT_EQ(info.series_id, 77u);
  EXPECT_EQ(info.sequence, 9u);
  EXPECT_EQ(info.device_frame_id, 1234);
  EXPECT_EQ(info.exposure_start_utc_ns, 1'000);
  EXPECT_EQ(info.exposure_end_utc_ns, 2'000);
  EXPECT_EQ(info.exposure_sigma_ns, 5);
  EXPECT_EQ(info.sent_utc_ns, 3'000);
  EXPECT_EQ(info.rows, 4);
  EXPECT_EQ(info.columns, 6);
  EXPECT_EQ(info.pixel_type, PixelType::kI2);
  EXPECT_EQ(info.scan_row, 2);
  EXPECT_EQ(info.scan_column, 3);
  EXPECT_EQ(info.flags, kFlagTransferNotOk);
}

TEST(Wire, SoundMessagesPass) {
  EXPECT_EQ(decode(start_message()), Rejection::kNone);
  EXPECT_EQ(decode(frame_message()), Rejection::kNone);
}

TEST(Wire, RejectsByItsName) {
  stream::StreamMessage message = frame_message();
  message.set_schema_version(kSchemaVersion + 1);
  EXPECT_EQ(decode(message), Rejection::kSchema);
  message = frame_message();
  message.set_schema_version(0);
  EXPECT_EQ(decode(message), Rejection::kSchema);
  message = frame_message();
  message.set_series_id(0);
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message = frame_message();
  message.mutable_frame()->set_exposure_end_utc_ns(999);
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message = frame_message();
  message.mutable_frame()->set_rows(0);
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message = frame_message();
  message.mutable_frame()->set_pixel_type(stream::PIXEL_TYPE_UNSPECIFIED);
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message = frame_message();
  message.mutable_frame()->set_pixel_type(static_cast<stream::PixelType>(40));
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message = frame_message();
  message.mutable_frame()->set_exposure_start_utc_ns(std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message = frame_message();
  message.mutable_frame()->set_exposure_end_utc_ns(std::int64_t{2} * 86'400 * 1'000'000'000);
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message = start_message();
  message.mutable_environment()->set_time_utc_ns(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message = start_message();
  message.mutable_series_start()->clear_clock();
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message = start_message();
  message.mutable_series_start()->clear_camera();
  EXPECT_EQ(decode(message), Rejection::kHeader);
  message.Clear();
  message.set_schema_version(kSchemaVersion);
  message.set_series_id(3);
  EXPECT_EQ(decode(message), Rejection::kHeader);  // no body
}

TEST(Wire, LimitsAreCheckedOnTheHeaderAlone) {
  SizeLimits limits;
  limits.max_rows = 3;
  EXPECT_EQ(decode(frame_message(), limits), Rejection::kLimit);
  limits = {};
  limits.max_frame_bytes = 47;  // the frame has 48
  EXPECT_EQ(decode(frame_message(), limits), Rejection::kLimit);
  limits.max_frame_bytes = 48;
  EXPECT_EQ(decode(frame_message(), limits), Rejection::kNone);
  stream::StreamMessage message = start_message();
  message.mutable_series_start()->mutable_camera()->set_rows(0xffffffff);
  message.mutable_series_start()->mutable_camera()->set_columns(0xffffffff);
  EXPECT_EQ(decode(message),
            Rejection::kLimit);  // the product overflows 64 bits only after the check of each
}

TEST(Wire, GarbageAndOversizedHeadersAreMalformed) {
  stream::StreamMessage message;
  std::string detail;
  const std::string garbage = "\xff\xff\xff\xff";
  EXPECT_EQ(decode_header(std::as_bytes(std::span(garbage)), {}, message, detail), Rejection::kMalformed);
  const std::string huge(kMaxHeaderBytes + 1, 'x');
  EXPECT_EQ(decode_header(std::as_bytes(std::span(huge)), {}, message, detail), Rejection::kMalformed);
}

TEST(Wire, FrameMustFitItsSeries) {
  const stream::SeriesStart start = start_message().series_start();
  stream::FrameHeader header = frame_message().frame();
  std::string detail;
  EXPECT_EQ(check_frame(header, 48, start, detail), Rejection::kNone);
  EXPECT_EQ(check_frame(header, 47, start, detail), Rejection::kSize);
  EXPECT_EQ(check_frame(header, 0, start, detail), Rejection::kSize);
  header.set_rows(5);
  EXPECT_EQ(check_frame(header, 60, start, detail), Rejection::kHeader);
  EXPECT_NE(detail.find("5 x 6"), std::string::npos) << detail;
}

TEST(Wire, EveryRejectionHasAName) {
  for (std::size_t i = 0; i < kRejections; ++i)
    EXPECT_FALSE(rejection_name(static_cast<Rejection>(i)).empty());
  EXPECT_EQ(rejection_name(Rejection::kNoSeries), "no_series");
}

}  // namespace
}  // namespace glasswatch::wire

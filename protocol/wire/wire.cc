#include "protocol/wire/wire.h"

#include <cmath>

#include "protocol/configuration/text.h"

namespace glasswatch::wire {
namespace {

constexpr std::array<std::string_view, kRejections> kNames = {"none",   "parts", "malformed", "schema",
                                                              "header", "size",  "limit",     "no_series"};

// Rows, columns and pixel type are the part of a message that decides about memory: checked first and
// together.
Rejection check_geometry(std::uint64_t rows, std::uint64_t columns, int type, const SizeLimits& limits,
                         std::string& detail) {
  const std::size_t pixel_bytes = bytes_per_pixel(static_cast<PixelType>(type));
  if (type <= 0 || type > 8 || pixel_bytes == 0) {
    detail = text::concatenate("pixel_type ", type, " is unknown (allowed 1 to 8)");
    return Rejection::kHeader;
  }
  if (rows == 0 || columns == 0) {
    detail = text::concatenate("frame of ", rows, " x ", columns, " pixels is empty");
    return Rejection::kHeader;
  }
  if (rows > limits.max_rows || columns > limits.max_columns ||
      rows * columns * pixel_bytes > limits.max_frame_bytes) {
    detail = text::concatenate("frame of ", rows, " x ", columns, " x ", pixel_bytes,
                               " bytes is over the limits of ", limits.max_rows, " x ", limits.max_columns,
                               " and ", limits.max_frame_bytes, " bytes (configuration: limits)");
    return Rejection::kLimit;
  }
  return Rejection::kNone;
}

Rejection check_clock(const stream::Clock& clock, std::string& detail) {
  if (clock.kind() != stream::LIVE_CLOCK && clock.kind() != stream::RECORDED_CLOCK) {
    detail = "clock.kind must be LIVE_CLOCK or RECORDED_CLOCK";
    return Rejection::kHeader;
  }
  if (!std::isfinite(clock.sigma_s()) || clock.sigma_s() < 0) {
    detail = "clock.sigma_s must be finite and not negative";
    return Rejection::kHeader;
  }
  return Rejection::kNone;
}

Rejection check_series_start(const stream::SeriesStart& start, const SizeLimits& limits,
                             std::string& detail) {
  if (!start.has_camera()) {
    detail = "series_start.camera is missing";
    return Rejection::kHeader;
  }
  if (const Rejection r = check_clock(start.clock(), detail); r != Rejection::kNone) return r;
  const auto& camera = start.camera();
  return check_geometry(camera.rows(), camera.columns(), camera.pixel_type(), limits, detail);
}

// Within a century and a half of 1970: differences of such times cannot overflow.
constexpr std::int64_t kFarthestTimeNs = (std::int64_t{1} << 62) - 1;
constexpr std::int64_t kLongestExposureNs = std::int64_t{86'400} * 1'000'000'000;

bool is_time(std::int64_t time_ns) {
  return time_ns >= -kFarthestTimeNs && time_ns <= kFarthestTimeNs;
}

Rejection check_frame_header(const stream::FrameHeader& frame, const SizeLimits& limits,
                             std::string& detail) {
  if (!is_time(frame.exposure_start_utc_ns()) || !is_time(frame.exposure_end_utc_ns())) {
    detail = "exposure_start_utc_ns or exposure_end_utc_ns is no time of this era";
    return Rejection::kHeader;
  }
  if (frame.exposure_end_utc_ns() - frame.exposure_start_utc_ns() > kLongestExposureNs) {
    detail = "the exposure is longer than a day";
    return Rejection::kHeader;
  }
  if (frame.exposure_end_utc_ns() < frame.exposure_start_utc_ns()) {
    detail = "exposure_end_utc_ns is before exposure_start_utc_ns";
    return Rejection::kHeader;
  }
  if (frame.exposure_sigma_ns() < 0) {
    detail = "exposure_sigma_ns is negative";
    return Rejection::kHeader;
  }
  return check_geometry(frame.rows(), frame.columns(), frame.pixel_type(), limits, detail);
}

Rejection check_body(const stream::StreamMessage& message, const SizeLimits& limits, std::string& detail) {
  switch (message.body_case()) {
    case stream::StreamMessage::kSeriesStart:
      return check_series_start(message.series_start(), limits, detail);
    case stream::StreamMessage::kFrame:
      return check_frame_header(message.frame(), limits, detail);
    case stream::StreamMessage::kEnvironmentStart:
      return check_clock(message.environment_start().clock(), detail);
    case stream::StreamMessage::kEnvironment:  // values may be NaN: the temperature stage judges them
      if (is_time(message.environment().time_utc_ns())) return Rejection::kNone;
      detail = "environment.time_utc_ns is no time of this era";
      return Rejection::kHeader;
    case stream::StreamMessage::kSeriesEnd:
    case stream::StreamMessage::kHeartbeat:
      return Rejection::kNone;
    case stream::StreamMessage::BODY_NOT_SET:
      break;
  }
  detail = "message has no body";
  return Rejection::kHeader;
}

}  // namespace

std::string_view rejection_name(Rejection rejection) {
  return kNames.at(static_cast<std::size_t>(rejection));
}

Rejection decode_header(std::span<const std::byte> bytes, const SizeLimits& limits,
                        stream::StreamMessage& message, std::string& detail) {
  if (bytes.size() > kMaxHeaderBytes) {
    detail = text::concatenate("header of ", bytes.size(), " bytes (allowed ", kMaxHeaderBytes, ")");
    return Rejection::kMalformed;
  }
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    detail = text::concatenate("header of ", bytes.size(), " bytes is no StreamMessage");
    return Rejection::kMalformed;
  }
  if (message.schema_version() == 0 || message.schema_version() > kSchemaVersion) {
    detail = text::concatenate("schema_version ", message.schema_version(), " (this program knows 1 to ",
                               kSchemaVersion, ")");
    return Rejection::kSchema;
  }
  const bool needs_series = message.body_case() != stream::StreamMessage::kHeartbeat;
  if (needs_series && message.series_id() == 0) {
    detail = "series_id is 0";
    return Rejection::kHeader;
  }
  return check_body(message, limits, detail);
}

Rejection check_frame(const stream::FrameHeader& header, std::size_t pixel_bytes,
                      const stream::SeriesStart& start, std::string& detail) {
  const auto& camera = start.camera();
  if (header.rows() != camera.rows() || header.columns() != camera.columns() ||
      header.pixel_type() != camera.pixel_type()) {
    detail = text::concatenate("frame of ", header.rows(), " x ", header.columns(), " ",
                               pixel_type_name(pixel_type(header.pixel_type())), ", series start says ",
                               camera.rows(), " x ", camera.columns(), " ",
                               pixel_type_name(pixel_type(camera.pixel_type())));
    return Rejection::kHeader;
  }
  const std::size_t expected =
      std::size_t{header.rows()} * header.columns() * bytes_per_pixel(pixel_type(header.pixel_type()));
  if (pixel_bytes != expected) {
    detail = text::concatenate("pixel part of ", pixel_bytes, " bytes, header says ", expected);
    return Rejection::kSize;
  }
  return Rejection::kNone;
}

void encode_frame_info(const FrameInfo& info, stream::StreamMessage& message) {
  message.set_schema_version(kSchemaVersion);
  message.set_series_id(info.series_id);
  message.set_sequence(info.sequence);
  message.set_sent_utc_ns(info.sent_utc_ns);
  stream::FrameHeader& frame = *message.mutable_frame();
  frame.Clear();
  frame.set_device_frame_id(info.device_frame_id);
  frame.set_exposure_start_utc_ns(info.exposure_start_utc_ns);
  frame.set_exposure_end_utc_ns(info.exposure_end_utc_ns);
  frame.set_exposure_sigma_ns(info.exposure_sigma_ns);
  frame.set_rows(static_cast<std::uint32_t>(info.rows));
  frame.set_columns(static_cast<std::uint32_t>(info.columns));
  frame.set_pixel_type(pixel_type(info.pixel_type));
  if ((info.flags & kFlagTransferNotOk) != 0) frame.set_transfer_ok(false);
  if (info.scan_row >= 0) frame.set_scan_row(static_cast<std::uint32_t>(info.scan_row));
  if (info.scan_column >= 0) frame.set_scan_column(static_cast<std::uint32_t>(info.scan_column));
}

FrameInfo decode_frame_info(const stream::StreamMessage& message) {
  const stream::FrameHeader& frame = message.frame();
  FrameInfo info;
  info.series_id = message.series_id();
  info.sequence = message.sequence();
  info.sent_utc_ns = message.sent_utc_ns();
  info.device_frame_id = frame.device_frame_id();
  info.exposure_start_utc_ns = frame.exposure_start_utc_ns();
  info.exposure_end_utc_ns = frame.exposure_end_utc_ns();
  info.exposure_sigma_ns = frame.exposure_sigma_ns();
  info.rows = static_cast<std::int32_t>(frame.rows());
  info.columns = static_cast<std::int32_t>(frame.columns());
  info.pixel_type = pixel_type(frame.pixel_type());
  if (frame.has_transfer_ok() && !frame.transfer_ok()) info.flags |= kFlagTransferNotOk;
  if (frame.has_scan_row()) info.scan_row = static_cast<std::int32_t>(frame.scan_row());
  if (frame.has_scan_column()) info.scan_column = static_cast<std::int32_t>(frame.scan_column());
  return info;
}

}  // namespace glasswatch::wire

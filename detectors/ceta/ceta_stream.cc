#include "detectors/ceta/ceta_stream.h"

#include <utility>

#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

class CetaStream : public StreamDecoder {
 public:
  CetaStream(wire::SizeLimits limits, FrameSource frames)
      : StreamDecoder(limits), frames_(std::move(frames)) {}

  std::string_view topic() const override { return wire::kCameraTopic; }

 protected:
  wire::Rejection handle(const stream::StreamMessage& message, MessageParts payload,
                         std::int64_t received_utc_ns, std::vector<StreamItem>& items) override {
    switch (message.body_case()) {
      case stream::StreamMessage::kSeriesStart:
        begin(message, items);
        return wire::Rejection::kNone;
      case stream::StreamMessage::kFrame:
        return frame(message, payload, received_utc_ns, items);
      case stream::StreamMessage::kSeriesEnd:
        if (!active_ || message.series_id() != series_id_) return no_series(message);
        finish_sequence(series_id_, message.series_end().count(), items);
        ++counters_.series_ended;
        end(message.series_end(), items);
        return wire::Rejection::kNone;
      default:
        detail_ = "an environment message on the camera stream";
        return wire::Rejection::kHeader;
    }
  }

  void refused(const stream::StreamMessage& message, std::vector<StreamItem>& items) override {
    if (!message.has_frame() || !active_ || message.series_id() != series_id_) return;
    const std::string why = detail_;
    wire::Rejection ignored = wire::Rejection::kNone;
    bool late = false;
    if (in_sequence(series_id_, message.sequence(), items, late, ignored)) {
      items.emplace_back(Gap{series_id_, message.sequence(), 1, Gap::Cause::kRejected});
    }
    detail_ = why;
  }

 private:
  void begin(const stream::StreamMessage& message, std::vector<StreamItem>& items) {
    if (message.series_id() == series_id_) return;  // repeated for somebody who joined late
    if (active_) {
      ++counters_.series_aborted;
      stream::SeriesEnd aborted;
      aborted.set_reason(stream::SeriesEnd::ABORTED);
      aborted.set_note("a new series started without the end of this one");
      end(aborted, items);
    }
    ++counters_.series_started;
    active_ = true;
    series_id_ = message.series_id();
    start_ = message.series_start();
    tracker_.begin(message.sequence());
    items.emplace_back(SeriesStarted{series_id_, start_});
  }

  void end(const stream::SeriesEnd& end, std::vector<StreamItem>& items) {
    active_ = false;
    items.emplace_back(SeriesEnded{series_id_, start_, end});
  }

  wire::Rejection no_series(const stream::StreamMessage& message) {
    detail_ = text::concatenate("series ", message.series_id(), " was not started or has ended");
    return wire::Rejection::kNoSeries;
  }

  wire::Rejection frame(const stream::StreamMessage& message, MessageParts payload,
                        std::int64_t received_utc_ns, std::vector<StreamItem>& items) {
    if (!active_ || message.series_id() != series_id_) return no_series(message);
    wire::Rejection rejection = wire::Rejection::kNone;
    bool late = false;
    if (!in_sequence(series_id_, message.sequence(), items, late, rejection)) return rejection;
    if (payload.empty()) {
      detail_ = "frame without pixel part";
      rejection = wire::Rejection::kParts;
    } else {
      rejection = wire::check_frame(message.frame(), payload[0].size(), start_, detail_);
    }
    if (rejection != wire::Rejection::kNone) {
      items.emplace_back(Gap{series_id_, message.sequence(), 1, Gap::Cause::kRejected});
      return rejection;
    }
    Frame frame = frames_(payload[0]);
    if (!frame) {
      ++counters_.dropped_by_overflow;
      items.emplace_back(Gap{series_id_, message.sequence(), 1, Gap::Cause::kDroppedByOverflow});
      return wire::Rejection::kNone;
    }
    frame.info = wire::decode_frame_info(message);
    frame.info.received_utc_ns = received_utc_ns;
    if (late) frame.info.flags |= kFlagLate;
    if (start_.timing().times_assumed()) frame.info.flags |= kFlagTimeAssumed;
    ++counters_.accepted;
    items.emplace_back(std::move(frame));
    return wire::Rejection::kNone;
  }

  FrameSource frames_;
  bool active_ = false;
  std::uint64_t series_id_ = 0;
  stream::SeriesStart start_;
};

}  // namespace

std::unique_ptr<StreamDecoder> make_ceta_stream(wire::SizeLimits limits, FrameSource frames) {
  return std::make_unique<CetaStream>(limits, std::move(frames));
}

}  // namespace glasswatch

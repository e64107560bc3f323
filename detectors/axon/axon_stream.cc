#include "detectors/axon/axon_stream.h"

#include "protocol/configuration/text.h"

namespace glasswatch {
namespace {

class AxonStream : public StreamDecoder {
 public:
  using StreamDecoder::StreamDecoder;

  std::string_view topic() const override { return wire::kEnvironmentTopic; }

 protected:
  wire::Rejection handle(const stream::StreamMessage& message, MessageParts payload,
                         std::int64_t received_utc_ns, std::vector<StreamItem>& items) override {
    if (!payload.empty()) {
      detail_ = "environment message with a third part";
      return wire::Rejection::kParts;
    }
    switch (message.body_case()) {
      case stream::StreamMessage::kEnvironmentStart:
        begin(message, items);
        return wire::Rejection::kNone;
      case stream::StreamMessage::kEnvironment:
        return sample(message, received_utc_ns, items);
      case stream::StreamMessage::kSeriesEnd:
        if (!active_ || message.series_id() != series_id_) return no_series(message);
        finish_sequence(series_id_, message.series_end().count(), items);
        ++counters_.series_ended;
        active_ = false;
        items.emplace_back(EnvironmentEnded{series_id_, message.series_end()});
        return wire::Rejection::kNone;
      default:
        detail_ = "a camera message on the environment stream";
        return wire::Rejection::kHeader;
    }
  }

  void refused(const stream::StreamMessage& message, std::vector<StreamItem>& items) override {
    if (!message.has_environment() || !active_ || message.series_id() != series_id_) return;
    wire::Rejection ignored = wire::Rejection::kNone;
    bool late = false;
    in_sequence(series_id_, message.sequence(), items, late, ignored);
  }

 private:
  void begin(const stream::StreamMessage& message, std::vector<StreamItem>& items) {
    if (message.series_id() == series_id_) return;  // repeated for somebody who joined late
    if (active_) ++counters_.series_aborted;
    ++counters_.series_started;
    active_ = true;
    series_id_ = message.series_id();
    tracker_.begin(message.sequence());
    items.emplace_back(EnvironmentStarted{series_id_, message.environment_start()});
  }

  wire::Rejection no_series(const stream::StreamMessage& message) {
    detail_ = text::concatenate("environment series ", message.series_id(), " was not started or has ended");
    return wire::Rejection::kNoSeries;
  }

  wire::Rejection sample(const stream::StreamMessage& message, std::int64_t received_utc_ns,
                         std::vector<StreamItem>& items) {
    if (!active_ || message.series_id() != series_id_) return no_series(message);
    wire::Rejection rejection = wire::Rejection::kNone;
    bool late = false;
    if (!in_sequence(series_id_, message.sequence(), items, late, rejection)) return rejection;
    ++counters_.accepted;
    items.emplace_back(EnvironmentSampled{message.environment(), message.sent_utc_ns(), received_utc_ns});
    return wire::Rejection::kNone;
  }

  bool active_ = false;
  std::uint64_t series_id_ = 0;
};

}  // namespace

// NOLINTNEXTLINE(performance-unnecessary-value-param): the signature of every stream kind
std::unique_ptr<StreamDecoder> make_axon_stream(wire::SizeLimits limits, FrameSource /*frames*/) {
  return std::make_unique<AxonStream>(limits);
}

}  // namespace glasswatch

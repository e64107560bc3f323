// Live streams: bytes of one message in, items out. No socket and no clock here, so that a recorded byte
// string, a fuzzer and the daemon drive the same code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "detectors/sequence_tracker.h"
#include "protocol/schema/streams.pb.h"
#include "protocol/types/frame.h"
#include "protocol/wire/wire.h"

namespace glasswatch {

struct SeriesStarted {
  std::uint64_t series_id = 0;
  stream::SeriesStart start;
};
struct SeriesEnded {
  std::uint64_t series_id = 0;
  stream::SeriesStart start;
  stream::SeriesEnd end;
};
struct EnvironmentStarted {
  std::uint64_t series_id = 0;
  stream::EnvironmentStart start;
};
struct EnvironmentSampled {
  stream::EnvironmentSample sample;
  std::int64_t sent_utc_ns = 0;      // source clock
  std::int64_t received_utc_ns = 0;  // daemon clock
};
struct EnvironmentEnded {
  std::uint64_t series_id = 0;
  stream::SeriesEnd end;
};

/// What a source delivers, in the order of its stream.
using StreamItem = std::variant<SeriesStarted, Frame, Gap, SeriesEnded, EnvironmentStarted,
                                EnvironmentSampled, EnvironmentEnded>;

/// Everything that happened to the messages of one source since it was opened.
struct StreamCounters {
  std::uint64_t received = 0;  // messages
  std::uint64_t accepted = 0;  // frames or samples given out
  std::uint64_t lost = 0;      // missing by sequence number now
  std::uint64_t duplicate = 0;
  std::uint64_t late = 0;
  std::uint64_t dropped_by_overflow = 0;
  std::uint64_t series_started = 0;
  std::uint64_t series_ended = 0;
  std::uint64_t series_aborted = 0;  // replaced by a new start without an end
  std::array<std::uint64_t, wire::kRejections> rejected{};
};

using MessageParts = std::span<const std::span<const std::byte>>;

/// Gives a frame with these pixels, one of the parts under decode(), by copying or by taking over the memory
/// behind them; or none when there are too many frames.
using FrameSource = std::function<Frame(std::span<const std::byte> pixels)>;

/// Decodes one live stream. One thread at a time.
class StreamDecoder {
 public:
  explicit StreamDecoder(wire::SizeLimits limits) : limits_(limits) {}
  virtual ~StreamDecoder() = default;

  /// Decodes one message and appends what it says to `items` (nothing, one item, or a gap and a frame). Never
  /// throws on bad bytes: they are counted, and last_rejection() says what was wrong.
  void decode(MessageParts parts, std::int64_t received_utc_ns, std::vector<StreamItem>& items);

  /// The topic to subscribe to.
  virtual std::string_view topic() const = 0;

  const StreamCounters& counters() const { return counters_; }

  /// The receiver had no room for a frame or sample that decode() gave out.
  void count_overflow() {
    --counters_.accepted;
    ++counters_.dropped_by_overflow;
  }

  const std::string& last_rejection() const { return detail_; }

 protected:
  /// Handles a message whose header is sound. Returns why it is refused, or kNone.
  virtual wire::Rejection handle(const stream::StreamMessage& message, MessageParts payload,
                                 std::int64_t received_utc_ns, std::vector<StreamItem>& items) = 0;

  /// A message whose header was refused. Its sequence number, where it can be trusted, must not count as lost
  /// too.
  virtual void refused(const stream::StreamMessage& message, std::vector<StreamItem>& items) = 0;

  /// Books a sequence number; appends a Gap where some are missing. False: the message must not be used.
  bool in_sequence(std::uint64_t series_id, std::uint64_t sequence, std::vector<StreamItem>& items,
                   bool& late, wire::Rejection& rejection);
  void finish_sequence(std::uint64_t series_id, std::uint64_t count, std::vector<StreamItem>& items);

  wire::SizeLimits limits_;
  StreamCounters counters_;
  SequenceTracker tracker_;
  std::string detail_;

 private:
  stream::StreamMessage message_;  // reused: no allocation per frame
};

/// A kind of live source, as named in the configuration (camera.kind, environment.kind).
struct StreamKind {
  std::string_view name;
  std::string_view description;
  std::unique_ptr<StreamDecoder> (*create)(wire::SizeLimits limits, FrameSource frames);
};

/// All kinds: one line each in stream_registry.cc.
std::span<const StreamKind> stream_kinds();

/// The decoder of a kind, or null for an unknown name.
std::unique_ptr<StreamDecoder> make_stream_decoder(std::string_view kind, wire::SizeLimits limits,
                                                   FrameSource frames);

}  // namespace glasswatch

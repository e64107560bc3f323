// Plays feeds out on their sockets at the chosen pace: the one loop of both programs.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "simulators/fault_injection.h"
#include "simulators/feed.h"
#include "simulators/microscope_control.h"
#include "simulators/playback.h"
#include "simulators/publisher.h"

namespace glasswatch::simulation {

/// One stream: where its messages come from, what is done to them, where they go. Everything outlives the
/// player.
struct Stream {
  Feed* feed = nullptr;  // nullptr: there is no such stream
  Publisher* publisher = nullptr;
  FaultInjector* faults = nullptr;  // may be nullptr
};

struct PlayerSettings {
  double speed = 1;  // stream seconds per second; infinity = as fast as subscribers take it
  bool live_clock =
      false;  // sent_utc_ns is the wall clock at the very moment; otherwise the stream's own present
  bool environment_ends_with_camera = false;
};

/// What a player has handed to the transport.
struct Progress {
  std::uint64_t frames_sent = 0;
  std::uint64_t samples_sent = 0;
  std::optional<stream::StreamMessage> frame;  // header of the latest
};

/// Somebody who watches a player, and steers it by its Playback.
class Attendant {
 public:
  virtual ~Attendant() = default;

  /// Called in every turn of the loop: at least every 0.2 s, and at once when one of the items is readable.
  /// Must not block.
  virtual void attend(const Progress& progress) = 0;
  virtual void add_items(std::vector<zmq::pollitem_t>& items) = 0;
};

/// A single-threaded loop over both streams and the control socket. It never blocks in a send: when a
/// subscriber does not keep up the loop waits for it, still answering commands, subscriptions and signals.
/// Faults that hold messages back or disconnect a stream act on stream time, the same at every speed. A
/// disconnection lasts at least 50 ms of real time; without pacing the loop then waits up to two seconds for
/// the subscribers to come back, as otherwise the rest of the run would be over before. What it lost is told
/// on stderr.
class Player {
 public:
  using Execute =
      std::function<control::MicroscopeReply(const control::MicroscopeCommand&, std::int64_t now_utc_ns)>;

  Player(Stream camera, Stream environment, const PlayerSettings& settings);
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  /// Commands arriving at `control` are carried out by `execute` at the present of the streams.
  void obey(MicroscopeControl& control, Execute execute);

  /// From now on `playback` sets the pace, instead of the speed of the settings, and `attendant` may change
  /// it. Both outlive the player.
  void follow(Playback& playback, Attendant& attendant);

  /// Other feeds for the next run(), on the same sockets. `environment` may be null.
  void change_feeds(Feed& camera, Feed* environment);

  /// Keeps the streams alive for so long, between two runs.
  void rest(std::chrono::milliseconds time);

  /// Until both feeds are exhausted, or interrupted(), or the playback is quitting — then the feeds finish as
  /// STOPPED_BY_OPERATOR. Everything is handed to the transport, unless a subscriber stays stuck for two
  /// seconds after an interrupt. May be called again with other feeds.
  void run();

  const Progress& progress() const { return progress_; }
  std::uint64_t frames_sent() const { return progress_.frames_sent; }
  std::uint64_t samples_sent() const { return progress_.samples_sent; }

 private:
  using Clock = Publisher::Clock;
  struct Pending {
    Stream* stream;
    Message message;
  };

  struct Event {
    enum class Kind { kTake, kRelease, kReopen };
    Kind kind;
    Stream* stream;
    std::int64_t utc_ns;
  };

  bool step();
  void service();
  std::optional<Event> next_event();
  std::optional<Event> next_take();
  std::optional<Event> next_release();
  std::optional<Event> next_reopening();
  void perform(const Event& event);
  void take(Stream& stream, std::int64_t due_utc_ns);
  void release(Stream& stream);
  void reopen(Stream& stream);
  void await_subscribers(Publisher& publisher);
  void send_later(Stream& stream, Message message);
  bool send_pending();
  void note_sent(const stream::StreamMessage& header);
  void heed_interrupt();
  void answer_commands();
  void send_heartbeats();
  std::int64_t stamp_utc_ns(const Stream& stream) const;
  Clock::time_point deadline(const Event& event) const;
  void wait_until(Clock::time_point deadline);

  Stream camera_;
  Stream environment_;
  PlayerSettings settings_;
  MicroscopeControl* control_ = nullptr;
  Execute execute_;
  std::deque<Pending> pending_;
  Playback own_playback_;
  Playback* playback_ = &own_playback_;
  Attendant* attendant_ = nullptr;
  std::int64_t present_utc_ns_ = 0;              // latest event
  std::int64_t environment_reached_utc_ns_ = 0;  // when the latest sample taken was due
  std::optional<Clock::time_point> interrupted_at_;
  std::optional<Clock::time_point> stuck_since_;
  Progress progress_;
};

}  // namespace glasswatch::simulation

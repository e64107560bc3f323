#include "simulators/playback_control.h"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "protocol/configuration/configuration.h"
#include "protocol/configuration/text.h"

namespace glasswatch::simulation {
namespace {

constexpr std::chrono::milliseconds kShowPeriod{100};
constexpr std::size_t kSecondsLength = sizeof("2023-05-12T09:00:00") - 1;

const char* state_name(const Playback& playback) {
  if (playback.quitting()) return "ending";
  if (playback.paused()) return "paused";
  return playback.stepping() ? "stepping" : "playing";
}

}  // namespace

PlaybackControl::PlaybackControl(zmq::context_t& context, Playback& playback, const TemperatureCurve& log,
                                 const Settings& settings)
    : playback_(playback), log_(log), shows_progress_(settings.progress) {
  if (settings.endpoint.empty()) return;
  socket_ = zmq::socket_t(context, zmq::socket_type::rep);
  socket_.set(zmq::sockopt::linger, 0);
  bind_or_throw(socket_, settings.endpoint, "--control-endpoint");
  endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
}

void PlaybackControl::end_progress(const Progress& progress) {
  if (!shows_progress_) return;
  next_show_ = {};
  show(progress);
  if (!shown_.empty()) std::cerr << std::endl;
}

void PlaybackControl::add_items(std::vector<zmq::pollitem_t>& items) {
  if (input_.listening()) items.push_back({nullptr, STDIN_FILENO, ZMQ_POLLIN, 0});
  if (!endpoint_.empty()) items.push_back({socket_.handle(), 0, ZMQ_POLLIN, 0});
}

void PlaybackControl::attend(const Progress& progress) {
  input_.read([&](std::string_view line) { obey_line(line, progress); });
  if (!endpoint_.empty()) answer_requests(progress);
  if (shows_progress_) show(progress);
}

void PlaybackControl::obey_line(std::string_view line, const Progress& progress) {
  if (line.find_first_not_of(" \t\r") == std::string_view::npos) return;
  try {
    obey_command(line, playback_, Clock::now());
    if (line.find("status") != std::string_view::npos) std::cerr << state(progress, "") << std::endl;
  } catch (const UserError& error) {
    std::cerr << "standard input: " << error.what() << std::endl;
  }
}

void PlaybackControl::answer_requests(const Progress& progress) {
  zmq::message_t request;
  while (socket_.recv(request, zmq::recv_flags::dontwait)) {
    // Of a request of several parts the first one counts.
    zmq::message_t rest;
    for (bool more = request.more(); more && socket_.recv(rest, zmq::recv_flags::dontwait);)
      more = rest.more();
    socket_.send(zmq::buffer(answer(request.to_string_view(), progress)), zmq::send_flags::dontwait);
  }
}

std::string PlaybackControl::answer(std::string_view command, const Progress& progress) {
  try {
    obey_command(command, playback_, Clock::now());
    return state(progress, "");
  } catch (const UserError& error) {
    return state(progress, error.what());
  }
}

std::optional<double> PlaybackControl::temperature_c(const stream::FrameHeader& frame) const {
  const std::int64_t exposure_ns = frame.exposure_end_utc_ns() - frame.exposure_start_utc_ns();
  return log_.at(frame.exposure_start_utc_ns() + exposure_ns / 2);
}

std::string PlaybackControl::state(const Progress& progress, const std::string& error) const {
  nlohmann::json state = {{"ok", error.empty()},
                          {"state", state_name(playback_)},
                          {"frames_sent", progress.frames_sent},
                          {"samples_sent", progress.samples_sent}};
  if (!error.empty()) state["error"] = error;
  if (std::isinf(playback_.speed())) {
    state["speed"] = "max";
  } else {
    state["speed"] = playback_.speed();
  }
  if (const auto& header = progress.frame) {
    const auto c = temperature_c(header->frame());
    state["series_id"] = std::to_string(header->series_id());
    state["sequence"] = header->sequence();
    state["time_utc_ns"] = header->frame().exposure_start_utc_ns();
    state["time_utc"] = format_utc(header->frame().exposure_start_utc_ns());
    state["temperature_c"] = c ? nlohmann::json(*c) : nlohmann::json();
  }
  // What somebody sent may be no text at all.
  return state.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void PlaybackControl::show(const Progress& progress) {
  const auto now = Clock::now();
  if (now < next_show_ || !progress.frame) return;
  next_show_ = now + kShowPeriod;
  const stream::FrameHeader& frame = progress.frame->frame();
  std::ostringstream line;
  line << "frame " << progress.frame->sequence() << "  "
       << format_utc(frame.exposure_start_utc_ns()).substr(0, kSecondsLength) << "Z  ";
  if (const auto c = temperature_c(frame)) line << std::fixed << std::setprecision(1) << *c << " C  ";
  line << "speed " << (std::isinf(playback_.speed()) ? "max" : text::shortest(playback_.speed()));
  if (playback_.paused()) line << "  paused";
  if (line.str() == shown_) return;
  shown_ = line.str();
  std::cerr << '\r' << shown_ << "\033[K" << std::flush;  // and what is left of a longer line goes
}

}  // namespace glasswatch::simulation

#include "daemon/programs/print_results.h"

#include <cmath>
#include <cstdio>
#include <string>

#include "protocol/configuration/configuration.h"
#include "protocol/types/frame.h"

namespace glasswatch {
namespace {

std::string clock_time(std::int64_t time_utc_ns) {
  return format_utc(time_utc_ns).substr(11, 12);
}

// "412.31 ± 0.07 °C", or the reason why there is none.
std::string temperature_text(const result::Temperature& temperature) {
  if (temperature.validity() != result::VALID) return "T: " + result::Validity_Name(temperature.validity());
  char text[64];
  std::snprintf(text, sizeof(text), "%8.2f ± %.2f °C", temperature.value_c(), temperature.sigma_c());
  return text;
}

void print_calibration(const result::Calibration& calibration) {
  const char* origin = "given";
  if (calibration.origin() == result::Calibration::PENDING) origin = "waiting for patterns";
  if (calibration.origin() == result::Calibration::FAILED) origin = "failed";
  if (calibration.origin() == result::Calibration::ESTIMATED) origin = "estimated";
  std::printf("calibration: %s%s%s", origin, calibration.reason().empty() ? "" : ": ",
              calibration.reason().c_str());
  if (calibration.origin() == result::Calibration::ESTIMATED) {
    std::printf(" from %u patterns, residual %.1f %%, masked %u and dead %u pixels", calibration.frames(),
                calibration.residual() * 100, calibration.masked_pixels(), calibration.dead_pixels());
  }
  if (calibration.origin() != result::Calibration::PENDING) {
    std::printf("; centre row %.2f, column %.2f", calibration.center_row_px(), calibration.center_col_px());
    if (std::isfinite(calibration.center_sigma_px()))
      std::printf(" ± %.2f px", calibration.center_sigma_px());
    std::printf(", ellipse %.4f at %.1f°", calibration.ellipse_ratio(), calibration.ellipse_angle_deg());
  }
  std::printf("\n");
}

void print_setup(const result::Setup& setup) {
  if (setup.has_calibration()) print_calibration(setup.calibration());
  std::printf("   frame         time    temperature            ring power by order");
  for (const auto order : setup.orders()) std::printf("%s%u", order == setup.orders(0) ? " " : ", ", order);
  std::printf("    g2(first lag)\n");
}

void print_frame(const result::FrameResult& frame) {
  std::printf("%8llu %s  %-22s", static_cast<unsigned long long>(frame.sequence()),
              clock_time(frame.time_utc_ns()).c_str(), temperature_text(frame.temperature()).c_str());
  for (const double power : frame.symmetry().ring_power()) std::printf(" %8.1e", power);
  if (frame.has_symmetry() && frame.symmetry().validity() != result::VALID) {
    std::printf(" (%s)", frame.symmetry().reason().c_str());
  }
  if (frame.ecm().g2_size() > 0) std::printf("  %8.5f", frame.ecm().g2(0));
  std::printf("%s\n", (frame.flags() & kFlagGapBefore) != 0 ? "  [gap before]" : "");
}

void print_map(const result::MapUpdate& map) {
  const bool tiles = map.kind() == result::MapUpdate::TILES;
  std::printf("MAP %s %u x %u: %llu of %llu positions, frame %llu%s\n", tiles ? "tiles" : "scan", map.rows(),
              map.columns(), static_cast<unsigned long long>(map.filled()),
              static_cast<unsigned long long>(map.rows()) * map.columns(),
              static_cast<unsigned long long>(map.sequence()), map.complete() ? ", complete" : "");
}

void print_trigger(const result::TriggerEvent& event) {
  std::printf("TRIGGER %s: frame %llu, %s, value %.4g > %.4g, confirmed since frame %llu: %s %s\n",
              event.rule().c_str(), static_cast<unsigned long long>(event.sequence()),
              temperature_text(event.temperature()).c_str(), event.value(), event.threshold(),
              static_cast<unsigned long long>(event.first_sequence()),
              result::TriggerEvent::Outcome_Name(event.outcome()).c_str(), event.detail().c_str());
  std::printf("        latency: result %.1f ms after receipt, command %.1f ms later, answer %.1f ms later\n",
              event.receive_to_result_s() * 1e3, event.result_to_send_s() * 1e3,
              event.send_to_reply_s() * 1e3);
}

}  // namespace

void print_result(const result::ResultMessage& message) {
  if (message.has_setup()) print_setup(message.setup());
  if (message.has_frame()) print_frame(message.frame());
  if (message.has_trigger()) print_trigger(message.trigger());
  if (message.has_map()) print_map(message.map());
}

void print_status(const result::Status& status) {
  std::printf("state        %s%s%s%s\n", result::DaemonState_Name(status.state()).c_str(),
              status.error().empty() ? "" : ": ", status.error().c_str(),
              status.armed() ? ", armed" : ", disarmed");
  std::printf("series       %s\n", status.series_id() == 0 ? "none" : status.series_name().c_str());
  for (const auto& source : status.sources()) {
    std::printf(
        "%-12s %s, received %llu, accepted %llu, lost %llu, duplicate %llu, late %llu, dropped %llu",
        source.name().c_str(), source.connected() ? "connected" : "not connected",
        static_cast<unsigned long long>(source.received()),
        static_cast<unsigned long long>(source.accepted()), static_cast<unsigned long long>(source.lost()),
        static_cast<unsigned long long>(source.duplicate()), static_cast<unsigned long long>(source.late()),
        static_cast<unsigned long long>(source.dropped_by_overflow()));
    for (const auto& [reason, count] : source.rejected()) {
      std::printf(", rejected (%s) %llu", reason.c_str(), static_cast<unsigned long long>(count));
    }
    if (std::isfinite(source.clock_offset_s())) {
      std::printf(", clock %+.3f ± %.3f s", source.clock_offset_s(), source.clock_sigma_s());
    }
    std::printf("\n");
  }
  std::printf("frames       processed %llu, without temperature %llu, skipped %llu\n",
              static_cast<unsigned long long>(status.processed()),
              static_cast<unsigned long long>(status.temperature_invalid()),
              static_cast<unsigned long long>(status.frames_skipped()));
  std::printf("results      published %llu, dropped %llu, live images replaced %llu\n",
              static_cast<unsigned long long>(status.published()),
              static_cast<unsigned long long>(status.publish_dropped()),
              static_cast<unsigned long long>(status.display_dropped()));
  std::printf("trigger      events %llu, failed commands %llu\n",
              static_cast<unsigned long long>(status.trigger_events()),
              static_cast<unsigned long long>(status.commands_failed()));
  std::printf("daemon       version %s, up %.0f s\n", status.program_version().c_str(), status.uptime_s());
}

}  // namespace glasswatch

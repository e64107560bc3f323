#include "daemon/programs/print_results.h"

#include <algorithm>
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

// "739 ± 12": the deviation with two digits, the value with as many decimals; "739 ± ?" where it is unknown.
std::string measured(double value, double sigma) {
  char text[64];
  if (!std::isfinite(value)) return "unknown";
  if (!(sigma > 0) || !std::isfinite(sigma)) {
    std::snprintf(text, sizeof(text), "%.3g ± ?", value);
    return text;
  }
  const int decimals = std::clamp(1 - static_cast<int>(std::floor(std::log10(sigma))), 0, 9);
  std::snprintf(text, sizeof(text), "%.*f ± %.*f", decimals, value, decimals, sigma);
  return text;
}

// "p = 0.0004"; below what a tail is known to, only that.
std::string p_text(double p) {
  char text[32];
  if (p < 1e-4) return "p < 0.0001";
  std::snprintf(text, sizeof(text), "p = %.1g", p);
  return text;
}

void print_curve(const result::KwwCurve& curve) {
  if (curve.status() != result::FIT_CONVERGED) {
    std::printf("no tau (%s)", result::FitStatus_Name(curve.status()).c_str());
    return;
  }
  std::printf("tau %s s, beta %s, A %s", measured(curve.tau_s(), curve.tau_sigma_s()).c_str(),
              measured(curve.beta(), curve.beta_sigma()).c_str(),
              measured(curve.contrast(), curve.contrast_sigma()).c_str());
}

void print_heterogeneity(const result::Heterogeneity& found) {
  if (!std::isfinite(found.p_value())) {
    std::printf("; uniform? %s", found.reason().empty() ? "unknown" : found.reason().c_str());
    return;
  }
  std::printf("; uniform? %s", p_text(found.p_value()).c_str());
  if (std::isfinite(found.p_value_neighbours())) {
    std::printf(", of neighbours %s", p_text(found.p_value_neighbours()).c_str());
  }
  // d spread = d variance / (2 spread); no spread, no such error.
  const double spread = found.spread_ln_tau();
  if (spread > 0)
    std::printf(" (spread %s)", measured(spread, found.spread_variance_sigma() / (2 * spread)).c_str());
}

void print_histograms(const result::Dynamics& dynamics) {
  if (!dynamics.has_histogram()) return;
  std::printf("; pixels above tau: %.0f %%", dynamics.histogram().fraction_above() * 100);
  if (dynamics.has_null_histogram()) {
    std::printf(" (uniform sample %.0f %%)", dynamics.null_histogram().fraction_above() * 100);
  } else {
    std::printf(" (no null yet)");
  }
}

void print_halves(const result::Halves& halves) {
  if (halves.status() != result::FIT_CONVERGED || !std::isfinite(halves.resolvable_difference())) return;
  const double difference = halves.relative_difference() * 100;
  const double resolvable = halves.resolvable_difference() * 100;
  if (std::abs(difference) > resolvable) {
    std::printf("; halves differ by %+.0f %% (%.0f %% would show)", difference, resolvable);
  } else {
    std::printf("; halves agree within %.0f %%", resolvable);
  }
}

void print_dynamics(const result::Dynamics& dynamics) {
  std::printf("DYNAMICS frame %llu", static_cast<unsigned long long>(dynamics.sequence()));
  if (dynamics.validity() != result::VALID) {
    std::printf(": %s\n", dynamics.reason().c_str());
    return;
  }
  std::printf(", T/tau %.1f: ", dynamics.field().span_over_tau());
  print_curve(dynamics.field());
  if (dynamics.has_heterogeneity()) print_heterogeneity(dynamics.heterogeneity());
  print_histograms(dynamics);
  if (dynamics.has_halves()) print_halves(dynamics.halves());
  std::printf("%s\n", dynamics.final() ? "; final" : "");
  if (!dynamics.warning().empty()) std::printf("         %s\n", dynamics.warning().c_str());
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
  if (message.has_dynamics()) print_dynamics(message.dynamics());
}

namespace {

void print_recording(const result::Recording& recording) {
  std::printf("recording    %s", result::Recording::State_Name(recording.state()).c_str());
  if (!recording.error().empty()) std::printf(": %s", recording.error().c_str());
  if (!recording.file().empty()) {
    std::printf(", %llu frames (%llu not recorded, %llu waiting), %.0f MiB, compressed %.2f x, in %s",
                static_cast<unsigned long long>(recording.frames()),
                static_cast<unsigned long long>(recording.not_recorded()),
                static_cast<unsigned long long>(recording.queued()),
                static_cast<double>(recording.bytes()) / (1024.0 * 1024.0), recording.compression_ratio(),
                recording.file().c_str());
  }
  if (recording.state() == result::Recording::RING) {
    std::printf(", the last %.1f s in memory (%llu frames, %.0f MiB)", recording.ring_s(),
                static_cast<unsigned long long>(recording.ring_frames()), recording.ring_mib());
  }
  std::printf("\ndisk         %.0f MiB free", recording.disk_free_mib());
  if (std::isfinite(recording.disk_lasts_s()))
    std::printf(", lasts %.0f s at this rate", recording.disk_lasts_s());
  std::printf("\n");
}

}  // namespace

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
  if (status.has_recording()) print_recording(status.recording());
  std::printf("daemon       version %s, up %.0f s\n", status.program_version().c_str(), status.uptime_s());
}

}  // namespace glasswatch

// One column of a Velox metadata array: the JSON text of one frame.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "protocol/schema/streams.pb.h"

namespace glasswatch::velox {

/// What a column says about its own frame.
struct FrameFacts {
  std::optional<std::int64_t> stamp_utc_ns;
  std::optional<double> exposure_s;
  std::optional<bool> transfer_ok;
  std::int64_t frame_id = -1;
};

class Metadata {
 public:
  /// Parses UTF-8 JSON up to the first NUL; nothing when it is no JSON object.
  static std::optional<Metadata> parse(std::span<const std::byte> column);

  /// Name of the detector that made the image ("BM-Ceta"), empty when the file does not say.
  const std::string& detector() const { return detector_; }
  /// True when the detector is declared a camera, not a scanning or spectral one.
  bool is_camera() const;
  FrameFacts frame_facts() const;
  /// Acquisition.AcquisitionStartDatetime, whole seconds.
  std::optional<std::int64_t> start_utc_ns() const;
  /// Fills camera, optics, stage and identity with what is known; unknown stays absent.
  void describe(stream::SeriesStart& start) const;

 private:
  explicit Metadata(nlohmann::json root);
  const nlohmann::json* custom(const char* property) const;
  void describe_camera(stream::SeriesStart& start) const;
  void describe_optics(stream::Optics& optics) const;

  nlohmann::json root_;
  nlohmann::json detector_entry_;  // Detectors.Detector-<i>
  std::string detector_;
};

}  // namespace glasswatch::velox

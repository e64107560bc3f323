#include "simulators/camera/renderer.h"

#include <cstring>
#include <utility>

#include "simulators/imaging/dark_field.h"
#include "simulators/imaging/haadf.h"
#include "simulators/imaging/hrtem.h"
#include "simulators/imaging/nanobeam.h"
#include "simulators/imaging/ring_pattern.h"
#include "simulators/imaging/selected_area.h"

namespace glasswatch::simulation {

Renderer::Renderer(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen, int threads)
    : scenario_(scenario),
      pixels_(std::size_t{scenario.frames().rows()} * scenario.frames().columns()),
      detector_(scenario, threads),
      electrons_(pixels_),
      counts_(pixels_) {
  if (scenario.has_pattern()) {
    modes_[scenario::PATTERN] = std::make_unique<RingPattern>(scenario.pattern(), scenario.frames());
  }
  const auto offer = [&]<typename Mode>(scenario::Mode mode, bool wanted, std::in_place_type_t<Mode>) {
    if (wanted) modes_[mode] = std::make_unique<Mode>(scenario, specimen, threads);
  };
  offer(scenario::HRTEM, scenario.has_hrtem(), std::in_place_type<HrtemMode>);
  offer(scenario::DARK_FIELD, scenario.has_dark_field(), std::in_place_type<DarkFieldMode>);
  offer(scenario::NANOBEAM, scenario.has_nanobeam(), std::in_place_type<NanobeamMode>);
  offer(scenario::SELECTED_AREA, scenario.has_selected_area(), std::in_place_type<SelectedAreaMode>);
  offer(scenario::HAADF, scenario.has_haadf(), std::in_place_type<HaadfMode>);

  for (std::uint32_t i = 0; i < scenario.frames().prepared_loop(); ++i) {
    Exposure exposure{.index = i,
                      .start_s = i * scenario.frames().frame_period_s(),
                      .temperature_c = scenario.ramp().start_c()};
    exposure.end_s = exposure.start_s + scenario.frames().exposure_s();
    modes_.at(scenario.mode())->expected_electrons(exposure, loop_.emplace_back(pixels_));
  }
}

Renderer::~Renderer() {
  if (frame_.valid()) frame_.wait();
}

void Renderer::describe(scenario::Mode mode, stream::SeriesStart& start) const {
  auto& camera = *start.mutable_camera();
  camera.set_rows(scenario_.frames().rows());
  camera.set_columns(scenario_.frames().columns());
  detector_.describe(camera);
  modes_.at(mode)->describe(start);
}

std::vector<scenario::Mode> Renderer::modes() const {
  std::vector<scenario::Mode> modes;
  for (const auto& [mode, imaging] : modes_) modes.push_back(mode);
  return modes;
}

void Renderer::begin(scenario::Mode mode, const Exposure& exposure) {
  frame_ = std::async(std::launch::async, [this, mode, exposure] { return make(mode, exposure); });
}

std::vector<std::byte> Renderer::finish() {
  return frame_.get();
}

std::vector<std::byte> Renderer::make(scenario::Mode mode, const Exposure& exposure) {
  std::span<const float> expected = electrons_;
  if (repeats(mode)) {
    expected = prepared(exposure);
  } else {
    modes_.at(mode)->expected_electrons(exposure, electrons_);
  }
  detector_.read_out(expected, exposure.index, counts_);
  std::vector<std::byte> pixels(counts_.size() * sizeof(std::int16_t));
  std::memcpy(pixels.data(), counts_.data(), pixels.size());
  return pixels;
}

std::span<const float> Renderer::prepared(const Exposure& exposure) {
  const std::vector<float>& image = loop_[exposure.index % loop_.size()];
  if (exposure.dose_scale == 1) return image;
  for (std::size_t i = 0; i < image.size(); ++i) {
    electrons_[i] = static_cast<float>(exposure.dose_scale) * image[i];
  }
  return electrons_;
}

}  // namespace glasswatch::simulation

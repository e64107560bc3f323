#include "simulators/imaging/dark_field.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>
#include <numeric>
#include <utility>

#include "simulators/activation.h"
#include "simulators/camera/detector.h"
#include "simulators/parallel.h"
#include "simulators/random.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kLifetimeStream = 0x1401;    // addressed by column
constexpr std::uint64_t kBrightnessStream = 0x1402;  // addressed by column
constexpr std::uint64_t kNucleusStream = 0x1403;     // addressed by nucleus, in order of birth

constexpr double kHighTensionKv = 300;

// The deviation of ln tau is cut at 3 standard deviations and quantised to 121 values; with two regions at
// most 242 classes, fewer than a label of 8 bits can tell apart.
constexpr double kLargestDeviation = 3;
constexpr double kDeviationSteps = 20;  // per standard deviation

constexpr double kLeastBrightness = 0.05;  // of a column, over the mean of columns
constexpr double kShareOfNucleiSeen = 0.1;
constexpr double kBrightnessOfNuclei = 4;

double deviation(std::uint64_t seed, std::uint64_t stream, int column) {
  return Random(seed, stream, static_cast<std::uint64_t>(column)).gaussian();
}

// Variance along one axis that the camera's blur leaves of speckle of unit variance: sum over distances of
// the kernel's autocorrelation times the speckle's, both of the taps in force.
double variance_left(std::span<const float> kernel, double sigma_px, std::size_t size) {
  std::vector<double> blurred(size);
  const auto reach = static_cast<std::ptrdiff_t>(kernel.size()) - 1;
  for (const Tap& tap : gaussian_taps(sigma_px, 0, size)) {
    for (std::ptrdiff_t k = -reach; k <= reach; ++k) {
      const auto at = (static_cast<std::ptrdiff_t>(tap.offset) + k + static_cast<std::ptrdiff_t>(size)) %
                      static_cast<std::ptrdiff_t>(size);
      blurred[static_cast<std::size_t>(at)] +=
          double{tap.weight} * kernel[static_cast<std::size_t>(std::abs(k))];
    }
  }
  return std::inner_product(blurred.begin(), blurred.end(), blurred.begin(), 0.0);
}

// max(0, 1 + s z) of a standard normal z: its mean, and its covariance with z, which is the first coefficient
// of its expansion in Hermite polynomials. To the correlation of two values the others add less than 1e-4 of
// A.
struct CutGaussian {
  explicit CutGaussian(double s)
      : mean(normal_share(1 / s) + s * std::exp(-1 / (2 * s * s)) / std::sqrt(2 * std::numbers::pi)),
        covariance(s * normal_share(1 / s)) {}

  static double normal_share(double x) { return std::erfc(-x / std::numbers::sqrt2) / 2; }

  double mean;
  double covariance;
};

// s for which the covariance over the mean, squared, is `contrast` > 0: bisection, as both grow with s.
double amplitude_of(double contrast) {
  double low = 0;
  double high = 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    const CutGaussian cut(middle);
    const double ratio = cut.covariance / cut.mean;
    (ratio * ratio < contrast ? low : high) = middle;
  }
  return high;
}

// What one column adds to the law of the film.
struct ColumnTraits {
  int lifetime_step;  // of ln tau, ln_tau_spread / kDeviationSteps each
  double brightness;
};

std::vector<ColumnTraits> column_traits(const scenario::Scenario& scenario, int columns) {
  const auto& settings = scenario.dark_field();
  std::vector<ColumnTraits> traits;
  for (int column = 0; column < columns; ++column) {
    const double lifetime =
        settings.relaxation().ln_tau_spread() > 0 ? deviation(scenario.seed(), kLifetimeStream, column) : 0;
    const double brightness = deviation(scenario.seed(), kBrightnessStream, column);
    traits.push_back(
        {.lifetime_step = static_cast<int>(
             std::lround(std::clamp(lifetime, -kLargestDeviation, kLargestDeviation) * kDeviationSteps)),
         .brightness = std::max(kLeastBrightness, 1 + settings.brightness_spread() * brightness)});
  }
  return traits;
}

// Pixels are covered by their share in the disc; its rim is one pixel wide.
void draw_disc(double middle_row, double middle_column, double radius_px, double electrons_in_disc,
               std::size_t columns, std::span<float> electrons) {
  const double reach_px = radius_px + 1;
  const auto within = [reach_px](double middle, std::size_t size) {
    return std::pair(
        static_cast<std::int64_t>(std::max(0.0, std::ceil(middle - reach_px))),
        std::min(static_cast<std::int64_t>(size) - 1, static_cast<std::int64_t>(middle + reach_px)));
  };
  const auto [first_row, last_row] = within(middle_row, electrons.size() / columns);
  const auto [first_column, last_column] = within(middle_column, columns);
  for (std::int64_t row = first_row; row <= last_row; ++row) {
    for (std::int64_t column = first_column; column <= last_column; ++column) {
      const double distance_px =
          std::hypot(static_cast<double>(row) - middle_row, static_cast<double>(column) - middle_column);
      const double share = std::clamp(radius_px - distance_px + 0.5, 0.0, 1.0);
      float& pixel = electrons[static_cast<std::size_t>(row) * columns + static_cast<std::size_t>(column)];
      pixel = static_cast<float>((1 - share) * pixel + share * electrons_in_disc);
    }
  }
}

template <typename Value>
TruthMap truth_map(std::string name, std::string units, std::string long_name, std::size_t rows,
                   std::size_t columns, Value value) {
  TruthMap map{std::move(name), std::move(units), std::move(long_name), rows, columns, {}};
  map.values.resize(rows * columns);
  for (std::size_t i = 0; i < map.values.size(); ++i) map.values[i] = static_cast<float>(value(i));
  return map;
}

}  // namespace

DarkFieldMode::DarkFieldMode(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen,
                             int threads)
    : settings_(scenario.dark_field()),
      rows_(scenario.frames().rows()),
      columns_(scenario.frames().columns()),
      dose_(scenario.frames().dose_e_per_px()),
      seed_(scenario.seed()),
      threads_(threads),
      specimen_(std::move(specimen)),
      layout_(lay_out(scenario, specimen_->film())),
      speckle_(speckle_field(scenario, layout_, threads)),
      filter_(rows_, columns_, threads),
      shifted_brightness_(rows_ * columns_) {
  if (settings_.contrast() > 0) {
    const auto kernel = camera_kernel(scenario);
    amplitude_ = amplitude_of(settings_.contrast() / (variance_left(kernel, speckle_.sigma_px(), rows_) *
                                                      variance_left(kernel, speckle_.sigma_px(), columns_)));
    cut_mean_ = CutGaussian(amplitude_).mean;
  }
  smooth_brightness();
}

DarkFieldMode::Layout DarkFieldMode::lay_out(const scenario::Scenario& scenario, const Film& film) {
  const auto& settings = scenario.dark_field();
  const auto& relaxation = settings.relaxation();
  const auto traits = column_traits(scenario, film.column_count());
  std::map<std::pair<Region, int>, std::uint8_t> label_of;
  Layout layout;
  for (std::uint32_t row = 0; row < scenario.frames().rows(); ++row) {
    for (std::uint32_t column = 0; column < scenario.frames().columns(); ++column) {
      const auto place = film.at((column + 0.5) * settings.pixel_nm(), (row + 0.5) * settings.pixel_nm());
      const auto& trait = traits[static_cast<std::size_t>(place.column)];
      const bool in_channel = place.region == Region::kChannel;
      const auto [known, is_new] = label_of.try_emplace({place.region, trait.lifetime_step},
                                                        static_cast<std::uint8_t>(layout.classes.size()));
      if (is_new) {
        const double deviation = relaxation.ln_tau_spread() * trait.lifetime_step / kDeviationSteps;
        layout.classes.push_back({.region = place.region,
                                  .tau_s = relaxation.tau_s() * std::exp(deviation) *
                                           (in_channel ? relaxation.channel_tau_factor() : 1),
                                  .beta = in_channel && relaxation.has_channel_beta()
                                              ? relaxation.channel_beta()
                                              : relaxation.beta()});
      }
      layout.labels.push_back(known->second);
      layout.brightness.push_back(
          static_cast<float>(trait.brightness * (in_channel ? settings.channel_brightness() : 1)));
    }
  }
  return layout;
}

SpeckleField DarkFieldMode::speckle_field(const scenario::Scenario& scenario, const Layout& layout,
                                          int threads) {
  std::vector<double> beta;
  for (const auto& speckle_class : layout.classes) beta.push_back(speckle_class.beta);
  return {scenario.frames().rows(),
          scenario.frames().columns(),
          layout.labels,
          beta,
          scenario.dark_field().speckle_px(),
          scenario.seed(),
          threads};
}

void DarkFieldMode::smooth_brightness() {
  const auto binomial = [](std::size_t size) {
    return std::array<Tap, 3>{{{size - 1, 0.25f}, {0, 0.5f}, {1, 0.25f}}};
  };
  auto& brightness = layout_.brightness;
  filter_.apply(binomial(rows_), binomial(columns_), brightness, brightness);
  const double mean =
      std::accumulate(brightness.begin(), brightness.end(), 0.0) / static_cast<double>(brightness.size());
  for (auto& value : brightness) value = static_cast<float>(value / mean);
}

void DarkFieldMode::describe(stream::SeriesStart& start) const {
  auto& optics = *start.mutable_optics();
  optics.set_mode(stream::IMAGE);
  optics.set_high_tension_kv(kHighTensionKv);
  optics.set_pixel_size(settings_.pixel_nm());
  optics.set_pixel_unit("nm");
}

double DarkFieldMode::rate_factor(double temperature_c) const {
  const auto& relaxation = settings_.relaxation();
  return activated_rate(relaxation.activation_ev(), temperature_c, relaxation.reference_c());
}

// The mean rate by Simpson's rule: within 0.3 % where it grows sevenfold over the interval (40 K at 1.5 eV
// and 330 deg C).
void DarkFieldMode::advance(const Moment& now) {
  if (last_) {
    const double elapsed_s = std::max(0.0, now.time_s - last_->time_s);
    const double middle_c = (last_->temperature_c + now.temperature_c) / 2;
    const double mean_factor =
        (rate_factor(last_->temperature_c) + 4 * rate_factor(middle_c) + rate_factor(now.temperature_c)) / 6;
    std::vector<double> elapsed_lifetimes;
    for (const auto& speckle_class : layout_.classes) {
      elapsed_lifetimes.push_back(elapsed_s * mean_factor / speckle_class.tau_s);
    }
    speckle_.advance(elapsed_lifetimes);
  }
  last_ = now;
}

std::span<const float> DarkFieldMode::brightness_at(double shift_row_px, double shift_column_px) {
  if (shift_row_px == 0 && shift_column_px == 0) return layout_.brightness;
  filter_.apply(linear_taps(shift_row_px, rows_), linear_taps(shift_column_px, columns_), layout_.brightness,
                shifted_brightness_);
  return shifted_brightness_;
}

void DarkFieldMode::expected_electrons(const Exposure& exposure, std::span<float> electrons) {
  advance({exposure.middle_s(), exposure.temperature_c});
  const double shift_row_px = exposure.shift_row_nm / settings_.pixel_nm();
  const double shift_column_px = exposure.shift_column_nm / settings_.pixel_nm();
  speckle_.sample(shift_row_px, shift_column_px, electrons);
  const auto brightness = brightness_at(shift_row_px, shift_column_px);
  const double mean_electrons = dose_ * exposure.dose_scale;
  const auto scale = static_cast<float>(mean_electrons / cut_mean_);
  const auto amplitude = static_cast<float>(amplitude_);
  in_blocks(threads_, electrons.size(), [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      electrons[i] = std::max(0.0f, scale * brightness[i] * (1 + amplitude * electrons[i]));
    }
  });
  draw_nuclei(exposure, kBrightnessOfNuclei * mean_electrons, electrons);
}

void DarkFieldMode::draw_nuclei(const Exposure& exposure, double electrons_in_disc,
                                std::span<float> electrons) const {
  const double pixel_nm = settings_.pixel_nm();
  const double period_px = specimen_->film().field_nm() / pixel_nm;
  std::uint64_t index = 0;
  for (const auto& nucleus : specimen_->nuclei()) {
    if (Random(seed_, kNucleusStream, index++).uniform() >= kShareOfNucleiSeen) continue;
    const double radius_px = nucleus.radius_nm / pixel_nm;
    const double reach_px = radius_px + 1;
    // The first repetition of a coordinate that may reach into the frame.
    const auto first = [&](double nm) {
      const double px = nm / pixel_nm - 0.5;
      return px - std::floor((px + reach_px) / period_px) * period_px;
    };
    const double first_row = first(nucleus.position.y_nm + exposure.shift_row_nm);
    const double first_column = first(nucleus.position.x_nm + exposure.shift_column_nm);
    for (double row = first_row; row < static_cast<double>(rows_) + reach_px; row += period_px) {
      for (double column = first_column; column < static_cast<double>(columns_) + reach_px;
           column += period_px) {
        draw_disc(row, column, radius_px, electrons_in_disc, columns_, electrons);
      }
    }
  }
}

std::vector<TruthMap> DarkFieldMode::truth_maps() const {
  const auto map = [this](const char* name, const char* units, const char* long_name, auto value) {
    return truth_map(name, units, long_name, rows_, columns_, value);
  };
  const auto class_at = [this](std::size_t i) { return layout_.classes[layout_.labels[i]]; };
  return {map("tau_s", "s", "lifetime of the speckle at the reference temperature",
              [&](std::size_t i) { return class_at(i).tau_s; }),
          map("beta", "1", "exponent of the decay", [&](std::size_t i) { return class_at(i).beta; }),
          map("contrast", "1", "A of g2 = 1 + A exp(-(t/tau)^beta)",
              [&](std::size_t) { return settings_.contrast(); }),
          map("region", "1", "1 core, 2 channel",
              [&](std::size_t i) { return static_cast<double>(class_at(i).region); }),
          map("brightness", "1", "mean intensity over that of the frame",
              [&](std::size_t i) { return layout_.brightness[i]; })};
}

}  // namespace glasswatch::simulation

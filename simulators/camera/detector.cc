#include "simulators/camera/detector.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "simulators/parallel.h"
#include "simulators/random.h"
#include "simulators/wide_loops.h"

namespace glasswatch::simulation {
namespace {

constexpr std::uint64_t kElectronStream = 0x1300;
constexpr std::uint64_t kBrightStream = 0x1301;
constexpr std::uint64_t kReadNoiseStream = 0x1302;
constexpr std::uint64_t kGainStream = 0x1303;
constexpr std::uint64_t kDeadStream = 0x1304;

constexpr std::uint64_t kLargestSide = 4096;  // of a frame; the addresses of the random numbers rely on it
constexpr std::size_t kTile = 256;  // pixels worked on at a time, so that what is between stays in L1

constexpr double kSensorPixels = 4096;
constexpr double kSensorPixelUm = 14;
constexpr double kLargestCount = std::numeric_limits<std::int16_t>::max();
constexpr double kSmallestCount = std::numeric_limits<std::int16_t>::min();
constexpr double kLargestCetaCount = 11913;  // MaxPossiblePixelValue in the metadata of a Ceta's file

// ---- Random words

// Words first + 1, first + 2, ... of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014) from the state `base`.
GLASSWATCH_WIDE void fill(std::uint64_t base, std::size_t first, std::size_t count, std::uint64_t* words) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t z = base + (first + i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    words[i] = z ^ (z >> 31);
  }
}

std::uint64_t row_state(std::uint64_t seed, std::uint64_t stream, std::uint64_t exposure, std::size_t row) {
  return Random(seed, stream, exposure * kLargestSide + row).next();
}

// ---- Discrete laws

// Discrete laws by the alias method: the law is cut into columns of equal weight, each shared by its own
// value and one other (Walker, ACM TOMS 3 (1977) 253; tables made as by Vose, IEEE TSE 17 (1991) 972). An
// entry is the column's own share in units of 2^-32, chosen such that its last 10 bits are the other value.
class AliasTables {
 public:
  // Values first, first + 1, ... with the given weights, at most 1024.
  void add(int first, std::vector<double> weights) {
    laws_.push_back({static_cast<std::uint32_t>(entries_.size()), static_cast<std::uint16_t>(weights.size()),
                     static_cast<std::int16_t>(first)});
    double sum = 0;
    for (const double weight : weights) sum += weight;
    std::vector<std::uint32_t> scarce, rich;
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
      weights[i] *= static_cast<double>(weights.size()) / sum;
      (weights[i] < 1 ? scarce : rich).push_back(i);
    }
    const std::size_t offset = entries_.size();
    for (std::uint32_t i = 0; i < weights.size(); ++i) entries_.push_back(i);
    while (!scarce.empty() && !rich.empty()) {
      const std::uint32_t taker = scarce.back();
      const std::uint32_t giver = rich.back();
      scarce.pop_back();
      entries_[offset + taker] = entry(weights[taker], taker, giver);
      weights[giver] -= 1 - weights[taker];
      if (weights[giver] < 1) {
        rich.pop_back();
        scarce.push_back(giver);
      }
    }
  }

  // The product's upper half is the column, its lower half where in the column. No branch: nothing could
  // foretell it.
  int draw(std::size_t law, std::uint32_t word) const {
    const Law& l = laws_[law];
    const std::uint64_t place = std::uint64_t{word} * l.columns;
    const auto column = static_cast<std::uint32_t>(place >> 32);
    const std::uint32_t entry = entries_[l.offset + column];
    const std::uint32_t other = entry & kValue;
    const std::uint32_t keep = -static_cast<std::uint32_t>(static_cast<std::uint32_t>(place) < entry);
    return l.first + static_cast<int>(other ^ ((other ^ column) & keep));
  }

 private:
  static constexpr std::uint32_t kValue = 1023;

  struct Law {
    std::uint32_t offset;
    std::uint16_t columns;
    std::int16_t first;
  };

  // The nearest to share * 2^32 of the words that end in `other`; a column that is (almost) full keeps all.
  static std::uint32_t entry(double share, std::uint32_t own, std::uint32_t other) {
    const auto upper = std::max(0L, std::lround((share * 0x1p32 - other) / (kValue + 1)));
    return upper > 0xffffffffL / (kValue + 1) ? own
                                              : static_cast<std::uint32_t>(upper * (kValue + 1)) + other;
  }

  std::vector<Law> laws_;
  std::vector<std::uint32_t> entries_;
};

// Poisson laws of the means i^2 / kFineness. A mean E between neighbours a and b is met by drawing b with the
// probability (E - a) / (b - a). The mixture's mean is E; its variance E + (E - a)(b - E), too large by at
// most
//   max (E - a)(b - E) / E = (sqrt b - sqrt a)^2 = 1 / kFineness < 0.1 %, reached at E = sqrt(a b),
// the same for every pair, the first one (a = 0) included.
constexpr int kFineness = 1024;
constexpr int kBrightest = 45;                     // root of the largest mean
constexpr int kPoissonLaws = kBrightest * 32 + 1;  // 32 = sqrt(kFineness)
constexpr float kTabulatedElectrons = 1.0F * kBrightest * kBrightest;

// Where the mode's weight is 1 a word of 32 bits cannot reach values below this one.
constexpr double kNegligible = 1e-11;

void add_poisson(double mean, AliasTables& tables) {
  const int mode = static_cast<int>(mean);
  std::vector<double> weights;
  double weight = 1;
  int first = mode;
  for (; first > 0; --first) {
    weight *= first / mean;
    if (weight < kNegligible) break;
    weights.push_back(weight);
  }
  std::reverse(weights.begin(), weights.end());
  weight = 1;
  for (int value = mode; weight >= kNegligible; weight *= mean / ++value) weights.push_back(weight);
  tables.add(first, std::move(weights));
}

// The normal law in steps of 1/32 of its standard deviation out to 8 of them, uniform within a step: that
// adds 1/12 step^2 to the variance, which on the grid is 1 to within exp(-2 (32 pi)^2) (Poisson's summation
// formula). A step has kNormalParts parts, drawn by bits of the word that hardly bear on the choice of the
// step.
constexpr int kNormalLaw = kPoissonLaws;
constexpr int kNormalSteps = 32;
constexpr int kNormalParts = 1024;
constexpr double kNormalVariance = 1 + 1 / (12.0 * kNormalSteps * kNormalSteps);

void add_normal(AliasTables& tables) {
  constexpr int kReach = 8 * kNormalSteps - 1;
  std::vector<double> weights;
  for (int i = -kReach; i <= kReach; ++i) {
    const double z = static_cast<double>(i) / kNormalSteps;
    weights.push_back(std::exp(-z * z / 2));
  }
  tables.add(-kReach, std::move(weights));
}

const AliasTables& laws() {
  static const AliasTables kTables = [] {
    AliasTables tables;
    for (int i = 0; i < kPoissonLaws; ++i) add_poisson(1.0 * i * i / kFineness, tables);
    add_normal(tables);
    return tables;
  }();
  return kTables;
}

// floor(sqrt(x)) for 0 <= x < 2^22, without the library's sqrt, which must set errno and so keeps loops from
// being vectorized. Two steps of Newton's on a guess from the exponent (Lomont's constant) leave 5e-6 of the
// root, less than one; comparison with the neighbouring squares, which floats hold exactly, does the rest.
inline std::int32_t floor_of_root(float x) {
  float inverse = std::bit_cast<float>(0x5f375a86 - (std::bit_cast<std::int32_t>(x) >> 1));
  inverse *= 1.5F - 0.5F * x * inverse * inverse;
  inverse *= 1.5F - 0.5F * x * inverse * inverse;
  auto root = static_cast<std::int32_t>(x * inverse);
  root -= static_cast<std::int32_t>(static_cast<float>(root * root) > x);
  root += static_cast<std::int32_t>(static_cast<float>((root + 1) * (root + 1)) <= x);
  return root;
}

// For every pixel one of the two laws next to its mean, by 24 bits of its word. Means outside the table get
// the law of zero; returns whether one of these lies above it.
GLASSWATCH_WIDE bool choose_laws(const float* electrons, const std::uint64_t* words, std::size_t count,
                                 std::int32_t* law) {
  std::int32_t bright = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float mean = electrons[i];
    const int tabulated = (mean > 0) & (mean <= kTabulatedElectrons);
    bright |= static_cast<int>(mean > kTabulatedElectrons);
    const float scaled = kFineness * std::bit_cast<float>(std::bit_cast<std::int32_t>(mean) & -tabulated);
    const std::int32_t below = floor_of_root(scaled);
    const auto past = scaled - static_cast<float>(below * below);
    const auto lot = static_cast<float>(static_cast<std::int32_t>(words[i] >> 40)) * 0x1p-24F;
    law[i] = below + static_cast<std::int32_t>(lot * static_cast<float>(2 * below + 1) < past);
  }
  return bright != 0;
}

void draw_electrons(const std::int32_t* law, const std::uint64_t* words, std::size_t count,
                    std::int32_t* drawn) {
  const AliasTables& tables = laws();
  for (std::size_t i = 0; i < count; ++i) {
    drawn[i] = tables.draw(static_cast<std::size_t>(law[i]), static_cast<std::uint32_t>(words[i]));
  }
}

// Normal variates, two from a word, in parts of a step.
int draw_normal(const AliasTables& tables, std::uint32_t word) {
  return tables.draw(kNormalLaw, word) * kNormalParts + static_cast<int>(word % kNormalParts) -
         kNormalParts / 2;
}

void draw_noise(const std::uint64_t* words, std::size_t pairs, std::int32_t* parts) {
  const AliasTables& tables = laws();
  for (std::size_t i = 0; i < pairs; ++i) {
    parts[2 * i] = draw_normal(tables, static_cast<std::uint32_t>(words[i]));
    parts[2 * i + 1] = draw_normal(tables, static_cast<std::uint32_t>(words[i] >> 32));
  }
}

GLASSWATCH_WIDE void scale(const std::int32_t* values, float unit, std::size_t count, float* scaled) {
  for (std::size_t i = 0; i < count; ++i) scaled[i] = unit * static_cast<float>(values[i]);
}

// ---- Blur

// Second antiderivative of the Gaussian of standard deviation s.
double ramp(double x, double s) {
  const double z = x / s;
  return x * std::erfc(-z / std::numbers::sqrt2) / 2 +
         s * std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
}

// Box of the emitting pixel * Gaussian * box of the receiving one: the second difference of the ramp.
std::vector<float> scintillator_kernel(double sigma_px, std::size_t largest_reach) {
  if (sigma_px <= 0) return {1.0F};
  constexpr double kLost = 1e-4;
  std::vector<double> weights;
  double sum = 0;
  for (std::size_t i = 0; i <= largest_reach && sum < 1 - kLost; ++i) {
    const auto x = static_cast<double>(i);
    weights.push_back(ramp(x + 1, sigma_px) - 2 * ramp(x, sigma_px) + ramp(x - 1, sigma_px));
    sum += (i == 0 ? 1 : 2) * weights.back();
  }
  std::vector<float> kernel(weights.size());
  std::transform(weights.begin(), weights.end(), kernel.begin(),
                 [sum](double weight) { return static_cast<float>(weight / sum); });
  return kernel;
}

GLASSWATCH_WIDE void weigh(const float* values, float weight, std::size_t count, float* sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] = weight * values[i];
}

GLASSWATCH_WIDE void weigh_pair(const float* one, const float* other, float weight, std::size_t count,
                                float* sum) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += weight * (one[i] + other[i]);
}

// Position `i` of a line of `size` continued by its mirror images at both ends.
std::size_t mirrored(std::ptrdiff_t i, std::size_t size) {
  const auto n = static_cast<std::ptrdiff_t>(size);
  return static_cast<std::size_t>(i < 0 ? -1 - i : i >= n ? 2 * n - 1 - i : i);
}

// ---- Counts

struct Range {
  float lowest;
  float highest;
};

// Adding 1.5 * 2^23 leaves the nearest integer (ties to even) in the low bits of a float.
GLASSWATCH_WIDE void to_counts(const float* light, const float* gain, const float* noise, float offset,
                               Range range, std::size_t count, std::int16_t* counts) {
  constexpr float kShift = 0x1.8p23F;
  for (std::size_t i = 0; i < count; ++i) {
    const float value = offset + gain[i] * light[i] + noise[i];
    const float low = value > range.lowest ? value : range.lowest;
    const float clamped = low < range.highest ? low : range.highest;
    counts[i] = static_cast<std::int16_t>(std::bit_cast<std::int32_t>(clamped + kShift) -
                                          std::bit_cast<std::int32_t>(kShift));
  }
}

// `count` different positions below `size` (all of them if there are not so many).
std::vector<std::size_t> different(std::size_t count, std::size_t size, Random& random) {
  std::vector<bool> taken(size);
  std::vector<std::size_t> positions;
  while (positions.size() < std::min(count, size)) {
    const auto position = static_cast<std::size_t>(random.uniform() * static_cast<double>(size));
    if (!taken[position]) positions.push_back(position);
    taken[position] = true;
  }
  return positions;
}

scenario::Detector ideal_detector() {
  scenario::Detector ideal;
  ideal.set_blur_px(0);
  ideal.set_read_noise_counts(0);
  ideal.set_saturation_counts(kLargestCount);
  return ideal;
}

}  // namespace

std::vector<float> camera_kernel(const scenario::Scenario& scenario) {
  const scenario::Detector& detector = scenario.has_detector() ? scenario.detector() : ideal_detector();
  return scintillator_kernel(detector.blur_px() / detector.binning(),
                             std::min(scenario.frames().rows(), scenario.frames().columns()));
}

Detector::Detector(const scenario::Scenario& scenario, int threads)
    : settings_(scenario.has_detector() ? scenario.detector() : ideal_detector()),
      ideal_(!scenario.has_detector()),
      seed_(scenario.seed()),
      rows_(scenario.frames().rows()),
      columns_(scenario.frames().columns()),
      counts_per_electron_(scenario.frames().counts_per_electron()),
      saturation_counts_(std::floor(settings_.saturation_counts())),
      read_noise_counts_(settings_.read_noise_counts() * std::sqrt(settings_.sub_frames())),
      threads_(std::max(threads, 1)),
      kernel_(camera_kernel(scenario)) {
  spread_gain();
  kill_pixels();
  const auto blocks = std::min(static_cast<std::size_t>(threads_), rows_);
  for (std::size_t i = 0; i < blocks; ++i) {
    blocks_.push_back({.begin = rows_ * i / blocks,
                       .end = rows_ * (i + 1) / blocks,
                       .drawn = std::vector<float>(columns_ + 2 * reach()),
                       .blurred = std::vector<float>((2 * reach() + 1) * columns_),
                       .light = std::vector<float>(columns_)});
  }
  laws();
}

void Detector::spread_gain() {
  if (settings_.gain_spread() == 0) {
    gain_.assign(columns_, static_cast<float>(counts_per_electron_));
    return;
  }
  gain_.resize(rows_ * columns_);
  in_blocks(threads_, rows_, [this](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      Random random(seed_, kGainStream, row);
      for (float& gain : std::span(gain_).subspan(row * columns_, columns_)) {
        gain = static_cast<float>(counts_per_electron_ *
                                  std::max(0.0, 1 + settings_.gain_spread() * random.gaussian()));
      }
    }
  });
}

void Detector::kill_pixels() {
  dead_.assign(rows_ * columns_, 0);
  Random random(seed_, kDeadStream, 0);
  for (const std::size_t row : different(settings_.dead_rows(), rows_, random)) {
    std::fill_n(dead_.begin() + static_cast<std::ptrdiff_t>(row * columns_), columns_, std::uint8_t{1});
  }
  for (const std::size_t column : different(settings_.dead_columns(), columns_, random)) {
    for (std::size_t row = 0; row < rows_; ++row) dead_[row * columns_ + column] = 1;
  }
  for (const std::size_t pixel : different(settings_.dead_pixels(), dead_.size(), random)) dead_[pixel] = 1;
  for (std::size_t i = 0; i < dead_.size(); ++i) {
    if (dead_[i] != 0) dead_pixels_.push_back(i);
  }
}

void Detector::read_out(std::span<const float> electrons, std::uint64_t exposure,
                        std::span<std::int16_t> counts) {
  in_blocks(threads_, blocks_.size(), [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) read_rows(blocks_[i], electrons, exposure, counts);
  });
  const double offset = std::min(settings_.dark_offset_counts(), saturation_counts_);
  for (const std::size_t pixel : dead_pixels_) counts[pixel] = static_cast<std::int16_t>(std::lrint(offset));
}

// Rows are drawn ahead of the kernel. Those that two blocks need are drawn twice, alike: cheaper than to wait
// for each other or to keep the frame.
void Detector::read_rows(Block& block, std::span<const float> electrons, std::uint64_t exposure,
                         std::span<std::int16_t> counts) const {
  std::size_t next = block.begin - std::min(block.begin, reach());
  for (std::size_t row = block.begin; row < block.end; ++row) {
    for (; next < std::min(row + reach() + 1, rows_); ++next) {
      draw(next, electrons, exposure, block.drawn.data() + reach());
      if (reach() > 0) blur_along_row(block.drawn, &block.blurred[next % (2 * reach() + 1) * columns_]);
    }
    if (reach() > 0) blur_across_rows(block, row);
    digitize(row, reach() > 0 ? block.light.data() : block.drawn.data(), exposure, &counts[row * columns_]);
  }
}

void Detector::draw(std::size_t row, std::span<const float> electrons, std::uint64_t exposure,
                    float* drawn) const {
  std::array<std::uint64_t, kTile> words;
  std::array<std::int32_t, kTile> law;
  std::array<std::int32_t, kTile> hits;
  const float* expected = &electrons[row * columns_];
  const std::uint64_t state = row_state(seed_, kElectronStream, exposure, row);
  for (std::size_t begin = 0; begin < columns_; begin += kTile) {
    const std::size_t count = std::min(kTile, columns_ - begin);
    fill(state, begin, count, words.data());
    const bool bright = choose_laws(expected + begin, words.data(), count, law.data());
    draw_electrons(law.data(), words.data(), count, hits.data());
    scale(hits.data(), 1, count, drawn + begin);
    if (!bright) continue;
    for (std::size_t i = begin; i < begin + count; ++i) {
      if (!(expected[i] > kTabulatedElectrons && std::isfinite(expected[i]))) continue;
      Random random(seed_, kBrightStream, (exposure * kLargestSide + row) * kLargestSide + i);
      drawn[i] = static_cast<float>(random.poisson(std::min(expected[i], 1e9F)));
    }
  }
}

void Detector::blur_along_row(std::vector<float>& drawn, float* blurred) const {
  float* const first = drawn.data() + reach();
  for (std::size_t i = 0; i < reach(); ++i) {
    *(first - 1 - i) = first[i];
    first[columns_ + i] = first[columns_ - 1 - i];
  }
  weigh(first, kernel_[0], columns_, blurred);
  for (std::size_t i = 1; i <= reach(); ++i) {
    weigh_pair(first - i, first + i, kernel_[i], columns_, blurred);
  }
}

void Detector::blur_across_rows(Block& block, std::size_t row) const {
  const auto line = [&](std::ptrdiff_t i) {
    return &block.blurred[mirrored(i, rows_) % (2 * reach() + 1) * columns_];
  };
  const auto middle = static_cast<std::ptrdiff_t>(row);
  weigh(line(middle), kernel_[0], columns_, block.light.data());
  for (std::size_t i = 1; i <= reach(); ++i) {
    const auto away = static_cast<std::ptrdiff_t>(i);
    weigh_pair(line(middle - away), line(middle + away), kernel_[i], columns_, block.light.data());
  }
}

void Detector::digitize(std::size_t row, const float* light, std::uint64_t exposure,
                        std::int16_t* counts) const {
  std::array<std::uint64_t, kTile / 2> words;
  std::array<std::int32_t, kTile> parts;
  std::array<float, kTile> noise{};
  const bool noisy = read_noise_counts_ > 0;
  const auto part_counts =
      static_cast<float>(read_noise_counts_ / std::sqrt(kNormalVariance) / (kNormalSteps * kNormalParts));
  const std::uint64_t state = noisy ? row_state(seed_, kReadNoiseStream, exposure, row) : 0;
  const float* gain = &gain_[gain_.size() > columns_ ? row * columns_ : 0];
  const Range range{static_cast<float>(kSmallestCount), static_cast<float>(saturation_counts_)};
  for (std::size_t begin = 0; begin < columns_; begin += kTile) {
    const std::size_t count = std::min(kTile, columns_ - begin);
    if (noisy) {
      const std::size_t pairs = (count + 1) / 2;
      fill(state, begin / 2, pairs, words.data());
      draw_noise(words.data(), pairs, parts.data());
      scale(parts.data(), part_counts, count, noise.data());
    }
    to_counts(light + begin, gain + begin, noise.data(), static_cast<float>(settings_.dark_offset_counts()),
              range, count, counts + begin);
  }
}

void Detector::describe(stream::Camera& camera) const {
  const auto side = static_cast<double>(rows_) * settings_.binning();
  camera.set_name("BM-Ceta");
  camera.set_rows(static_cast<std::uint32_t>(rows_));
  camera.set_columns(static_cast<std::uint32_t>(columns_));
  camera.set_pixel_type(stream::I2);
  camera.set_binning(settings_.binning());
  camera.set_readout_area(ideal_ || side == kSensorPixels ? "Full"
                          : side == kSensorPixels / 2     ? "Half"
                          : side == kSensorPixels / 4     ? "Quarter"
                                                          : "Custom");
  camera.set_combined_sub_frames(settings_.sub_frames());
  camera.set_saturation_point_counts(saturation_counts_);
  camera.set_max_pixel_value_counts(ideal_ ? kLargestCount : std::max(kLargestCetaCount, saturation_counts_));
  camera.set_counts_per_electron(counts_per_electron_);
  camera.set_sensor_pixel_um(kSensorPixelUm);
  camera.set_detector_offset_counts(settings_.dark_offset_counts());
}

}  // namespace glasswatch::simulation

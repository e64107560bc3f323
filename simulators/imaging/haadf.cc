#include "simulators/imaging/haadf.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "simulators/parallel.h"

namespace glasswatch::simulation {
namespace {

constexpr double kExponent = 1.64;
constexpr double kHighTensionKv = 300;
constexpr std::size_t kElements = 3;
constexpr std::size_t kPhases = 3;

/// What one atom of each element counts.
using Weights = std::array<double, kElements>;

double weight_of(const Weights& weights, Element element) {
  return weights[static_cast<std::size_t>(element)];
}

Weights only(Element element) {
  Weights weights{};
  weights[static_cast<std::size_t>(element)] = 1;
  return weights;
}

Weights scattering_weights() {
  return {std::pow(atomic_number(Element::kCu), kExponent), std::pow(atomic_number(Element::kZr), kExponent),
          std::pow(atomic_number(Element::kO), kExponent)};
}

/// Weight per nm^3 of all that the film is made of.
struct Densities {
  double core = 0;
  double channel = 0;
  std::array<double, kPhases> phase{};

  double of(Region region) const { return region == Region::kCore ? core : channel; }
  double of(Phase crystal) const { return phase[static_cast<std::size_t>(crystal) - 1]; }
};

double crystal_density(Phase phase, const Weights& weights) {
  const UnitCell& cell = unit_cell(phase);
  double sum = 0;
  for (const auto& site : cell.sites) sum += weight_of(weights, site.element);
  return sum / cell.volume_nm3();
}

Densities densities(const Specimen& specimen, const Weights& weights) {
  const auto& settings = specimen.settings();
  const auto glass = [&](double density, double cu_fraction) {
    return specimen.packing().number_density_per_nm3() * density *
           (cu_fraction * weight_of(weights, Element::kCu) +
            (1 - cu_fraction) * weight_of(weights, Element::kZr));
  };
  return {glass(1, settings.cu_fraction()),
          glass(settings.channel_density(), settings.channel_cu_fraction()),
          {crystal_density(Phase::kB2CuZr, weights), crystal_density(Phase::kCu10Zr7, weights),
           crystal_density(Phase::kMonoclinicZrO2, weights)}};
}

/// A line along the beam through the film: which part of it belongs to the crystals met so far.
class Line {
 public:
  /// Takes [begin, end) as far as nothing else has it; returns the length taken.
  double take(double begin_nm, double end_nm) {
    double free_nm = end_nm - begin_nm;
    Piece all{begin_nm, end_nm};
    std::erase_if(pieces_, [&](const Piece& piece) {
      if (piece.end_nm < begin_nm || piece.begin_nm > end_nm) return false;
      free_nm -= std::min(piece.end_nm, end_nm) - std::max(piece.begin_nm, begin_nm);
      all = {std::min(all.begin_nm, piece.begin_nm), std::max(all.end_nm, piece.end_nm)};
      return true;
    });
    pieces_.push_back(all);
    length_nm_ += free_nm;
    return free_nm;
  }

  double length_nm() const { return length_nm_; }

 private:
  struct Piece {
    double begin_nm = 0;
    double end_nm = 0;
  };
  std::vector<Piece> pieces_;  // apart from each other
  double length_nm_ = 0;
};

/// One row of an image: what the crystals are and hide.
class CrystalRow {
 public:
  CrystalRow(const Specimen& specimen, const Densities& densities, const ImageFrame& frame, double y_nm)
      : thickness_nm_(specimen.film().thickness_nm()),
        frame_(frame),
        lines_(frame.columns),
        weight_(frame.columns) {
    const double field_nm = specimen.film().field_nm();
    const double end_nm = frame.offset.x_nm + static_cast<double>(frame.columns) * frame.pixel_nm;
    for (const Nucleus& nucleus : specimen.nuclei()) {
      const double y = std::remainder(y_nm - nucleus.position.y_nm, field_nm);
      const double half2_nm2 = nucleus.radius_nm * nucleus.radius_nm - y * y;
      if (half2_nm2 <= 0) continue;
      const double half_nm = std::sqrt(half2_nm2);
      // Every image of the nucleus that reaches into the row.
      const double images = std::ceil((frame.offset.x_nm - half_nm - nucleus.position.x_nm) / field_nm);
      for (double x_nm = nucleus.position.x_nm + images * field_nm; x_nm < end_nm + half_nm;
           x_nm += field_nm) {
        cut_disc(nucleus.z_nm, x_nm, half_nm, densities.of(nucleus.phase));
      }
    }
  }

  double length_nm(std::size_t column) const { return lines_[column].length_nm(); }
  double weight(std::size_t column) const { return weight_[column]; }

 private:
  /// The row cuts a nucleus in a disc of radius half_nm.
  void cut_disc(double z_nm, double x_nm, double half_nm, double density) {
    const auto column_at = [this](double x) {
      const double column = std::ceil((x - frame_.offset.x_nm) / frame_.pixel_nm - 0.5);
      return static_cast<std::size_t>(std::clamp(column, 0.0, static_cast<double>(frame_.columns)));
    };
    const std::size_t end = column_at(x_nm + half_nm);
    for (std::size_t column = column_at(x_nm - half_nm); column < end; ++column) {
      const double off = frame_.offset.x_nm + (static_cast<double>(column) + 0.5) * frame_.pixel_nm - x_nm;
      const double half_chord = std::sqrt(std::max(0.0, half_nm * half_nm - off * off));
      const double top = std::max(z_nm - half_chord, 0.0);
      const double bottom = std::min(z_nm + half_chord, thickness_nm_);
      if (bottom > top) weight_[column] += density * lines_[column].take(top, bottom);
    }
  }

  double thickness_nm_;
  const ImageFrame& frame_;
  std::vector<Line> lines_;
  std::vector<double> weight_;
};

/// Weight of all atoms per nm^2 under each pixel.
void project(const Specimen& specimen, const Weights& weights, const ImageFrame& frame, int threads,
             std::span<float> image) {
  const Densities density = densities(specimen, weights);
  const double thickness_nm = specimen.film().thickness_nm();
  in_blocks(threads, frame.rows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const double y_nm = frame.offset.y_nm + (static_cast<double>(row) + 0.5) * frame.pixel_nm;
      const CrystalRow crystals(specimen, density, frame, y_nm);
      for (std::size_t column = 0; column < frame.columns; ++column) {
        const double x_nm = frame.offset.x_nm + (static_cast<double>(column) + 0.5) * frame.pixel_nm;
        const double glass_nm = thickness_nm - crystals.length_nm(column);
        image[row * frame.columns + column] = static_cast<float>(
            glass_nm * density.of(specimen.film().at(x_nm, y_nm).region) + crystals.weight(column));
      }
    }
  });
}

/// A Gaussian of `full_width_px` at half maximum, cut at 4 standard deviations, sum 1.
std::vector<float> gaussian_weights(double full_width_px) {
  const double sigma_px = full_width_px / (2 * std::sqrt(2 * std::numbers::ln2));
  const int reach = static_cast<int>(std::ceil(4 * sigma_px));
  std::vector<double> weights;
  for (int i = -reach; i <= reach; ++i) weights.push_back(std::exp(-i * i / (2 * sigma_px * sigma_px)));
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<float> normalised;
  normalised.reserve(weights.size());
  for (const double weight : weights) normalised.push_back(static_cast<float>(weight / sum));
  return normalised;
}

}  // namespace

std::vector<float> element_map(const Specimen& specimen, Element element, const ImageFrame& frame,
                               int threads) {
  std::vector<float> map(frame.rows * frame.columns);
  project(specimen, only(element), frame, threads, map);
  return map;
}

HaadfMode::HaadfMode(const scenario::Scenario& scenario, std::shared_ptr<const Specimen> specimen,
                     int threads)
    : settings_(scenario.haadf()),
      dose_e_per_px_(scenario.frames().dose_e_per_px()),
      frame_{scenario.frames().rows(), scenario.frames().columns(), settings_.pixel_nm(), {}},
      specimen_(std::move(specimen)),
      threads_(threads),
      probe_(gaussian_weights(settings_.probe_nm() / settings_.pixel_nm())) {
  std::vector<float> image(frame_.rows * frame_.columns);
  add_up({}, image);
  const double sum = std::accumulate(image.begin(), image.end(), 0.0);
  electrons_per_weight_ = dose_e_per_px_ * static_cast<double>(image.size()) / sum;
}

void HaadfMode::describe(stream::SeriesStart& start) const {
  auto& optics = *start.mutable_optics();
  optics.set_mode(stream::IMAGE);
  optics.set_high_tension_kv(kHighTensionKv);
  optics.set_pixel_size(settings_.pixel_nm());
  optics.set_pixel_unit("nm");
}

void HaadfMode::expected_electrons(const Exposure& exposure, std::span<float> electrons) {
  add_up({exposure.shift_column_nm, exposure.shift_row_nm}, electrons);
  const auto scale = static_cast<float>(electrons_per_weight_ * exposure.dose_scale);
  for (float& value : electrons) value *= scale;
}

// The film under the frame and a margin that the probe reaches, then the probe along rows, then along
// columns.
void HaadfMode::add_up(const Point& shift, std::span<float> image) {
  const std::size_t margin = probe_.size() / 2;
  const double margin_nm = static_cast<double>(margin) * frame_.pixel_nm;
  const ImageFrame wide = {frame_.rows + 2 * margin,
                           frame_.columns + 2 * margin,
                           frame_.pixel_nm,
                           {-shift.x_nm - margin_nm, -shift.y_nm - margin_nm}};
  projected_.resize(wide.rows * wide.columns);
  along_rows_.resize(wide.rows * frame_.columns);
  project(*specimen_, scattering_weights(), wide, threads_, projected_);
  in_blocks(threads_, wide.rows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      for (std::size_t column = 0; column < frame_.columns; ++column) {
        along_rows_[row * frame_.columns + column] =
            std::inner_product(probe_.begin(), probe_.end(), &projected_[row * wide.columns + column], 0.0F);
      }
    }
  });
  in_blocks(threads_, frame_.rows, [&](std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
      const auto line = image.subspan(row * frame_.columns, frame_.columns);
      std::fill(line.begin(), line.end(), 0.0F);
      for (std::size_t tap = 0; tap < probe_.size(); ++tap) {
        const float* from = &along_rows_[(row + tap) * frame_.columns];
        for (std::size_t column = 0; column < frame_.columns; ++column)
          line[column] += probe_[tap] * from[column];
      }
    }
  });
}

std::vector<TruthMap> HaadfMode::truth_maps() const {
  TruthMap region{"region", "1", "1 core, 2 channel", frame_.rows, frame_.columns, {}};
  for (std::size_t row = 0; row < frame_.rows; ++row) {
    for (std::size_t column = 0; column < frame_.columns; ++column) {
      const double x_nm = (static_cast<double>(column) + 0.5) * frame_.pixel_nm;
      const double y_nm = (static_cast<double>(row) + 0.5) * frame_.pixel_nm;
      region.values.push_back(static_cast<float>(specimen_->film().at(x_nm, y_nm).region));
    }
  }
  const auto map = [this](const char* name, const char* long_name, Element element) {
    return TruthMap{name,        "nm-2",         long_name,
                    frame_.rows, frame_.columns, element_map(*specimen_, element, frame_, threads_)};
  };
  return {std::move(region), map("copper", "copper atoms per area of the film", Element::kCu),
          map("zirconium", "zirconium atoms per area of the film", Element::kZr)};
}

}  // namespace glasswatch::simulation

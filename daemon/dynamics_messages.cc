#include "daemon/dynamics_messages.h"

#include <bit>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/client/client.h"

namespace glasswatch {
namespace {

using Floats = google::protobuf::RepeatedField<float>;

std::size_t units(const result::KwwMaps& maps) {
  return std::size_t{maps.rows()} * maps.columns();
}

// Empty, or one value each.
bool fits(const Floats& array, std::size_t values) {
  return array.empty() || static_cast<std::size_t>(array.size()) == values;
}

bool fits(const result::KwwMaps& maps) {
  const std::size_t size = units(maps);
  return fits(maps.tau_s(), size) && fits(maps.beta(), size) && fits(maps.contrast(), size) &&
         fits(maps.tau_sigma_s(), size) && fits(maps.beta_sigma(), size) &&
         (maps.status().empty() || maps.status().size() == size);
}

std::size_t correlations(const result::TwoTime& two_time) {
  const auto times = static_cast<std::size_t>(two_time.time_s_size());
  return static_cast<std::size_t>(two_time.unit_size()) * times * times;
}

void warn(result::Dynamics& dynamics, std::string_view text) {
  if (!dynamics.warning().empty()) dynamics.mutable_warning()->append("; ");
  dynamics.mutable_warning()->append(text);
}

std::uint64_t kept(std::uint32_t length, std::uint32_t step) {
  return (std::uint64_t{length} + step - 1) / step;
}

std::uint32_t step_to_fit(const result::KwwMaps& maps) {
  std::uint32_t step = 1;
  while (kept(maps.rows(), step) * kept(maps.columns(), step) > kMostStreamedPixels) ++step;
  return step;
}

// In place: what is kept lies never before where it came from.
template <class Array>
void thin(Array& array, const result::KwwMaps& maps, std::uint32_t step) {
  if (array.empty()) return;
  int next = 0;
  for (std::size_t row = 0; row < maps.rows(); row += step) {
    for (std::size_t column = 0; column < maps.columns(); column += step) {
      array[next++] = array[static_cast<int>(row * maps.columns() + column)];
    }
  }
  array.erase(array.begin() + next, array.end());
}

void thin(result::KwwMaps& maps) {
  const std::uint32_t step = step_to_fit(maps);
  if (step == 1) return;
  for (Floats* array : {maps.mutable_tau_s(), maps.mutable_beta(), maps.mutable_contrast(),
                        maps.mutable_tau_sigma_s(), maps.mutable_beta_sigma()}) {
    thin(*array, maps, step);
  }
  thin(*maps.mutable_status(), maps, step);
  maps.set_rows(static_cast<std::uint32_t>(kept(maps.rows(), step)));
  maps.set_columns(static_cast<std::uint32_t>(kept(maps.columns(), step)));
  maps.set_step_px(maps.step_px() * step);
}

// The payload: arrays one behind the other.
class FloatBytes {
 public:
  /// Moves the values out of the array; NaN in their place where it is empty.
  void take(Floats& array, std::size_t values) {
    static_assert(std::endian::native == std::endian::little, "the page reads little-endian numbers");
    if (array.empty()) array.Resize(static_cast<int>(values), std::numeric_limits<float>::quiet_NaN());
    const std::size_t begin = bytes_.size();
    bytes_.resize(begin + sizeof(float) * values);
    if (values > 0) std::memcpy(bytes_.data() + begin, array.data(), sizeof(float) * values);
    array.Clear();
  }

  const std::vector<std::uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
};

void take_fits(result::KwwMaps& maps, FloatBytes& payload) {
  for (Floats* array : {maps.mutable_tau_s(), maps.mutable_beta(), maps.mutable_contrast()}) {
    payload.take(*array, units(maps));
  }
}

void drop_what_does_not_fit(result::Dynamics& dynamics) {
  if (dynamics.has_cells() && !fits(dynamics.cells())) {
    dynamics.clear_cells();
    warn(dynamics, "no maps of cells: their arrays do not fit rows and columns");
  }
  if (dynamics.has_pixels() && !fits(dynamics.pixels())) {
    dynamics.clear_pixels();
    warn(dynamics, "no maps of single pixels: their arrays do not fit rows and columns");
  }
  if (dynamics.has_two_time() &&
      !fits(dynamics.two_time().correlation(), correlations(dynamics.two_time()))) {
    dynamics.clear_two_time();
    warn(dynamics, "no two-time map: its array does not fit times and units");
  }
}

}  // namespace

void thin_for_stream(result::Dynamics& dynamics) {
  dynamics.clear_label();
  if (dynamics.has_cells()) dynamics.mutable_cells()->clear_g2();
  if (!dynamics.has_pixels()) return;
  if (fits(dynamics.pixels())) {
    thin(*dynamics.mutable_pixels());
  } else {
    dynamics.clear_pixels();
    warn(dynamics, "no maps of single pixels: their arrays do not fit rows and columns");
  }
}

OutgoingMessage dynamics_message(const result::ResultMessage& message) {
  result::ResultMessage header = message;
  result::Dynamics& dynamics = *header.mutable_dynamics();
  dynamics.clear_label();
  drop_what_does_not_fit(dynamics);
  FloatBytes payload;
  if (dynamics.has_cells()) {
    result::KwwMaps& cells = *dynamics.mutable_cells();
    cells.clear_g2();
    take_fits(cells, payload);
    payload.take(*cells.mutable_tau_sigma_s(), units(cells));
    payload.take(*cells.mutable_beta_sigma(), units(cells));
  }
  if (dynamics.has_pixels()) {
    result::KwwMaps& pixels = *dynamics.mutable_pixels();
    pixels.clear_g2();
    pixels.clear_tau_sigma_s();
    pixels.clear_beta_sigma();
    take_fits(pixels, payload);
  }
  if (dynamics.has_two_time()) {
    result::TwoTime& two_time = *dynamics.mutable_two_time();
    payload.take(*two_time.mutable_correlation(), correlations(two_time));
  }
  return binary_message(to_json_line(header), payload.bytes());
}

}  // namespace glasswatch

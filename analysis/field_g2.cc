#include "analysis/field_g2.h"

#include <algorithm>
#include <limits>

#include "analysis/check.h"

namespace glasswatch::analysis {
namespace {

constexpr std::size_t kChunk = 256;  // pixels: with 40 lags a quarter of a megabyte

}  // namespace

FieldG2::FieldG2(std::size_t pixels, std::size_t lags, int lanes)
    : pixels_(pixels),
      lags_(lags),
      scratch_(static_cast<std::size_t>(lanes) * (3 * lags + 1) * kChunk),
      partial_((pixels + kChunk - 1) / kChunk * (3 * lags + 1)) {
  GLASSWATCH_CHECK(lanes >= 1 && lags >= 1, lanes, lags);
}

void FieldG2::add_chunk(const PixelSums& sums, int lane, int chunk) {
  const std::size_t begin = static_cast<std::size_t>(chunk) * kChunk;
  const std::size_t end = std::min(pixels_, begin + kChunk);
  const std::size_t count = end - begin;
  double* values = scratch_.data() + static_cast<std::size_t>(lane) * (3 * lags_ + 1) * kChunk;
  double* total = values + 3 * lags_ * count;
  sums.read(static_cast<int>(begin), static_cast<int>(end), values, values + lags_ * count,
            values + 2 * lags_ * count);
  sums.read_total(static_cast<int>(begin), static_cast<int>(end), total);
  double* partial = partial_.data() + static_cast<std::size_t>(chunk) * (3 * lags_ + 1);
  for (std::size_t row = 0; row < 3 * lags_ + 1; ++row) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += values[row * count + i];
    partial[row] = sum;
  }
}

void FieldG2::compute(const PixelSums& sums, Normalization normalization, std::span<double> g2,
                      Parallel& parallel) {
  GLASSWATCH_CHECK(sums.pixels().size() == pixels_ && sums.lag_slots().size() == lags_ && g2.size() == lags_,
                   pixels_, lags_);
  GLASSWATCH_CHECK(static_cast<std::size_t>(parallel.lanes()) * (3 * lags_ + 1) * kChunk <= scratch_.size());
  const std::size_t values = 3 * lags_ + 1;
  const int chunks = static_cast<int>(partial_.size() / values);
  auto body = [&](int lane, int begin, int end) {
    for (int chunk = begin; chunk < end; ++chunk) add_chunk(sums, lane, chunk);
  };
  parallel.run(chunks, body);
  const auto whole = [&](std::size_t row) {
    double sum = 0;
    for (std::size_t chunk = 0; chunk < static_cast<std::size_t>(chunks); ++chunk) {
      sum += partial_[chunk * values + row];
    }
    return sum;
  };
  const double samples = static_cast<double>(sums.frames()) * static_cast<double>(pixels_);
  const double mean = whole(3 * lags_) / samples;
  for (std::size_t l = 0; l < lags_; ++l) {
    const double n = static_cast<double>(sums.pairs()[l]) * static_cast<double>(pixels_);
    const bool paper = normalization == Normalization::kPaper;
    const double past = paper ? mean : whole(lags_ + l) / n;
    const double future = paper ? mean : whole(2 * lags_ + l) / n;
    g2[l] = n > 0 && past > 0 && future > 0 ? whole(l) / n / (past * future)
                                            : std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace glasswatch::analysis

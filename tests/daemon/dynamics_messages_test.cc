// What is thinned, and the bytes the page gets, read back by the layout that the page's README states.
#include "daemon/dynamics_messages.h"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace glasswatch {
namespace {

using Floats = google::protobuf::RepeatedField<float>;

// The planted value of a unit tells its row and column.
float planted(std::uint32_t row, std::uint32_t column) {
  return 1000.0F * static_cast<float>(row) + static_cast<float>(column);
}

void plant(Floats& array, std::uint32_t rows, std::uint32_t columns, float offset) {
  for (std::uint32_t row = 0; row < rows; ++row) {
    for (std::uint32_t column = 0; column < columns; ++column) array.Add(planted(row, column) + offset);
  }
}

void plant(result::KwwMaps& maps, std::uint32_t rows, std::uint32_t columns) {
  maps.set_rows(rows);
  maps.set_columns(columns);
  maps.set_step_px(1);
  plant(*maps.mutable_tau_s(), rows, columns, 0.25F);
  plant(*maps.mutable_beta(), rows, columns, 0.5F);
  plant(*maps.mutable_contrast(), rows, columns, 0.75F);
  for (std::uint32_t i = 0; i < rows * columns; ++i)
    maps.mutable_status()->push_back(static_cast<char>(i % 5));
}

TEST(ThinForStream, KeepsEveryKthRowAndColumnAsItIs) {
  // Pixels left: 150 x 250 = 37,500; 201 x 321 = 64,521; 200 x 234 = 46,800, and 105,000 with k = 2.
  struct Field {
    std::uint32_t rows, columns, k;
  };
  for (const auto& [rows, columns, k] : {Field{300, 500, 2}, Field{401, 641, 2}, Field{600, 700, 3}}) {
    result::Dynamics dynamics;
    plant(*dynamics.mutable_pixels(), rows, columns);
    thin_for_stream(dynamics);
    const result::KwwMaps& pixels = dynamics.pixels();
    ASSERT_EQ(pixels.rows(), (rows + k - 1) / k);
    ASSERT_EQ(pixels.columns(), (columns + k - 1) / k);
    EXPECT_EQ(pixels.step_px(), k);
    ASSERT_EQ(pixels.tau_s_size(), static_cast<int>(pixels.rows() * pixels.columns()));
    ASSERT_EQ(pixels.beta_size(), pixels.tau_s_size());
    ASSERT_EQ(pixels.contrast_size(), pixels.tau_s_size());
    ASSERT_EQ(pixels.status().size(), static_cast<std::size_t>(pixels.tau_s_size()));
    for (std::uint32_t row = 0; row < pixels.rows(); ++row) {
      for (std::uint32_t column = 0; column < pixels.columns(); ++column) {
        const int at = static_cast<int>(row * pixels.columns() + column);
        ASSERT_EQ(pixels.tau_s(at), planted(k * row, k * column) + 0.25F);
        ASSERT_EQ(pixels.beta(at), planted(k * row, k * column) + 0.5F);
        ASSERT_EQ(pixels.contrast(at), planted(k * row, k * column) + 0.75F);
        ASSERT_EQ(pixels.status()[static_cast<std::size_t>(at)],
                  static_cast<char>((k * row * columns + k * column) % 5));
      }
    }
    EXPECT_EQ(dynamics.warning(), "");
  }
}

TEST(ThinForStream, LeavesWhatIsSmallEnough) {
  result::Dynamics dynamics;
  plant(*dynamics.mutable_pixels(), 256, 256);
  plant(*dynamics.mutable_cells(), 3, 4);
  const std::string before = dynamics.SerializeAsString();
  thin_for_stream(dynamics);
  EXPECT_EQ(dynamics.SerializeAsString(), before);
  result::Dynamics none;
  thin_for_stream(none);
  EXPECT_FALSE(none.has_cells() || none.has_pixels());
}

TEST(ThinForStream, OneRowMoreIsTooMany) {
  result::Dynamics dynamics;
  plant(*dynamics.mutable_pixels(), 257, 256);
  thin_for_stream(dynamics);
  EXPECT_EQ(dynamics.pixels().rows(), 129U);
  EXPECT_EQ(dynamics.pixels().columns(), 128U);
}

TEST(ThinForStream, DropsCurvesOfCellsAndLabels) {
  result::Dynamics dynamics;
  plant(*dynamics.mutable_cells(), 3, 4);
  dynamics.mutable_cells()->mutable_g2()->Resize(12 * 40, 1.0F);
  dynamics.set_label(std::string(12, '\1'));
  thin_for_stream(dynamics);
  EXPECT_EQ(dynamics.cells().g2_size(), 0);
  EXPECT_EQ(dynamics.label(), "");
  EXPECT_EQ(dynamics.cells().tau_s_size(), 12);
}

TEST(ThinForStream, MapsThatDoNotFitGoAndItIsSaid) {
  result::Dynamics dynamics;
  dynamics.set_warning("T/tau 7.9");
  plant(*dynamics.mutable_pixels(), 300, 500);
  dynamics.mutable_pixels()->mutable_beta()->RemoveLast();
  thin_for_stream(dynamics);
  EXPECT_FALSE(dynamics.has_pixels());
  EXPECT_EQ(dynamics.warning(),
            "T/tau 7.9; no maps of single pixels: their arrays do not fit rows and columns");
}

// A page message taken apart by the stated layout.
struct Parts {
  result::ResultMessage header;
  std::vector<float> values;
};

Parts take_apart(const OutgoingMessage& message) {
  EXPECT_TRUE(message.binary);
  const std::string& bytes = *message.bytes;
  std::size_t length = 0;
  for (unsigned i = 0; i < 4; ++i) length |= std::size_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  Parts parts;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(bytes.substr(4, length), &parts.header).ok());
  const std::size_t payload = bytes.size() - 4 - length;
  EXPECT_EQ(payload % 4, 0U);
  parts.values.resize(payload / 4);
  if (payload > 0) std::memcpy(parts.values.data(), bytes.data() + 4 + length, payload);
  return parts;
}

result::ResultMessage full_message() {
  result::ResultMessage message;
  message.set_daemon_id(9);
  result::Dynamics& dynamics = *message.mutable_dynamics();
  dynamics.set_sequence(1200);
  dynamics.mutable_field()->set_tau_s(739);
  dynamics.mutable_field()->add_g2(1.1);
  dynamics.mutable_field()->set_beta_sigma(std::numeric_limits<double>::quiet_NaN());
  plant(*dynamics.mutable_cells(), 2, 3);
  plant(*dynamics.mutable_cells()->mutable_tau_sigma_s(), 2, 3, 0.125F);
  plant(*dynamics.mutable_cells()->mutable_beta_sigma(), 2, 3, 0.625F);
  plant(*dynamics.mutable_pixels(), 4, 5);
  result::TwoTime& two_time = *dynamics.mutable_two_time();
  for (const double time_s : {0.0, 5.0, 10.0}) two_time.add_time_s(time_s);
  two_time.add_unit("field");
  two_time.add_unit("matrix");
  for (int i = 0; i < 2 * 3 * 3; ++i) two_time.add_correlation(1 + 0.01F * static_cast<float>(i));
  two_time.add_momentary_tau_s(700);
  return message;
}

void append(std::vector<float>& all, const Floats& part) {
  all.insert(all.end(), part.begin(), part.end());
}

TEST(DynamicsMessage, ArraysFollowTheHeaderInTheStatedOrder) {
  const result::ResultMessage message = full_message();
  const result::Dynamics& given = message.dynamics();
  const Parts parts = take_apart(dynamics_message(message));
  std::vector<float> expected;
  for (const Floats* array :
       {&given.cells().tau_s(), &given.cells().beta(), &given.cells().contrast(),
        &given.cells().tau_sigma_s(), &given.cells().beta_sigma(), &given.pixels().tau_s(),
        &given.pixels().beta(), &given.pixels().contrast(), &given.two_time().correlation()}) {
    append(expected, *array);
  }
  EXPECT_EQ(parts.values, expected);
  EXPECT_EQ(parts.header.daemon_id(), 9U);
  const result::Dynamics& dynamics = parts.header.dynamics();
  EXPECT_EQ(dynamics.sequence(), 1200U);
  EXPECT_EQ(dynamics.field().tau_s(), 739);
  EXPECT_EQ(dynamics.field().g2_size(), 1);
  EXPECT_TRUE(std::isnan(dynamics.field().beta_sigma()));
  EXPECT_EQ(dynamics.cells().rows(), 2U);
  EXPECT_EQ(dynamics.cells().tau_s_size(), 0);
  EXPECT_EQ(dynamics.cells().status(), given.cells().status());
  EXPECT_EQ(dynamics.pixels().columns(), 5U);
  EXPECT_EQ(dynamics.pixels().contrast_size(), 0);
  EXPECT_EQ(dynamics.two_time().time_s_size(), 3);
  EXPECT_EQ(dynamics.two_time().momentary_tau_s_size(), 1);
  EXPECT_EQ(dynamics.two_time().correlation_size(), 0);
  EXPECT_EQ(dynamics.warning(), "");
}

TEST(DynamicsMessage, MissingArraysAreNanAndAbsentPartsTakeNoBytes) {
  result::ResultMessage message = full_message();
  result::Dynamics& dynamics = *message.mutable_dynamics();
  dynamics.clear_pixels();
  dynamics.clear_two_time();
  dynamics.mutable_cells()->clear_beta();
  dynamics.mutable_cells()->mutable_g2()->Resize(60, 1.0F);
  dynamics.set_label("1");
  const Parts parts = take_apart(dynamics_message(message));
  ASSERT_EQ(parts.values.size(), 5U * 6U);
  for (std::size_t i = 0; i < 30; ++i) EXPECT_EQ(std::isnan(parts.values[i]), i / 6 == 1) << i;
  EXPECT_EQ(parts.header.dynamics().cells().g2_size(), 0);
  EXPECT_EQ(parts.header.dynamics().label(), "");
}

TEST(DynamicsMessage, OfTooFewFramesHasNothingBehindTheHeader) {
  result::ResultMessage message;
  message.mutable_dynamics()->set_validity(result::TOO_FEW_FRAMES);
  const Parts parts = take_apart(dynamics_message(message));
  EXPECT_TRUE(parts.values.empty());
  EXPECT_EQ(parts.header.dynamics().validity(), result::TOO_FEW_FRAMES);
}

TEST(DynamicsMessage, PartsThatDoNotFitGoWholeAndItIsSaid) {
  struct Fault {
    std::function<void(result::Dynamics&)> make;
    std::size_t values;  // left
    std::string warning;
  };
  const std::size_t cells = 30, pixels = 60, two_time = 18;
  const std::vector<Fault> faults = {
      {[](auto& d) { d.mutable_cells()->add_tau_sigma_s(1); }, pixels + two_time, "no maps of cells"},
      {[](auto& d) { d.mutable_cells()->mutable_status()->push_back(0); }, pixels + two_time,
       "no maps of cells"},
      {[](auto& d) { d.mutable_pixels()->set_rows(3); }, cells + two_time, "no maps of single pixels"},
      {[](auto& d) { d.mutable_two_time()->add_time_s(15); }, cells + pixels, "no two-time map"},
  };
  for (const Fault& fault : faults) {
    result::ResultMessage message = full_message();
    fault.make(*message.mutable_dynamics());
    const Parts parts = take_apart(dynamics_message(message));
    EXPECT_EQ(parts.values.size(), fault.values) << fault.warning;
    EXPECT_EQ(parts.header.dynamics().warning().find(fault.warning), 0U) << parts.header.dynamics().warning();
    EXPECT_EQ(parts.header.dynamics().has_cells(), fault.warning != "no maps of cells");
  }
}

}  // namespace
}  // namespace glasswatch

// The result file by itself and inside another file. Its content is checked by the process-level tests, with
// h5py.
#include "daemon/results_file.h"

#include <H5Cpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

namespace glasswatch {
namespace {

using ::testing::HasSubstr;

constexpr int kRadii = 3, kOrders = 2;

result::Setup setup() {
  result::Setup setup;
  setup.set_configuration_text("symmetry {}");
  setup.set_program_version("9.9");
  setup.set_azimuthal_bins(8);
  for (int k = 0; k < kRadii; ++k) {
    setup.add_radius_px(k + 0.5);
    setup.add_k_inv_nm(0.1 * k);
  }
  for (int n = 0; n < kOrders; ++n) setup.add_orders(static_cast<std::uint32_t>(2 + 2 * n));
  return setup;
}

result::FrameResult frame(std::uint64_t sequence) {
  result::FrameResult frame;
  frame.set_series_id(7);
  frame.set_sequence(sequence);
  frame.mutable_temperature()->set_value_c(100.0 + static_cast<double>(sequence));
  frame.mutable_drift()->set_row_nm(3);
  result::Symmetry& symmetry = *frame.mutable_symmetry();
  for (int i = 0; i < kRadii * kOrders; ++i) symmetry.add_power(0.1 * i + static_cast<double>(sequence));
  for (int k = 0; k < kRadii; ++k) symmetry.add_radial_mean(k);
  for (int n = 0; n < kOrders; ++n) {
    symmetry.add_ring_power(n);
    symmetry.add_ring_state(result::SIGNAL);
  }
  return frame;
}

result::MapUpdate tiles() {
  result::MapUpdate map;
  map.set_kind(result::MapUpdate::TILES);
  map.set_rows(1);
  map.set_columns(2);
  for (const char* channel : {"power 2", "ring mean", "peak"}) map.add_channel(channel);
  for (int i = 0; i < 6; ++i) map.add_value(static_cast<float>(i));
  return map;
}

result::Dynamics dynamics() {
  result::Dynamics dynamics;
  for (int i = 1; i <= 4; ++i) {
    dynamics.add_lag_s(i);
    dynamics.add_raw_g2(1 + 1.0 / i);
    dynamics.add_pairs(static_cast<std::uint64_t>(10 - i));
  }
  dynamics.set_label_rows(1);
  dynamics.set_label_columns(2);
  dynamics.set_label("\1\2");
  return dynamics;
}

void fill(ResultsFile& file) {
  stream::SeriesStart start;
  start.mutable_optics()->set_pixel_size(0.5);
  start.mutable_optics()->set_pixel_unit("nm");
  file.begin_series(7, start);
  for (std::uint64_t i = 0; i < 100; ++i) file.add(frame(i));
  file.add_map(tiles());
  file.add_dynamics(dynamics());
}

// Every dataset below a group, by its path there, as bytes; attributes by "path@name".
void collect(const H5::Group& group, const std::string& at, std::map<std::string, std::string>& content) {
  for (int i = 0; i < group.getNumAttrs(); ++i) {
    const H5::Attribute attribute = group.openAttribute(static_cast<unsigned>(i));
    content[at + "@" + attribute.getName()] = attribute.getTypeClass() == H5T_STRING
                                                  ? [&] {
                                                      std::string text;
                                                      attribute.read(attribute.getStrType(), text);
                                                      return text;
                                                    }()
                                                  : std::to_string(attribute.getInMemDataSize());
  }
  for (hsize_t i = 0; i < group.getNumObjs(); ++i) {
    const std::string name = group.getObjnameByIdx(i);
    if (group.childObjType(name) == H5O_TYPE_GROUP) {
      collect(group.openGroup(name), at + "/" + name, content);
      continue;
    }
    const H5::DataSet dataset = group.openDataSet(name);
    std::string bytes(dataset.getInMemDataSize(), '\0');
    dataset.read(bytes.data(), dataset.getDataType());
    content[at + "/" + name] = bytes;
  }
}

class ResultsFiles : public ::testing::Test {
 protected:
  ResultsFiles()
      : folder_(std::filesystem::path(::testing::TempDir()) / ("results_file" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    H5::Exception::dontPrint();
  }
  ~ResultsFiles() override { std::filesystem::remove_all(folder_); }

  // A file of somebody else.
  std::filesystem::path host() const {
    const auto path = folder_ / "host.hspy";
    H5::H5File(path.string(), H5F_ACC_TRUNC).createGroup("theirs");
    return path;
  }
  static std::map<std::string, std::string> content(const std::filesystem::path& path,
                                                    const std::string& group) {
    const H5::H5File file(path.string(), H5F_ACC_RDONLY);
    std::map<std::string, std::string> all;
    collect(file.openGroup(group), "", all);
    return all;
  }

  std::filesystem::path folder_;
};

TEST_F(ResultsFiles, AGroupHoldsWhatAFileOfItsOwnHolds) {
  const auto path = folder_ / "own.h5";
  {
    ResultsFile file(path, setup());
    fill(file);
    EXPECT_FALSE(std::filesystem::exists(path));
    file.finish(setup());
  }
  const auto inside = host();
  {
    ResultsFile file(inside, "results", setup());
    fill(file);
    file.finish(setup());
  }
  const auto own = content(path, "/");
  EXPECT_GT(own.size(), 40u);
  EXPECT_EQ(own.at("@format"), "glasswatch-results");
  EXPECT_EQ(own.at("@program_version"), "9.9");
  for (const char* name : {"/frames/temperature_c", "/symmetry/power", "/symmetry/k_inv_nm", "/tiles/power",
                           "/ecm/field/g2", "/regions/label"}) {
    EXPECT_TRUE(own.contains(name)) << name;
  }
  EXPECT_EQ(content(inside, "/results"), own);
  const auto whole = content(inside, "/");
  EXPECT_EQ(H5::H5File(inside.string(), H5F_ACC_RDONLY).openGroup("/").getNumObjs(), 2u);
  EXPECT_FALSE(whole.contains("@format"));
}

TEST_F(ResultsFiles, WhatIsNotFinishedIsTakenBack) {
  const auto inside = host();
  {
    ResultsFile file(inside, "/results", setup());
    fill(file);
  }
  const H5::H5File file(inside.string(), H5F_ACC_RDONLY);
  EXPECT_TRUE(file.nameExists("theirs"));
  EXPECT_FALSE(file.nameExists("results"));
  {
    ResultsFile own(folder_ / "own.h5", setup());
    fill(own);
    EXPECT_TRUE(std::filesystem::exists(folder_ / "own.h5.partial"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "own.h5.partial"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "own.h5"));
}

TEST_F(ResultsFiles, ResultsThatAreThereStay) {
  const auto inside = host();
  {
    ResultsFile file(inside, "results", setup());
    fill(file);
    file.finish(setup());
  }
  const auto before = content(inside, "/");
  EXPECT_THROW(ResultsFile(inside, "results", setup()), std::runtime_error);
  EXPECT_EQ(content(inside, "/"), before);
  EXPECT_THROW(ResultsFile(folder_ / "nowhere.hspy", "results", setup()), std::runtime_error);
}

TEST_F(ResultsFiles, ARunThatEndsBeforeItsTimeLeavesWhatItHas) {
  const auto path = folder_ / "own.h5";
  {
    ResultsFile file(path, setup());
    fill(file);
    file.leave_partial(setup(), "interrupted");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  const auto partial = content(folder_ / "own.h5.partial", "/");
  EXPECT_EQ(partial.at("@incomplete"), "interrupted");
  EXPECT_EQ(partial.at("/frames/sequence").size(), 100 * sizeof(std::uint64_t));
}

}  // namespace
}  // namespace glasswatch

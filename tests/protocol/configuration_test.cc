#include "protocol/configuration/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace glasswatch {
namespace {

using ::testing::HasSubstr;

// The faults of a configuration text, empty when it is accepted.
std::string faults(const std::string& text) {
  try {
    parse_configuration(text, "test.textproto", "/folder");
    return "";
  } catch (const ConfigurationError& error) {
    return error.what();
  }
}

const std::string kCalibration = "calibration { center_row_px: 1 center_col_px: 2 k_per_px_inv_nm: 0.01 }\n";

TEST(Configuration, ContractExampleIsAccepted) {
  EXPECT_EQ(faults(R"(
acquisition { frame_period_s: 5 exposure_s: 4 start_utc: "2023-05-12T09:00:00Z" }
calibration { center_row_px: 249.0 center_col_px: 305.0 ellipse_ratio: 1.0 ellipse_angle_deg: 0.0
              k_per_px_inv_nm: 0.0114 mask_path: "mask.npy" }
symmetry { r_min_px: 40 r_max_px: 140 radial_bins: 100 azimuthal_bins: 360 orders: [2,3,4,5,6,7,8,9,10,11,12]
           ring_min_inv_nm: 3.9 ring_max_inv_nm: 4.7
           mask_normalization: CENTERED subtract_noise: false keep_correlation: false }
ecm { engine: EXACT lags_per_decade: 12 max_lag_s: 5000 normalization: SYMMETRIC
      kww_exponent_factor: 1 baseline: FIXED pool_px: 8 fit_pixels: true }
)"),
            "");
}

TEST(Configuration, MaskPathIsResolvedAgainstTheFile) {
  const std::string mask = "calibration { center_row_px: 1 center_col_px: 2 mask_path: ";
  EXPECT_EQ(parse_configuration(mask + "\"m.npy\" }", "t", "/folder").calibration().mask_path(),
            "/folder/m.npy");
  EXPECT_EQ(parse_configuration(mask + "\"/else/m.npy\" }", "t", "/folder").calibration().mask_path(),
            "/else/m.npy");
}

TEST(Configuration, TheCentreIsGivenOrEstimated) {
  EXPECT_EQ(faults("calibration { estimate {} }"), "");
  EXPECT_EQ(faults("calibration { center_row_px: 1 center_col_px: 2 estimate { frames: 4 } }"), "");
  EXPECT_THAT(faults("calibration {}"), HasSubstr("estimate"));
  EXPECT_THAT(faults("calibration { center_row_px: 1 estimate {} }"), HasSubstr("both center_row_px"));
  EXPECT_THAT(faults("calibration { estimate { r_min_px: 9 r_max_px: 4 } }"), HasSubstr("r_min_px"));
  EXPECT_THAT(faults("symmetry { r_min_px: 4 r_max_px: 9 }"), HasSubstr("symmetry needs a calibration"));
  EXPECT_THAT(faults(kCalibration + "symmetry { r_min_px: 4 r_max_px: 9 motif_scan: true }"),
              HasSubstr("disc_radius_px"));
}

TEST(Configuration, TilesAreChecked) {
  EXPECT_EQ(faults("tiles {}"), "");
  EXPECT_EQ(parse_configuration("tiles {}", "t", "/").tiles().orders_size(), 11);
  EXPECT_THAT(faults("tiles { tile_px: 65 }"), HasSubstr("must be even"));
  EXPECT_THAT(faults("tiles { k_min_inv_nm: 5 k_max_inv_nm: 4 }"), HasSubstr("k_min_inv_nm"));
  EXPECT_THAT(faults("tiles { azimuthal_bins: 10 orders: [2, 6] }"), HasSubstr("needs at least 12"));
}

TEST(Configuration, AChangeIsCheckedLikeAFile) {
  config::Configuration changed =
      parse_configuration(kCalibration + "symmetry { r_min_px: 4 r_max_px: 9 }", "t", "/");
  EXPECT_NO_THROW(check_configuration(changed));
  changed.mutable_symmetry()->set_r_max_px(-1);
  EXPECT_THROW(check_configuration(changed), ConfigurationError);
}

TEST(Configuration, OrdersDefaultToTwoThroughTwelve) {
  const auto configuration =
      parse_configuration(kCalibration + "symmetry { r_min_px: 4 r_max_px: 9 }", "t", "/folder");
  ASSERT_EQ(configuration.symmetry().orders_size(), 11);
  EXPECT_EQ(configuration.symmetry().orders(0), 2u);
  EXPECT_EQ(configuration.symmetry().orders(10), 12u);
}

TEST(Configuration, FaultNamesPlaceFieldValueRangeAndRemedy) {
  const std::string text =
      faults("# comment\ncalibration {\n  center_row_px: 1\n  center_col_px: 2\n  ellipse_ratio: 0.5\n}");
  EXPECT_THAT(text, HasSubstr("test.textproto:5:3: calibration.ellipse_ratio = 0.5"));
  EXPECT_THAT(text, HasSubstr("[1, 4]"));
  EXPECT_THAT(text, HasSubstr("ellipse_angle_deg"));
}

TEST(Configuration, UnknownFieldsAndEnumValuesAreErrorsWithPlace) {
  EXPECT_THAT(faults("calibration {\n  center: 1\n}"), HasSubstr("test.textproto:2:"));
  EXPECT_THAT(faults("ecm { engine: FAST }"), HasSubstr("FAST"));
}

TEST(Configuration, BoundsAreExact) {
  EXPECT_EQ(faults(kCalibration + "symmetry { r_min_px: 4 r_max_px: 9 azimuthal_bins: 8 orders: [4] }"), "");
  EXPECT_THAT(faults(kCalibration + "symmetry { r_min_px: 4 r_max_px: 9 azimuthal_bins: 7 orders: [2] }"),
              HasSubstr("[8, 4096]"));
  EXPECT_THAT(faults("acquisition { frame_period_s: 0 }"), HasSubstr("(0, 86400]"));
  EXPECT_THAT(faults("temperature { max_gap_s: nan }"), HasSubstr("max_gap_s"));
  EXPECT_THAT(faults(kCalibration + "symmetry { r_min_px: 4 r_max_px: 9 orders: [3, 0] }"),
              HasSubstr("orders[1] = 0"));
}

TEST(Configuration, JoinedRules) {
  EXPECT_THAT(faults("symmetry { r_min_px: 4 r_max_px: 9 }"), HasSubstr("needs a calibration section"));
  EXPECT_THAT(faults(kCalibration + "symmetry { r_min_px: 9 r_max_px: 9 }"), HasSubstr("must be below"));
  EXPECT_THAT(faults(kCalibration + "symmetry { r_min_px: 4 r_max_px: 9 ring_min_inv_nm: 3 }"),
              HasSubstr("both be set"));
  EXPECT_THAT(faults("acquisition { frame_period_s: 1 exposure_s: 2 }"), HasSubstr("longer"));
  EXPECT_THAT(faults("acquisition { start_utc: \"yesterday\" }"), HasSubstr("yesterday"));
  EXPECT_THAT(faults("trigger { name: \"a\" quantity: RING_POWER order: 4 threshold: 1 }"),
              HasSubstr("symmetry section"));
  EXPECT_THAT(faults("trigger { name: \"a\" quantity: G2_FIRST_LAG threshold: 1 }"),
              HasSubstr("ecm section"));
  EXPECT_THAT(faults("trigger { name: \"a\" quantity: MEAN_COUNTS threshold: 1 burst {} }"),
              HasSubstr("microscope section"));
  EXPECT_THAT(faults("trigger { quantity: MEAN_COUNTS }"), HasSubstr("trigger[0].name is required"));
}

TEST(Configuration, EffectiveTextShowsDefaultsAndReadsBack) {
  const auto configuration = parse_configuration("ecm {}", "t", "/");
  const std::string text = effective_text(configuration);
  EXPECT_THAT(text, HasSubstr("max_lag_s: 5000"));
  EXPECT_THAT(text, HasSubstr("normalization: SYMMETRIC"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("calibration")));  // an absent section stays absent
  EXPECT_EQ(effective_text(parse_configuration(text, "t", "/")), text);
}

TEST(Configuration, DigestIsFnv1a) {
  // Test vectors of the FNV page: empty string and "a", 64 bit FNV-1a.
  EXPECT_EQ(digest(""), 0xcbf29ce484222325u);
  EXPECT_EQ(digest("a"), 0xaf63dc4c8601ec8cu);
}

TEST(Time, ParsesAndPrintsUtc) {
  EXPECT_EQ(parse_utc("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_utc("2001-09-09T01:46:40Z"), 1'000'000'000'000'000'000);  // the well-known billionth second
  EXPECT_EQ(parse_utc("2024-02-29T12:00:00.25Z"), 1'709'208'000'250'000'000);
  EXPECT_EQ(format_utc(1'709'208'000'250'000'000), "2024-02-29T12:00:00.250000000Z");
  EXPECT_EQ(format_utc(-1), "1969-12-31T23:59:59.999999999Z");
  for (const char* bad :
       {"2023-02-29T00:00:00Z", "2023-13-01T00:00:00Z", "2023-01-01 00:00:00", "2023-01-01T24:00:00Z",
        "2023-01-01T00:00:00", "2023-01-01T00:00:00.Z", "1969-01-01T00:00:00Z", "", "now"}) {
    EXPECT_EQ(parse_utc(bad), std::nullopt) << bad;
  }
}

TEST(Scenario, JoinedRules) {
  const std::string base = "name: \"s\" frames {} ramp {} pattern {}";
  EXPECT_NO_THROW(parse_scenario(base, "s"));
  EXPECT_THROW(parse_scenario("name: \"s\" frames { exposure_s: 2 } ramp {} pattern {}", "s"),
               ConfigurationError);
  EXPECT_THROW(parse_scenario("name: \"s\" frames {} ramp {} pattern { onset_c: 400 full_c: 400 }", "s"),
               ConfigurationError);
  EXPECT_THROW(parse_scenario("frames {} ramp {} pattern {}", "s"), ConfigurationError);
}

TEST(Scenario, WhatCannotBeSimulatedIsRefused) {
  const std::string base = "name: \"s\" ramp {} pattern {} specimen {} ";
  EXPECT_NO_THROW(parse_scenario(base + "frames { prepared_loop: 4 }", "s"));
  for (const char* bad :
       {"frames { prepared_loop: 4 } stage {}", "frames {} mode: HRTEM", "frames {} detector { binning: 3 }",
        "frames { prepared_loop: 4 } mode: NANOBEAM nanobeam {}", "frames {} stage { refocus_every_s: 0.5 }",
        "frames { rows: 4096 } detector { binning: 2 }",
        "frames { rows: 4096 columns: 4096 prepared_loop: 200 }",
        "frames {} nanobeam { k_per_px_inv_nm: 1 probe_nm: 20 }",
        "frames {} nanobeam { center_row_px: 1e9 }"}) {
    EXPECT_THROW(parse_scenario(base + bad, "s"), ConfigurationError) << bad;
  }
  EXPECT_THROW(parse_scenario("name: \"s\" frames {} ramp {} pattern {} hrtem {}", "s"), ConfigurationError);
}

TEST(Scenario, FaultsSayWhenAndBelongToTheirStream) {
  const auto complaint = [](const std::string& fault) -> std::string {
    try {
      parse_scenario("name: \"s\" frames {} ramp {} pattern {} fault { " + fault + " }", "s");
      return "";
    } catch (const ConfigurationError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(complaint("kind: LOSE sequence: 0"), "");
  EXPECT_EQ(complaint("kind: STALL at_s: 0 duration_s: 2"), "");
  EXPECT_EQ(complaint("kind: DELAY rate: 0.1"), "");
  EXPECT_EQ(complaint("kind: NAN_TEMPERATURE stream: ENVIRONMENT rate: 0.1"), "");
  EXPECT_THAT(complaint("kind: LOSE"), HasSubstr("fault[0] never happens; set sequence, at_s or rate"));
  EXPECT_THAT(complaint("kind: LOSE at_s: 3 at_s: -1"), HasSubstr("fault[0].at_s = -1 is not allowed"));
  EXPECT_THAT(complaint("kind: LOSE rate: 1.5"), HasSubstr("fault[0].rate = 1.5"));
  EXPECT_THAT(complaint("kind: DISCONNECT at_s: 1 duration_s: 0"), HasSubstr("fault[0].duration_s = 0"));
  for (const std::string kind : {"NAN_TEMPERATURE", "FROZEN_TEMPERATURE"}) {
    EXPECT_THAT(complaint("kind: " + kind + " sequence: 1"), HasSubstr("set stream: ENVIRONMENT")) << kind;
  }
}

}  // namespace
}  // namespace glasswatch

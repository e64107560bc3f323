#include "detectors/environment_log.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

using samples::input_error_of;
using testing::HasSubstr;

constexpr std::int64_t kMillisecond = 1'000'000;

// 2014-12-03 17:15:37.192 as UTC.
constexpr std::int64_t kProtochipsStart = 1'417'626'937'192 * kMillisecond;
const std::string kProtochips =
    "Time, Notes, Channel A Temperature, Channel A Current, Channel B Current\n"
    "0, Calibration file = E:\\AD21013_8.cal, 25, 0.001, 0\n"
    "0, Date (yyyy.mm.dd) = 2014.12.03, 25, 0.001, 0\n"
    "0, Time (hh:mm:ss.ms) = 17:15:37.192, 25, 0.001, 0\n"
    "0, Time units = Milliseconds, 25, 0.001, 0\n"
    "0, Temperature units = Degrees C, 25, 0.001, 0\n"
    "0, Current units = Amps, 25, 0.001, 0\n"
    "0, User agreeing to terms = user, 25, 0.001, 0\n";

class EnvironmentLogTest : public testing::Test {
 protected:
  EnvironmentLog read(const std::string& text, double log_utc_offset_s = 0) {
    return read_environment_log(folder_.write("holder_heat_raw.csv", text), {log_utc_offset_s});
  }
  std::string error_of(const std::string& text) {
    return input_error_of([&] { read(text); });
  }
  static std::string replaced(std::string text, const std::string& from, const std::string& to) {
    return text.replace(text.find(from), from.size(), to);
  }
  samples::TemporaryFolder folder_;
};

TEST_F(EnvironmentLogTest, ProtochipsKeepsEveryRowAsWritten) {
  const EnvironmentLog log = read(kProtochips +
                                  "49, , 25.5, NaN, 0\n"
                                  "49, , 25.5, NaN, 0\n"
                                  "148, ramp, to 500, started, -9999, , 2e-6\n"
                                  "120, , , 0.25, NaN\n");
  ASSERT_EQ(log.samples.size(), 11u);
  EXPECT_EQ(log.samples[0].time_utc_ns(), kProtochipsStart);
  EXPECT_DOUBLE_EQ(log.samples[0].temperature_c(), 25);
  EXPECT_EQ(log.samples[0].note(), "");
  EXPECT_EQ(log.samples[7].time_utc_ns(), kProtochipsStart + 49 * kMillisecond);
  EXPECT_EQ(log.samples[8].SerializeAsString(), log.samples[7].SerializeAsString());
  EXPECT_TRUE(std::isnan(log.samples[7].heater_current_a()));
  EXPECT_DOUBLE_EQ(log.samples[9].temperature_c(), -9999);
  EXPECT_FALSE(log.samples[9].has_heater_current_a());
  EXPECT_EQ(log.samples[9].note(), "ramp, to 500, started; Channel B Current = 2e-6");
  EXPECT_EQ(log.samples[10].time_utc_ns(), kProtochipsStart + 120 * kMillisecond);
  EXPECT_FALSE(log.samples[10].has_temperature_c());
  EXPECT_DOUBLE_EQ(log.samples[10].heater_current_a(), 0.25);
  EXPECT_EQ(log.start.identity().operator_(), "user");
  EXPECT_EQ(log.start.clock().kind(), stream::RECORDED_CLOCK);
}

TEST_F(EnvironmentLogTest, LocalTimeLessTheOffsetIsUtc) {
  EXPECT_EQ(read(kProtochips, 3600).samples[0].time_utc_ns(), kProtochipsStart - 3'600'000 * kMillisecond);
  EXPECT_EQ(read(kProtochips, -18000).samples[0].time_utc_ns(), kProtochipsStart + 18'000'000 * kMillisecond);
  EXPECT_THAT(input_error_of([&] { read(kProtochips, NAN); }), HasSubstr("log_utc_offset_s"));
}

TEST_F(EnvironmentLogTest, ProtochipsUnitsAreHonoured) {
  const std::string seconds = replaced(kProtochips, "Milliseconds", "Seconds") + "2, , 30, 0, 0\n";
  EXPECT_EQ(read(seconds).samples.back().time_utc_ns(), kProtochipsStart + 2000 * kMillisecond);
  EXPECT_THAT(error_of(replaced(kProtochips, "Milliseconds", "Hours")), HasSubstr("line 5"));
  EXPECT_THAT(error_of(replaced(kProtochips, "Degrees C", "Kelvin")), HasSubstr("Degrees C"));
}

TEST_F(EnvironmentLogTest, ALineEndOfWindowsAndAMissingDateAreAccepted) {
  const EnvironmentLog log = read("Time, Notes, Channel A Temperature\r\n0, , 25\r\n\r\n100, , 26\r\n");
  ASSERT_EQ(log.samples.size(), 2u);
  EXPECT_EQ(log.samples[1].time_utc_ns(), 100 * kMillisecond);
  EXPECT_THAT(log.remarks, testing::Contains(HasSubstr("1970-01-01")));
}

TEST_F(EnvironmentLogTest, AnUnfinishedLastLineIsDroppedAndSaid) {
  const EnvironmentLog log = read(kProtochips + "49, , 25.5, 0, 0\n99, , 2");
  EXPECT_EQ(log.samples.back().time_utc_ns(), kProtochipsStart + 49 * kMillisecond);
  EXPECT_THAT(log.remarks, testing::Contains(HasSubstr("last line")));
  EXPECT_THAT(read(kProtochips).remarks, testing::Not(testing::Contains(HasSubstr("last line"))));
}

TEST_F(EnvironmentLogTest, MalformedLinesAreNamed) {
  EXPECT_THAT(error_of(kProtochips + "49, , 25..5, 0, 0\n"),
              testing::AllOf(HasSubstr("line 9"), HasSubstr("Channel A Temperature"), HasSubstr("25..5")));
  EXPECT_THAT(error_of(kProtochips + "49, 25\n"), HasSubstr("line 9: 2 fields"));
  EXPECT_THAT(error_of(kProtochips + ", , 25, 0, 0\n"), HasSubstr("\"Time\""));
  EXPECT_THAT(error_of(replaced(kProtochips, "2014.12.03", "2014.13.03")), HasSubstr("line 3"));
  EXPECT_THAT(error_of(""), HasSubstr("is empty"));
  EXPECT_THAT(error_of("Time, Notes, Channel A Temperature\n"), HasSubstr("no complete line"));
  EXPECT_THAT(error_of("a,b\n1,2\n"), HasSubstr("Protochips CSV, Impulse CSV"));
  EXPECT_THAT(error_of("Time, Notes, Channel B Current\n0, , 1\n"), HasSubstr("Channel A Temperature"));
}

// 2021-08-06 00:00 as UTC, the day that "06-08-2021" means in the holder's Dutch order.
constexpr std::int64_t kImpulseDay = 1'628'208'000'000 * kMillisecond;

TEST_F(EnvironmentLogTest, ImpulseTakesTheDateFromTheLogBeside) {
  folder_.write("holder_Metadata.log",
                "Experiment date, 06-08-2021\nExperiment time, 13:40:19\nSample, \"Gold\"\n");
  folder_.write("other_metadata.log", "Experiment date, 01-01-2000\n");
  const EnvironmentLog log = read(
      "TimeStamp,Experiment time,Temperature Setpoint,Temperature Measured (degC),Power (mW),MixValve\n"
      "13:40:25.811,6.749,300,1.05,2.5,0; 0; 0\n"
      "13:40:26.336,7.274,,nan,,0; 0; 0\n",
      7200);
  ASSERT_EQ(log.samples.size(), 2u);
  EXPECT_EQ(log.samples[0].time_utc_ns(),
            kImpulseDay + (13 * 3600 + 40 * 60 + 25 - 7200) * 1000 * kMillisecond + 811 * kMillisecond);
  EXPECT_DOUBLE_EQ(log.samples[0].temperature_c(), 1.05);
  EXPECT_DOUBLE_EQ(log.samples[0].temperature_set_c(), 300);
  EXPECT_DOUBLE_EQ(log.samples[0].heater_power_w(), 0.0025);
  EXPECT_TRUE(std::isnan(log.samples[1].temperature_c()));
  EXPECT_FALSE(log.samples[1].has_temperature_set_c());
  EXPECT_EQ(log.start.identity().sample(), "Gold");
  EXPECT_NEAR(log.start.nominal_period_s(), 0.525, 1e-12);
  EXPECT_THAT(log.remarks, testing::Contains(HasSubstr("dd-mm-yyyy")));
}

TEST_F(EnvironmentLogTest, ImpulseReadsADateThatCanOnlyBeginWithTheMonthAndSaysSo) {
  folder_.write("holder_metadata.log", "Experiment date, 08-16-2021\n");
  const EnvironmentLog log = read("TimeStamp,Experiment time,Temperature Measured\n00:00:00.000,0,20\n");
  EXPECT_EQ(log.samples[0].time_utc_ns(), kImpulseDay + 10 * 86'400'000 * kMillisecond);
  EXPECT_THAT(log.remarks, testing::Contains(HasSubstr("mm-dd-yyyy")));
}

TEST_F(EnvironmentLogTest, ImpulseWithoutMetadataStartsIn1970AndGoesOnAfterMidnight) {
  const EnvironmentLog log = read(
      "TimeStamp,Experiment time,Temperature Measured\n"
      "23:59:59.500,0,20\n23:59:59.250,1,20\n00:00:00.250,2,21\n00:00:01.000,3,22\n");
  constexpr std::int64_t kDay = 86'400'000 * kMillisecond;
  EXPECT_EQ(log.samples[0].time_utc_ns(), kDay - 500 * kMillisecond);
  EXPECT_EQ(log.samples[1].time_utc_ns(), kDay - 750 * kMillisecond);  // a step back stays a step back
  EXPECT_EQ(log.samples[2].time_utc_ns(), kDay + 250 * kMillisecond);
  EXPECT_EQ(log.samples[3].time_utc_ns(), kDay + 1000 * kMillisecond);
  EXPECT_THAT(log.remarks, testing::Contains(HasSubstr("1970-01-01")));
}

TEST_F(EnvironmentLogTest, ImpulseStartedBeforeMidnightAndSampledAfter) {
  folder_.write("holder_metadata.log", "Experiment date, 06-08-2021\nExperiment time, 23:59:58\n");
  const EnvironmentLog log = read("TimeStamp,Experiment time,Temperature Measured\n00:00:01.000,3,20\n");
  EXPECT_EQ(log.samples[0].time_utc_ns(), kImpulseDay + 86'401'000 * kMillisecond);
}

TEST_F(EnvironmentLogTest, ImpulseDegreeSignMayBeLatin1OrUtf8) {
  for (const std::string degree : {"\xB0", "\xC2\xB0"}) {
    const EnvironmentLog log =
        read("TimeStamp,Experiment time,Temperature Measured (" + degree + "C)\n00:00:01.000,3,20.5\n");
    EXPECT_DOUBLE_EQ(log.samples[0].temperature_c(), 20.5);
  }
}

TEST_F(EnvironmentLogTest, ImpulseNamesWhatIsWrong) {
  const std::string header = "TimeStamp,Experiment time,Temperature Measured\n";
  EXPECT_THAT(error_of(header + "13:40:25.811,1,20\n13:61:00,2,21\n"),
              HasSubstr("line 3: field \"TimeStamp\""));
  EXPECT_THAT(error_of(header + "13:40:25.811,1,x\n"), HasSubstr("\"Temperature Measured\" is \"x\""));
  EXPECT_THAT(error_of(header), HasSubstr("no complete line"));
  EXPECT_THAT(error_of("TimeStamp,Experiment time,Temperature Measured (K)\n00:00:00,0,300\n"),
              HasSubstr("degC"));
  EXPECT_THAT(error_of("TimeStamp,Experiment time,Pin\n00:00:00,0,300\n"), HasSubstr("Temperature Measured"));
}

}  // namespace
}  // namespace glasswatch

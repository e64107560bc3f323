#include "detectors/calendar.h"

#include <gtest/gtest.h>

#include "detectors/utf8.h"

namespace glasswatch {
namespace {

// Expected values from `date -u -d ... +%s`.
TEST(Calendar, DaysFollowTheGregorianRules) {
  EXPECT_EQ(day_ns(1970, 1, 1), 0);
  EXPECT_EQ(day_ns(2000, 2, 29), std::int64_t{951'782'400} * 1'000'000'000);
  EXPECT_EQ(day_ns(2014, 12, 3), std::int64_t{1'417'564'800} * 1'000'000'000);
  EXPECT_EQ(day_ns(1969, 12, 31), -kNsPerDay);
  EXPECT_FALSE(day_ns(2100, 2, 29));
  EXPECT_FALSE(day_ns(2021, 13, 1));
  EXPECT_FALSE(day_ns(2021, 4, 31));
  EXPECT_FALSE(day_ns(99999, 1, 1));
}

TEST(Calendar, ClockTimesKeepTheirDecimals) {
  EXPECT_EQ(clock_ns("00:00:00"), 0);
  EXPECT_EQ(clock_ns("17:15:37.192"), std::int64_t{62'137'192} * 1'000'000);
  EXPECT_EQ(clock_ns("9:00:00.000000001"), std::int64_t{32'400} * 1'000'000'000 + 1);
  EXPECT_EQ(clock_ns("23:59:59.5"), kNsPerDay - 500'000'000);
  for (const char* wrong : {"", "24:00:00", "12:60:00", "12:00:61", "12:00", "12:00:00.", "12:00:00x",
                            "12:00:00.1234567890", "-1:00:00", "12;00;00"}) {
    EXPECT_FALSE(clock_ns(wrong)) << wrong;
  }
}

TEST(Calendar, DateFieldsAreTakenInTheOrderWritten) {
  const auto fields = date_fields("06-08-2021", '-');
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->first, 6);
  EXPECT_EQ(fields->second, 8);
  EXPECT_EQ(fields->third, 2021);
  EXPECT_FALSE(date_fields("06-08", '-'));
  EXPECT_FALSE(date_fields("06.08.2021", '-'));
  EXPECT_FALSE(date_fields("06-08-20211", '-'));
}

TEST(Utf8, ValidTextStaysAndTheRestIsLatin1) {
  EXPECT_EQ(valid_utf8("\xC2\xB0"
                       "C \xE2\x84\xAB \xF0\x9F\x94\xAC"),
            "\xC2\xB0"
            "C \xE2\x84\xAB \xF0\x9F\x94\xAC");
  EXPECT_EQ(valid_utf8("\xB0"
                       "C"),
            "\xC2\xB0"
            "C");
  EXPECT_EQ(valid_utf8("\xC0\x80"), "\xC3\x80\xC2\x80");              // overlong
  EXPECT_EQ(valid_utf8("\xED\xA0\x80"), "\xC3\xAD\xC2\xA0\xC2\x80");  // surrogate
  EXPECT_EQ(valid_utf8("a\xE2\x84"), "a\xC3\xA2\xC2\x84");            // cut short
}

}  // namespace
}  // namespace glasswatch

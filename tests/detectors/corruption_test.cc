// Damaged copies of every format: each must end in one InputError of one line, or be read.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "detectors/environment_log.h"
#include "detectors/recording.h"
#include "tests/detectors/sample_files.h"

namespace glasswatch {
namespace {

constexpr std::uint64_t kSeed = 20230512;
constexpr std::size_t kMostFrames = 50;

enum class Outcome { kRead, kRefused };

class CorruptionTest : public testing::Test {
 protected:
  // Reads `bytes` as the file `name`, everything that a program would read of it.
  Outcome read(const std::string& name, const std::string& bytes) {
    const auto path = folder_.write(name, bytes);
    const bool log = name.ends_with(".csv");
    const std::string message = samples::input_error_of([&] {
      if (log) {
        read_environment_log(path, {});
      } else {
        read_recording(path);
      }
    });
    if (message.empty()) return Outcome::kRead;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_NE(message.find(name), std::string::npos) << message;
    return Outcome::kRefused;
  }

  static void read_recording(const std::filesystem::path& path) {
    const auto recording = open_recording(path, {});
    FramePool pool(1, frame_bytes(recording->start()));
    Frame frame = pool.acquire();
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(recording->frame_count(), kMostFrames); ++i) {
      recording->read(i, frame);
    }
  }

  // `copies` copies with 1 to 4 flipped bits and as many cut short, all seeded; every whole copy must be
  // readable.
  void check(const std::string& name, const std::string& bytes, int copies) {
    ASSERT_FALSE(bytes.empty());
    ASSERT_EQ(read(name, bytes), Outcome::kRead);
    EXPECT_EQ(read(name, ""), Outcome::kRefused);
    std::mt19937_64 random(kSeed);
    for (int i = 0; i < copies; ++i) {
      std::string flipped = bytes;
      for (auto flips = random() % 4 + 1; flips > 0; --flips) {
        flipped[random() % flipped.size()] ^= static_cast<char>(1u << random() % 8);
      }
      read(name, flipped);
      read(name, bytes.substr(0, random() % bytes.size()));
    }
  }

  void check_instrument_file(const std::string& relative, int copies) {
    const std::filesystem::path path = std::filesystem::path(GLASSWATCH_SHARED_DIR) / "data" / relative;
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no instrument files at " << path;
    check(path.filename().string(), samples::read_file(path), copies);
  }

  samples::TemporaryFolder folder_;
};

TEST_F(CorruptionTest, Numpy) {
  check("a.npy", samples::npy_file("<i2", "(3, 4, 5)", std::string(120, 'x')), 500);
}

TEST_F(CorruptionTest, TiaSer) {
  samples::SerSample sample;
  sample.rows = 4;
  sample.columns = 5;
  sample.elements.assign(3, std::string(40, 'x'));
  sample.times_s = {1'456'073'345, 1'456'073'346, 1'456'073'347};
  check("a.ser", samples::ser_file(sample), 500);
  sample.version = 0x0220;
  check("a.ser", samples::ser_file(sample), 500);
}

TEST_F(CorruptionTest, VeloxEmd) {
  samples::VeloxSample sample;
  sample.pixels = {samples::Hdf5Type::kI2, {8, 8, 3}, {8, 8, 1}, 3, std::string(384, 'x')};
  sample.metadata.assign(3, samples::velox_json({}));
  sample.metadata_length = 2000;
  samples::write_velox(folder_ / "sample", {sample});
  check("a.emd", samples::read_file(folder_ / "sample"), 60);
}

TEST_F(CorruptionTest, Hyperspy) {
  samples::HyperspySample sample;
  sample.data = {samples::Hdf5Type::kU2, {2, 3, 8, 8}, {1, 2, 8, 8}, 3, std::string(768, 'x')};
  sample.axes.assign(4, {1, "nm", false});
  sample.axes[0].navigate = sample.axes[1].navigate = true;
  sample.date = "2023-05-12";
  sample.time = "09:00:00";
  samples::write_hyperspy(folder_ / "sample", sample);
  check("a.hspy", samples::read_file(folder_ / "sample"), 60);
}

TEST_F(CorruptionTest, Protochips) {
  check("a.csv",
        "Time, Notes, Channel A Temperature\n0, Date (yyyy.mm.dd) = 2014.12.03, 25\n"
        "0, Time (hh:mm:ss.ms) = 17:15:37.192, 25\n0, Time units = Milliseconds, 25\n50, , 25.5\n",
        500);
}

TEST_F(CorruptionTest, Impulse) {
  folder_.write("a_metadata.log", "Experiment date, 06-08-2021\nExperiment time, 13:40:19\n");
  check("a_raw.csv",
        "TimeStamp,Experiment time,Temperature Measured (\xB0"
        "C)\n13:40:25.811,6.749,1.05\n"
        "13:40:26.336,7.274,5.56307\n",
        500);
}

TEST_F(CorruptionTest, RealVeloxSeries) {
  check_instrument_file("instrument/velox8_ceta_stack_metadata.emd", 40);
}
TEST_F(CorruptionTest, RealVeloxImage) {
  check_instrument_file("instrument/velox_ceta_titan_diffraction_512.emd", 40);
}
TEST_F(CorruptionTest, RealHyperspy) {
  check_instrument_file("amorphous_titan_real/Amorphous.hspy", 40);
}
TEST_F(CorruptionTest, RealTiaImage) {
  check_instrument_file("instrument/tia_diffraction_ring_beamstop_64.ser", 200);
}
TEST_F(CorruptionTest, RealTiaSeries) {
  check_instrument_file("instrument/tia_tem_preview_64x5.ser", 200);
}
TEST_F(CorruptionTest, RealProtochips) {
  check_instrument_file("instrument/protochips_thermal.csv", 100);
}
TEST_F(CorruptionTest, RealElectrothermal) {
  check_instrument_file("instrument/protochips_electrothermal.csv", 50);
}
TEST_F(CorruptionTest, RealImpulse) {
  check_instrument_file("instrument/impulse_heat_raw.csv", 100);
}
TEST_F(CorruptionTest, RealImpulseSynchronized) {
  check_instrument_file("instrument/impulse_synchronized.csv", 50);
}

}  // namespace
}  // namespace glasswatch

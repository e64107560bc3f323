// Recordings made from known values: planted pixels and planted facts about every frame.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "detectors/recorded/file_writer.h"
#include "detectors/recorded/recorded_file.h"
#include "protocol/schema/recording.pb.h"
#include "protocol/types/frame.h"

namespace glasswatch::samples {

inline constexpr std::uint64_t kSampleSeries = 0x5e41e5;
inline constexpr std::int64_t kSampleStartNs = 1'683'882'000'000'000'000;

/// The beginning of a recording of u2 frames from a live clock.
recording::FileBegin sample_begin(std::uint32_t rows = 32, std::uint32_t columns = 48);

/// Pixels of frame `sequence`: pseudo-random 12-bit values, so that every block is its own and hardly
/// shrinks.
std::vector<std::uint16_t> sample_pixels(std::uint64_t sequence, std::size_t count);

/// Facts that no other frame has. Frames come in order, some sequence numbers are left out (gap before).
FrameInfo sample_info(std::uint64_t index, std::uint32_t rows = 32, std::uint32_t columns = 48);

recording::Record note(const std::string& text);
recording::Record sample_record(std::int64_t time_utc_ns, double temperature_c);

/// Compresses and adds frame `index`.
void add_sample_frame(recorded::FileWriter& writer, std::uint64_t index, const recording::FileBegin& begin);

/// Adds `frames` frames with "note 0", "note 1", ... before each, and flushes after every fourth.
void add_sample_series(recorded::FileWriter& writer, std::uint64_t frames);

/// Which of the planted frames (32 x 48) a recording holds, in its order. Throws std::logic_error when a
/// frame is none of them: pixels and facts are compared.
std::vector<std::uint64_t> planted_frames(Recording& recording);

std::vector<std::string> notes_in(RecordedFile& file);

/// Where the chunks of an array are in the file, by HDF5's own account: (offset, bytes).
std::vector<std::pair<std::uint64_t, std::uint64_t>> chunk_places(const std::filesystem::path& path,
                                                                  const std::string& object);

}  // namespace glasswatch::samples

// What HyperSpy expects around an array of pixels (its .hspy layout, file_format_version 3.1).
#pragma once

#include <H5Cpp.h>

#include <cstdint>
#include <string>

#include "protocol/schema/recording.pb.h"

namespace glasswatch::recorded {

/// One axis of the pixels as a file knows it: value = index * scale.
struct PixelAxis {
  std::string name;
  std::string units;  // "s", "nm", "1/nm"; "px" or "" where nothing is known
  double scale = 1;
};
PixelAxis time_axis(const stream::SeriesStart& start);
PixelAxis pixel_axis(const stream::SeriesStart& start, const std::string& name);

/// The group of the experiment: /Experiments/<name of the series>, with "-" for what cannot be in a name.
std::string experiment_path(const stream::SeriesStart& start);

/// Makes the experiment's group with axes and metadata, but for `data` and what is linked into
/// original_metadata. Throws H5::Exception.
void create_hyperspy_experiment(const H5::H5File& file, const recording::FileBegin& begin);

/// Frames that HyperSpy finds on its first axis. Allowed while others read. Throws H5::Exception.
void set_frames_of_axis(const H5::H5File& file, const stream::SeriesStart& start, std::uint64_t frames);

}  // namespace glasswatch::recorded

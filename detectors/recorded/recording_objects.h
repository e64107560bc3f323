// The datasets of a recording that grow.
#pragma once

#include <H5Cpp.h>

#include "detectors/recorded/block_array.h"
#include "detectors/recorded/environment_table.h"
#include "detectors/recorded/frame_table.h"
#include "detectors/recorded/journal_pages.h"
#include "protocol/schema/recording.pb.h"

namespace glasswatch::recorded {

/// Makes everything in a new file: growing datasets, groups, attributes, links. Holds no attribute open,
/// which SWMR forbids. Throws H5::Exception.
struct RecordingObjects {
  RecordingObjects(const H5::H5File& file, const recording::FileBegin& begin);

  /// The pixels last: who sees a frame sees its row, and what was recorded before it.
  template <typename Function>
  void for_each_dataset(Function&& function) {
    function(journal.dataset());
    environment.for_each_dataset(function);
    frames.for_each_dataset(function);
    function(data.dataset());
  }

  JournalPages journal;
  FrameTable frames;
  EnvironmentTable environment;
  BlockArray data;
};

}  // namespace glasswatch::recorded

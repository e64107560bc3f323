// A long series rolls over files; here they become one again.
#include <algorithm>

#include "detectors/input_error.h"
#include "detectors/recorded/recorded_file.h"

namespace glasswatch {
namespace {

using Parts = std::vector<std::unique_ptr<RecordedFile>>;

class JoinedParts final : public Recording {
 public:
  explicit JoinedParts(Parts parts) : parts_(std::move(parts)), start_(parts_.front()->start()) {
    std::uint64_t frames = 0;
    for (const auto& part : parts_) ends_.push_back(frames += part->frame_count());
  }

  const stream::SeriesStart& start() const override { return start_; }
  std::uint64_t frame_count() const override { return ends_.back(); }

  void read(std::uint64_t index, Frame& frame) override {
    if (index >= frame_count()) {
      throw input_error(start_.identity().source(), "frame ", index,
                        " was asked for; all parts together hold ", frame_count());
    }
    const auto part = static_cast<std::size_t>(std::ranges::upper_bound(ends_, index) - ends_.begin());
    parts_[part]->read(index - (part == 0 ? 0 : ends_[part - 1]), frame);
  }

  std::optional<stream::SeriesEnd> end() const override { return parts_.back()->end(); }

 private:
  Parts parts_;
  std::vector<std::uint64_t> ends_;  // frames in all parts up to this one
  const stream::SeriesStart start_;
};

// Whether `next` continues the recording of `last`, as its following part.
bool continues(const RecordedFile& last, const RecordedFile& next) {
  if (last.begin().recording_id() == 0 || last.begin().recording_id() != next.begin().recording_id())
    return false;
  if (next.begin().part() == last.begin().part() + 1) return true;
  throw input_error(next.start().identity().source(), "is part ", next.begin().part(),
                    " of its recording, but stands ", "behind part ", last.begin().part(),
                    "; give all parts between, in order");
}

std::unique_ptr<Recording> joined(Parts parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<JoinedParts>(std::move(parts));
}

}  // namespace

std::vector<std::unique_ptr<Recording>> join_parts(std::vector<std::unique_ptr<Recording>> recordings) {
  std::vector<std::unique_ptr<Recording>> result;
  Parts parts;
  const auto finish = [&] {
    if (!parts.empty()) result.push_back(joined(std::exchange(parts, {})));
  };
  for (std::unique_ptr<Recording>& recording : recordings) {
    auto* const file = dynamic_cast<RecordedFile*>(recording.get());
    if (file == nullptr || (!parts.empty() && !continues(*parts.back(), *file))) finish();
    if (file == nullptr) {
      result.push_back(std::move(recording));
      continue;
    }
    static_cast<void>(recording.release());
    parts.emplace_back(file);
  }
  finish();
  return result;
}

}  // namespace glasswatch

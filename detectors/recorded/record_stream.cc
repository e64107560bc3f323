#include "detectors/recorded/record_stream.h"

#include <algorithm>
#include <cstring>

namespace glasswatch::recorded {

bool RecordStream::add(const recording::JournalPage& label, std::span<const std::byte> page,
                       const Take& take) {
  auto used = page.first(std::min<std::size_t>(label.used_bytes(), page.size()));
  // A record that was never finished is not counted by the pages that come after it.
  const bool follows =
      next_page_ == label.index() && label.records_before() == next_record_ + (pending_.empty() ? 0 : 1);
  next_page_ = label.index() + 1;
  if (!follows) {
    pending_.clear();
    next_record_ = label.records_before();
    used = used.subspan(std::min<std::size_t>(label.first_record_byte(), used.size()));
  }
  pending_.insert(pending_.end(), used.begin(), used.end());
  if (cut(take)) return true;
  pending_.clear();
  next_page_.reset();
  return false;
}

bool RecordStream::cut(const Take& take) {
  std::span<const std::byte> rest = pending_;
  bool sound = true;
  for (std::uint32_t length = 0; sound && rest.size() >= sizeof length;) {
    std::memcpy(&length, rest.data(), sizeof length);
    if (rest.size() - sizeof length < length) break;
    recording::Record record;
    sound = record.ParseFromArray(rest.data() + sizeof length, static_cast<int>(length));
    if (sound) take(next_record_++, record);
    rest = rest.subspan(sizeof length + length);
  }
  pending_.erase(pending_.begin(), pending_.end() - static_cast<std::ptrdiff_t>(rest.size()));
  return sound;
}

}  // namespace glasswatch::recorded

#include "detectors/recorded/journal_pages.h"

#include <algorithm>
#include <cstring>

#include "detectors/recorded/attributes.h"
#include "detectors/recorded/recorded_layout.h"

namespace glasswatch::recorded {

JournalPages::JournalPages(const H5::H5File& file, std::uint64_t file_id)
    : file_id_(file_id), pages_(file, kJournalObject, H5::PredType::STD_U8LE, {kJournalPageBytes}) {
  label(dataset(), "1",
        "all but the pixels, in order of arrival: length-prefixed glasswatch.recording.Record");
}

void JournalPages::add(const recording::Record& record) {
  const auto bytes = static_cast<std::uint32_t>(record.ByteSizeLong());
  const std::size_t begin = waiting_.size();
  starts_.push_back(written_ + begin);
  waiting_.resize(begin + sizeof bytes + bytes);
  std::memcpy(waiting_.data() + begin, &bytes, sizeof bytes);
  record.SerializeToArray(waiting_.data() + begin + sizeof bytes, static_cast<int>(bytes));
  ++records_;
  std::span<const std::byte> left = waiting_;
  for (; left.size() >= kJournalPageBytes; left = left.subspan(kJournalPageBytes)) {
    write_page(left.first(kJournalPageBytes));
  }
  waiting_.erase(waiting_.begin(), waiting_.end() - static_cast<std::ptrdiff_t>(left.size()));
}

void JournalPages::flush() {
  if (!waiting_.empty()) write_page(waiting_);
  waiting_.clear();
}

void JournalPages::write_page(std::span<const std::byte> used) {
  page_.assign(used.begin(), used.end());
  page_.resize(kJournalPageBytes);
  encoder_.compress(page_, 1, Effort::kCompact, block_);
  recording::BlockLabel label;
  label.set_file_id(file_id_);
  label.mutable_page()->set_index(pages_.count());
  label.mutable_page()->set_used_bytes(static_cast<std::uint32_t>(used.size()));
  const std::uint64_t end = written_ + used.size();
  const std::uint64_t first = starts_.empty() ? end : std::min(starts_.front(), end);
  label.mutable_page()->set_first_record_byte(static_cast<std::uint32_t>(first - written_));
  label.mutable_page()->set_records_before(records_ - starts_.size());
  seal(label, block_);
  pages_.append(block_);
  bytes_ += block_.size();
  written_ = end;
  while (!starts_.empty() && starts_.front() < written_) starts_.pop_front();
}

}  // namespace glasswatch::recorded

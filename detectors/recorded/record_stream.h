// Cuts the journal of a recording, which comes in pages, into its records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "protocol/schema/recording.pb.h"

namespace glasswatch::recorded {

/// Takes the pages of a journal in order. A page that is missing costs the records that touch it. One thread
/// per object.
class RecordStream {
 public:
  /// `number` counts the records of the file from 0.
  using Take = std::function<void(std::uint64_t number, const recording::Record& record)>;

  /// Takes the page that `label` names, with its bytes, and calls `take` for every record that ends in it.
  /// False when a record is none; what belongs to it is dropped then, as if a page were missing.
  bool add(const recording::JournalPage& label, std::span<const std::byte> page, const Take& take);

 private:
  bool cut(const Take& take);

  std::vector<std::byte> pending_;  // from the beginning of a record that has not ended
  std::optional<std::uint64_t> next_page_ = 0;
  std::uint64_t next_record_ = 0;
};

}  // namespace glasswatch::recorded

#include "detectors/recorded/journal_facts.h"

#include <vector>

namespace glasswatch {

JournalFacts journal_facts(RecordedFile& file) {
  JournalFacts facts;
  facts.first_sequence = file.frame_count() == 0 ? 0 : file.info(0).sequence;
  std::vector<recording::Gap> before;
  file.for_each_record([&](const recording::Record& record) {
    facts.samples = facts.samples || record.has_sample();
    if (record.has_gap() && record.gap().first_sequence() < facts.first_sequence) {
      before.push_back(record.gap());
    }
  });
  for (auto gap = before.rbegin(); gap != before.rend(); ++gap) {
    if (gap->first_sequence() + gap->count() == facts.first_sequence) {
      facts.first_sequence = gap->first_sequence();
    }
  }
  return facts;
}

}  // namespace glasswatch

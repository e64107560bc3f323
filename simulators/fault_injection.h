// Faults put on purpose between a feed and its publisher, to prove what receivers do about them.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "protocol/schema/scenario.pb.h"
#include "simulators/message.h"

namespace glasswatch::simulation {

/// The faults of one stream. Each (fault, sequence) happens once, to the first frame or sample with that
/// number:
///   LOSE            not sent
///   DUPLICATE       sent twice
///   SWAP_WITH_NEXT  sent after its successor (or before the end of the series, if there is none)
///   OVERSIZE        frame: one row of pixels more than the header says; sample: a pixel part where none
///   belongs WRONG_HEADER    frame: one row more in the header than in the series start; sample: a schema
///   version of the future GARBAGE         header bytes that are no message
/// Starts and ends of series pass untouched. One fault per message: the first listed.
class FaultInjector {
 public:
  FaultInjector(const scenario::Scenario& scenario, scenario::Fault::Stream stream);

  /// What goes out instead of `message`, in order.
  std::vector<Message> apply(Message message);

 private:
  std::optional<scenario::Fault::Kind> fault_of(const Message& message);

  std::multimap<std::uint64_t, scenario::Fault::Kind> faults_;
  std::optional<Message> held_;
};

}  // namespace glasswatch::simulation

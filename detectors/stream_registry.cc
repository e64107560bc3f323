// The kinds of live sources. A new instrument adds one folder and one line here.
#include <algorithm>

#include "detectors/axon/axon_stream.h"
#include "detectors/ceta/ceta_stream.h"
#include "detectors/stream_decoder.h"

namespace glasswatch {
namespace {

constexpr StreamKind kStreamKinds[] = {
    {"ceta", "camera stream of the Ceta bridge, glasswatch-replay or glasswatch-simulate", make_ceta_stream},
    {"axon", "environment stream of the AXON bridge, glasswatch-replay or glasswatch-simulate",
     make_axon_stream},
};

}  // namespace

std::span<const StreamKind> stream_kinds() {
  return kStreamKinds;
}

std::unique_ptr<StreamDecoder> make_stream_decoder(std::string_view kind, wire::SizeLimits limits,
                                                   FrameSource frames) {
  const auto found = std::ranges::find(kStreamKinds, kind, &StreamKind::name);
  return found == std::end(kStreamKinds) ? nullptr : found->create(limits, std::move(frames));
}

}  // namespace glasswatch

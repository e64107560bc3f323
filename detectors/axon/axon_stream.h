// The environment stream: temperature, drift, focus and dose, as a bridge beside the AXON system publishes
// them.
#pragma once

#include "detectors/stream_decoder.h"

namespace glasswatch {

/// Decodes the environment stream into EnvironmentStarted, EnvironmentSampled, Gap and EnvironmentEnded.
/// Values pass as they are, NaN included: what they are worth is for the temperature stage to say.
std::unique_ptr<StreamDecoder> make_axon_stream(wire::SizeLimits limits, FrameSource frames);

}  // namespace glasswatch

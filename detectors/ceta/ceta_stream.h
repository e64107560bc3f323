// The camera stream: series of frames, as a bridge beside the Ceta's TEM server publishes them
// (streams.proto).
#pragma once

#include "detectors/stream_decoder.h"

namespace glasswatch {

/// Decodes the camera stream into SeriesStarted, Frame, Gap and SeriesEnded. Pixels are not touched: `frames`
/// makes a frame of them. A frame whose header is sound but whose pixels are refused leaves a Gap.
std::unique_ptr<StreamDecoder> make_ceta_stream(wire::SizeLimits limits, FrameSource frames);

}  // namespace glasswatch

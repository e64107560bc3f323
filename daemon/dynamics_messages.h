// Dynamics on its way out: thinned for every client, and as bytes for the page.
#pragma once

#include <cstdint>

#include "daemon/dashboard/server.h"
#include "protocol/schema/results.pb.h"

namespace glasswatch {

/// Most single pixels on the stream: 65,536 x 3 maps are 0.8 MB, as often as once a second.
inline constexpr std::uint64_t kMostStreamedPixels = std::uint64_t{1} << 16;

/// Drops what only files and snapshots carry (cells.g2 and label), and of the single pixels all but every
/// k-th row and column, k the smallest that leaves at most kMostStreamedPixels; step_px grows with it. A
/// value that stays is one pixel's, no mean. Maps of single pixels whose arrays do not fit their rows and
/// columns go, and `warning` says so.
void thin_for_stream(result::Dynamics& dynamics);

/// The message for the page, of a message with `dynamics`: the header, as JSON, is the message without its
/// large arrays (the status of every fit stays, in base64); behind it they follow as little-endian floats, in
/// this order:
///   cells.{tau_s, beta, contrast, tau_sigma_s, beta_sigma}   cells.rows x cells.columns each
///   pixels.{tau_s, beta, contrast}                           pixels.rows x pixels.columns each
///   two_time.correlation                                     units x times x times
/// A part that the message does not have takes no bytes; an empty array of a part that it has is NaN. A part
/// with an array of another size goes whole, out of the header too, and `warning` there says so. The page
/// knows the message by the header's `dynamics`. cells.g2 and label never go to the page.
OutgoingMessage dynamics_message(const result::ResultMessage& message);

}  // namespace glasswatch

// What both programs share around their work.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <zmq.hpp>

#include "protocol/types/user_error.h"
#include "simulators/publisher.h"

namespace glasswatch::simulation {

/// "max" or a number in [1e-6, 1e9]; throws UsageError naming `option`.
double parse_speed(const std::string& text, const std::string& option);

/// Waits up to `wait_s` until every publisher has a subscriber; throws StreamError naming those without. 0:
/// no wait. Ends without an error when interrupted, or when `meanwhile`, called ten times a second, gives
/// false.
void require_subscribers(std::span<Publisher* const> publishers, double wait_s,
                         const std::function<bool()>& meanwhile = {});

/// Before the publishers are closed: subscribers may take what is queued for another 30 s, 2 s after an
/// interrupt; a further signal ends the program at once. Returns at once when nobody is connected.
void let_go(std::span<Publisher* const> publishers);

}  // namespace glasswatch::simulation

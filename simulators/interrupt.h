// SIGINT and SIGTERM as a question the program asks, not as something that happens to it.
#pragma once

namespace glasswatch::simulation {

/// From now on SIGINT and SIGTERM only make interrupted() true (and cut blocking calls short).
void catch_interrupts();

/// A second signal ends the program at once again: for the last wait, when everything is said.
void release_interrupts();

bool interrupted();

}  // namespace glasswatch::simulation

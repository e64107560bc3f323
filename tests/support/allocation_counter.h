// Counts calls of operator new, for tests that promise not to allocate. Link allocation_counter.cc into the
// test program; under a sanitizer, whose own operators must stay in place, nothing is counted.
#pragma once

namespace glasswatch::test {

/// True when this build counts.
bool counts_allocations();

/// Calls of operator new by any thread since the program began.
long allocations();

}  // namespace glasswatch::test

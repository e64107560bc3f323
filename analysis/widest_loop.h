// A plain loop, compiled once more for AVX2 where that is there.
#pragma once

#include "analysis/wide_loops.h"

namespace glasswatch::analysis::internal {

template <auto loop, typename... Arguments>
GLASSWATCH_AVX2 auto call_avx2(Arguments... arguments) {
  return loop(arguments...);
}

/// loop(arguments...). For functions that are always inlined and treat their elements one by one, so that the
/// compiler may take several at a time and both versions give the same bits.
template <auto loop, typename... Arguments>
auto widest(Arguments... arguments) {
  return widest_loops() == LoopWidth::kAvx2 ? call_avx2<loop>(arguments...) : loop(arguments...);
}

}  // namespace glasswatch::analysis::internal

/// Of a function for widest<>.
#define GLASSWATCH_LOOP [[gnu::always_inline]] inline

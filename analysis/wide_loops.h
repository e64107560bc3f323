// Loops in two versions, for any processor and for one with AVX2, chosen when they run.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__)
#define GLASSWATCH_HAVE_AVX2
/// Of a function that is only called when widest_loops() is kAvx2.
#define GLASSWATCH_AVX2 __attribute__((target("avx2")))
#else
#define GLASSWATCH_AVX2
#endif

namespace glasswatch::analysis::internal {

/// Which version of a loop runs. Both give the same bits: sums are split in the same way, and nothing is
/// contracted.
enum class LoopWidth { kPlain, kAvx2 };

/// The widest that this processor has.
inline LoopWidth widest_loops() {
#ifdef GLASSWATCH_HAVE_AVX2
  if (__builtin_cpu_supports("avx2")) return LoopWidth::kAvx2;
#endif
  return LoopWidth::kPlain;
}

}  // namespace glasswatch::analysis::internal

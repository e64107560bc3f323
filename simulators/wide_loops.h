// Loops in several versions, one for each width of the processor's registers, chosen when the program starts.
// All give the same bits: nothing is contracted or summed in another order.
#pragma once

// Not with clang, and not with the thread sanitizer, whose instrumented choice would run before the sanitizer
// is there.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define GLASSWATCH_WIDE __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
// For products of complex numbers: where there is FMA, gcc 12 makes fmaddsub of them in spite of
// -ffp-contract=off.
#define GLASSWATCH_WIDE_COMPLEX __attribute__((target_clones("avx2", "default")))
#else
#define GLASSWATCH_WIDE
#define GLASSWATCH_WIDE_COMPLEX
#endif

// Contract checks: a broken precondition is the programmer's fault, so it prints the values and aborts.
#pragma once

#include <cstdlib>
#include <iostream>
#include <string_view>

namespace glasswatch::internal {

template <typename... Values>
[[noreturn]] void fail_check(std::string_view file, int line, std::string_view condition,
                             std::string_view names, const Values&... values) {
  std::cerr << file << ':' << line << ": contract broken: " << condition;
  if constexpr (sizeof...(values) > 0) {
    std::cerr << "; (" << names << ") =";
    ((std::cerr << ' ' << values), ...);
  }
  std::cerr << std::endl;
  std::abort();
}

}  // namespace glasswatch::internal

/// Aborts with the condition and the values of the expressions that follow it unless `condition` holds. For
/// what the calling code must guarantee; faulty data never ends here but in NaN and a status. Always compiled
/// in: use it per call, not per pixel.
#define GLASSWATCH_CHECK(condition, ...)                                    \
  (static_cast<bool>(condition)                                             \
       ? static_cast<void>(0)                                               \
       : ::glasswatch::internal::fail_check(__FILE__, __LINE__, #condition, \
                                            #__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__))

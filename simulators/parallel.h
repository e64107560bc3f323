// Work on rows by several threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

namespace glasswatch::simulation {

/// Calls work(begin, end) for consecutive blocks that cover [0, count), each from a thread of its own (the
/// last from the caller's), and returns when all are done; what one of them threw is thrown again. Blocks
/// depend on `threads`: results must not.
template <typename Work>
void in_blocks(int threads, std::size_t count, Work work) {
  const std::size_t blocks = std::clamp<std::size_t>(static_cast<std::size_t>(std::max(threads, 1)), 1,
                                                     std::max<std::size_t>(count, 1));
  std::vector<std::exception_ptr> thrown(blocks);
  const auto run = [&](std::size_t block) {
    try {
      work(count * block / blocks, count * (block + 1) / blocks);
    } catch (...) {
      thrown[block] = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> helpers;
    helpers.reserve(blocks - 1);
    for (std::size_t block = 0; block + 1 < blocks; ++block) helpers.emplace_back(run, block);
    run(blocks - 1);
  }
  for (const std::exception_ptr& exception : thrown) {
    if (exception) std::rethrow_exception(exception);
  }
}

}  // namespace glasswatch::simulation

// What a fuzz target consists of: the libFuzzer entry point, and seeds for the driver that runs without
// libFuzzer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Feeds one input to the code under test. Any crash, sanitizer report or exception that the code does not
/// declare is a finding. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

/// Valid inputs to mutate, made in memory.
std::vector<std::string> fuzz_seeds();

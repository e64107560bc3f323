// Runs a fuzz target on seeded mutations of its seeds, so that every build can fuzz for a few seconds; or
// writes the seeds into a folder, as the first corpus of the libFuzzer program of the same name.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string_view>

#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr std::size_t kLongestInsertion = 64;

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) {
  return limit == 0 ? 0 : random() % limit;
}

void flip_bits(Random& random, std::string& input) {
  if (input.empty()) return;
  for (std::size_t flips = 1 + below(random, 8); flips > 0; --flips) {
    input[below(random, input.size())] ^= static_cast<char>(1u << below(random, 8));
  }
}

void set_bytes(Random& random, std::string& input) {
  constexpr char kTelling[] = {'\0', '\x01', '\x7F', '\x80', '\xFF', '0', '-', ',', '\n', '{', '\''};
  if (input.empty()) return;
  for (std::size_t bytes = 1 + below(random, 4); bytes > 0; --bytes) {
    input[below(random, input.size())] = kTelling[below(random, std::size(kTelling))];
  }
}

void insert_bytes(Random& random, std::string& input) {
  std::string inserted(1 + below(random, kLongestInsertion), '\0');
  for (char& byte : inserted) byte = static_cast<char>(random());
  input.insert(below(random, input.size() + 1), inserted);
}

void splice(Random& random, std::string& input, const std::string& other) {
  const std::size_t length = below(random, other.size() + 1);
  const std::size_t from = below(random, other.size() - length + 1);
  const std::size_t at = below(random, input.size() + 1);
  input.replace(at, below(random, input.size() - at + 1), other, from, length);
}

std::string mutated(Random& random, const std::vector<std::string>& seeds) {
  std::string input = seeds[below(random, seeds.size())];
  for (std::size_t steps = 1 + below(random, 3); steps > 0; --steps) {
    switch (below(random, 6)) {
      case 0:
        input.resize(below(random, input.size() + 1));
        break;
      case 1:
        insert_bytes(random, input);
        break;
      case 2:
        splice(random, input, seeds[below(random, seeds.size())]);
        break;
      case 3:
        set_bytes(random, input);
        break;
      default:
        flip_bits(random, input);
    }
  }
  return input;
}

bool parse(const char* text, std::uint64_t& value) {
  const std::string_view digits(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size();
}

int write_seeds(const std::filesystem::path& folder, const std::vector<std::string>& seeds) {
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    std::ofstream file(folder / ("seed" + std::to_string(i)), std::ios::binary);
    file.write(seeds[i].data(), static_cast<std::streamsize>(seeds[i].size()));
    if (!file.flush()) {
      std::fprintf(stderr, "%s: cannot be written; give a folder that exists\n", folder.c_str());
      return 4;
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t runs = 1000;
  std::uint64_t seed = 1;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name(argv[i]);
    if (name == "--write" && i + 1 < argc) return write_seeds(argv[i + 1], fuzz_seeds());
    const bool known = name == "--runs" || name == "--seed";
    if (!known || i + 1 == argc || !parse(argv[i + 1], name == "--runs" ? runs : seed)) {
      std::fprintf(stderr, "usage: %s [--runs N] [--seed S] | --write FOLDER\n", argv[0]);
      return 2;
    }
  }
  const std::vector<std::string> seeds = fuzz_seeds();
  for (const std::string& input : seeds) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
  Random random(seed);
  for (std::uint64_t run = 0; run < runs; ++run) {
    const std::string input = mutated(random, seeds);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  }
  std::printf("%zu seeds and %llu mutations passed\n", seeds.size(), static_cast<unsigned long long>(runs));
  return 0;
}

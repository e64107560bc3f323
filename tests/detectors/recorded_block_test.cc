#include "detectors/recorded/block.h"

#include <H5Cpp.h>
#include <gmock/gmock.h>
#include <zlib.h>

#include <cstring>
#include <random>

namespace glasswatch::recorded {
namespace {

using Bytes = std::vector<std::byte>;

constexpr Effort kEfforts[] = {Effort::kCompact, Effort::kFast, Effort::kStored};

// Pixels as a camera makes them: noise in the low byte, little in the others.
Bytes noise(std::size_t elements, std::size_t element_bytes, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> value(1000, 40);
  Bytes bytes;
  for (std::size_t i = 0; i < elements; ++i) {
    const auto number = static_cast<std::int64_t>(value(random));
    const auto* begin = reinterpret_cast<const std::byte*>(&number);
    bytes.insert(bytes.end(), begin, begin + element_bytes);
  }
  return bytes;
}

Bytes incompressible(std::size_t count) {
  std::mt19937 random(2);
  Bytes bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

// The definition of HDF5's shuffle, undone.
Bytes unshuffled(const Bytes& bytes, std::size_t element_bytes) {
  Bytes result(bytes.size());
  const std::size_t elements = bytes.size() / element_bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    result[i % elements * element_bytes + i / elements] = bytes[i];
  return result;
}

recording::BlockLabel frame_label(std::uint64_t index) {
  recording::BlockLabel label;
  label.set_file_id(99);
  label.mutable_frame()->set_index(index);
  return label;
}

Bytes sealed(const Bytes& bytes, std::size_t element_bytes, Effort effort, std::uint64_t index = 7) {
  BlockEncoder encoder;
  Bytes block;
  encoder.compress(bytes, element_bytes, effort, block);
  seal(frame_label(index), block);
  return block;
}

// zlib's own inflate, up to the end of its stream.
struct Inflated {
  Bytes bytes;
  std::size_t read_bytes = 0;
};
Inflated inflated(const Bytes& block, std::size_t expected) {
  Inflated result;
  result.bytes.resize(expected + 1);
  Bytes input = block;
  z_stream stream{};
  inflateInit(&stream);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.bytes.data());
  stream.avail_out = static_cast<uInt>(result.bytes.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  result.bytes.resize(stream.total_out);
  result.read_bytes = stream.total_in;
  inflateEnd(&stream);
  return result;
}

TEST(RecordedBlock, IsAZlibStreamOfTheShuffledBytes) {
  BlockEncoder encoder;
  Bytes block;
  for (const Effort effort : kEfforts) {
    for (const std::size_t element_bytes : {1, 2, 3, 4, 5, 6, 7, 8}) {
      for (const std::size_t elements : {1, 2, 31, 997, 65535, 65536, 140'009}) {
        SCOPED_TRACE(testing::Message() << int(effort) << ", " << elements << " x " << element_bytes);
        const Bytes bytes = noise(elements, element_bytes);
        encoder.compress(bytes, element_bytes, effort, block);
        const Inflated result = inflated(block, bytes.size());
        EXPECT_EQ(result.read_bytes, block.size());
        EXPECT_TRUE(unshuffled(result.bytes, element_bytes) == bytes);
      }
    }
  }
}

TEST(RecordedBlock, EffortDecidesWhatIsCompressed) {
  const Bytes bytes = noise(100'000, 2);
  const auto size = [&](Effort effort) { return sealed(bytes, 2, effort).size(); };
  EXPECT_LT(size(Effort::kCompact), 115'000u);
  EXPECT_GT(size(Effort::kFast), 100'000u);  // the low bytes
  EXPECT_LT(size(Effort::kFast), 120'000u);  // and about a bit for each of the others
  EXPECT_GT(size(Effort::kStored), 200'000u);
  EXPECT_LT(size(Effort::kStored), 200'200u);
}

TEST(RecordedBlock, NeverExceedsItsLimit) {
  for (const Effort effort : kEfforts) {
    for (const std::size_t count : {8, 64, 5000, 65536, 300'000}) {
      recording::BlockLabel label = frame_label(0);
      label.mutable_frame()->mutable_header()->mutable_series_start()->set_name(std::string(65'000, 'n'));
      Bytes block;
      BlockEncoder().compress(incompressible(count), 8, effort, block);
      seal(label, block);
      EXPECT_LE(block.size(), most_bytes(count));
    }
  }
  recording::BlockLabel label;
  label.mutable_frame()->mutable_header()->mutable_series_start()->set_name(std::string(66'000, 'n'));
  Bytes block;
  EXPECT_THROW(seal(label, block), std::length_error);
  EXPECT_THROW(BlockEncoder().compress(Bytes(7), 2, Effort::kFast, block), std::invalid_argument);
}

TEST(RecordedBlock, ComesBackWithItsLabel) {
  BlockDecoder decoder;
  for (const Effort effort : kEfforts) {
    for (const std::size_t element_bytes : {1, 2, 3, 4, 5, 6, 7, 8}) {
      const Bytes bytes = noise(4999, element_bytes);
      const Bytes block = sealed(bytes, element_bytes, effort);
      const auto label = decoder.label(block);
      ASSERT_TRUE(label);
      EXPECT_EQ(label->SerializeAsString(), frame_label(7).SerializeAsString());
      Bytes back(bytes.size());
      EXPECT_TRUE(decoder.decompress(block, element_bytes, back));
      EXPECT_TRUE(back == bytes);
      EXPECT_FALSE(decoder.decompress(block, 1, std::span(back).first(back.size() - 1)));
      Bytes larger(bytes.size() + element_bytes);
      EXPECT_FALSE(decoder.decompress(block, element_bytes, larger));
    }
  }
}

TEST(RecordedBlock, PassesThroughTheFiltersOfHdf5) {
  H5::FileAccPropList memory;
  memory.setCore(1 << 20, false);
  const H5::H5File file("recorded_block_test", H5F_ACC_TRUNC, H5::FileCreatPropList::DEFAULT, memory);
  for (const Effort effort : kEfforts) {
    for (const std::size_t element_bytes : {1, 2, 4, 8}) {
      for (const hsize_t elements : {1, 7, 10'007, 70'001}) {
        const Bytes bytes = noise(elements, element_bytes);
        const Bytes block = sealed(bytes, element_bytes, effort);
        H5::DSetCreatPropList properties;
        properties.setChunk(1, &elements);
        properties.setShuffle();
        properties.setDeflate(1);
        const H5::IntType type(element_bytes == 1   ? H5::PredType::STD_U8LE
                               : element_bytes == 2 ? H5::PredType::STD_U16LE
                               : element_bytes == 4 ? H5::PredType::STD_U32LE
                                                    : H5::PredType::STD_U64LE);
        const H5::DataSet dataset = file.createDataSet("data", type, H5::DataSpace(1, &elements), properties);
        const hsize_t offset = 0;
        ASSERT_GE(H5Dwrite_chunk(dataset.getId(), H5P_DEFAULT, 0, &offset, block.size(), block.data()), 0);
        Bytes back(bytes.size());
        dataset.read(back.data(), type);
        EXPECT_TRUE(back == bytes) << int(effort) << ", " << elements << " x " << element_bytes;
        file.unlink("data");
      }
    }
  }
}

void expect_refused(BlockDecoder& decoder, std::span<const std::byte> block, std::size_t bytes) {
  Bytes back(bytes);
  EXPECT_FALSE(decoder.label(block));
  EXPECT_FALSE(decoder.decompress(block, 2, back));
}

TEST(RecordedBlock, RefusesWhatIsCutOrFlipped) {
  BlockDecoder decoder;
  for (const Effort effort : kEfforts) {
    const Bytes block = sealed(noise(60, 2), 2, effort);
    for (std::size_t length = 0; length < block.size(); ++length) {
      expect_refused(decoder, std::span(block).first(length), 120);
      expect_refused(decoder, std::span(block).last(length), 120);
    }
    for (std::size_t i = 0; i < block.size() * 8; ++i) {
      Bytes flipped = block;
      flipped[i / 8] ^= static_cast<std::byte>(1u << i % 8);
      expect_refused(decoder, flipped, 120);
    }
    Bytes longer = block;
    longer.insert(longer.begin(), std::byte{0});
    expect_refused(decoder, longer, 120);
  }
}

TEST(RecordedBlock, NeverReturnsOtherBytesEvenUnderARightChecksum) {
  BlockDecoder decoder;
  std::mt19937 random(3);
  const Bytes bytes = noise(60, 2);
  for (const Effort effort : kEfforts) {
    Bytes stream;
    BlockEncoder().compress(bytes, 2, effort, stream);
    for (int turn = 0; turn < 3000; ++turn) {
      Bytes block = stream;
      for (int flips = 1 + turn % 3; flips > 0; --flips) {
        block[random() % block.size()] ^= static_cast<std::byte>(1 + random() % 255);
      }
      if (turn % 7 == 0) block.resize(random() % block.size());
      seal(frame_label(1), block);
      Bytes back(bytes.size());
      const bool taken = decoder.decompress(block, 2, back);
      EXPECT_TRUE(!taken || back == bytes);
    }
  }
}

TEST(RecordedBlock, LengthsOfNonsenseAreRefused) {
  BlockDecoder decoder;
  const Bytes block = sealed(noise(60, 2), 2, Effort::kCompact);
  for (const std::uint64_t length :
       {std::uint64_t{0}, std::uint64_t{1} << 32, ~std::uint64_t{0}, ~std::uint64_t{40}}) {
    Bytes wrong = block;
    std::memcpy(wrong.data() + wrong.size() - kFooterBytes, &length, sizeof length);
    expect_refused(decoder, wrong, 120);
    std::memcpy(wrong.data() + wrong.size() - kFooterBytes + 4, &length, sizeof length);
    expect_refused(decoder, wrong, 120);
  }
}

struct Found {
  std::vector<std::size_t> offsets;
  std::vector<std::uint64_t> indices;
  std::uint64_t damaged = 0;
};
Found found_in(const Bytes& file) {
  Found found;
  found.damaged =
      find_blocks(file, [&](std::size_t offset, std::span<const std::byte> block, const auto& label) {
        EXPECT_EQ(block.data(), file.data() + offset);
        Bytes back(2000);
        EXPECT_TRUE(BlockDecoder().decompress(block, 2, back));
        found.offsets.push_back(offset);
        found.indices.push_back(label.frame().index());
      });
  return found;
}

TEST(RecordedBlock, BlocksAreFoundInAnyFile) {
  using testing::ElementsAre;
  Bytes file;
  std::vector<std::size_t> offsets;
  for (const std::uint64_t index : {0, 1, 2, 3, 4}) {
    const Bytes between = incompressible(index == 2 ? 0 : 313 * (index + 1));
    file.insert(file.end(), between.begin(), between.end());
    offsets.push_back(file.size());
    const Bytes block = sealed(noise(1000, 2, static_cast<unsigned>(index)), 2, kEfforts[index % 3], index);
    file.insert(file.end(), block.begin(), block.end());
  }
  Found found = found_in(file);
  EXPECT_EQ(found.offsets, offsets);
  EXPECT_THAT(found.indices, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(found.damaged, 0u);

  Bytes damaged = file;
  damaged[offsets[1] + 100] ^= std::byte{16};
  found = found_in(damaged);
  EXPECT_THAT(found.indices, ElementsAre(0, 2, 3, 4));
  EXPECT_EQ(found.damaged, 1u);

  Bytes cut(file.begin() + static_cast<std::ptrdiff_t>(offsets[1]) + 1, file.end() - 1);
  found = found_in(cut);
  EXPECT_THAT(found.indices, ElementsAre(2, 3));
  EXPECT_EQ(found.damaged, 1u);  // the first; the last has no footer
  EXPECT_THAT(found_in(Bytes()).indices, ElementsAre());
  EXPECT_THAT(found_in(incompressible(1000)).indices, ElementsAre());
}

}  // namespace
}  // namespace glasswatch::recorded

#include "mp/internal/frame/verify.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "mp/internal/frame/decode_as.h"
#include "mp/internal/frame/message.h"
#include "mp/object.h"
#include "mp/wire/golden.h"
#include "mp/wire/value_generated.h"
#include "tools/fuzz/aligned.h"

namespace mp::internal {
namespace {

using mp::testing::Aligned;
using mp::testing::AlignedFile;
using mp::testing::decode_as_everything;
using mp::testing::golden_values;

std::vector<std::string> corpus() {
  std::vector<std::string> files;
  for (const auto& golden : golden_values()) {
    files.push_back(std::string("mp/wire/golden/v1/") + golden.name + ".bin");
  }
  return files;
}

TEST(Verify, TakesWhatTheEncoderWrites) {
  for (const std::string& path : corpus()) {
    EXPECT_EQ(verify(AlignedFile(path).bytes(), false), absl::OkStatus()) << path;
  }
}

TEST(Verify, RefusesWhatOnlyAFamilyCanRead) {
  for (const char* name : {"handle", "descriptor", "pointer", "callable"}) {
    AlignedFile file(std::string("mp/wire/golden/v1/") + name + ".bin");
    EXPECT_FALSE(verify(file.bytes()).ok()) << name;
  }
  // Also inside of something else.
  Encoder e;
  Encoder::Ref items[] = {e.integer(1), e.handle(1, 64)};
  e.finish(e.variant(0, e.list(items)));
  EXPECT_TRUE(verify(Aligned(e.message()).bytes(), false).ok());
  EXPECT_FALSE(verify(Aligned(e.message()).bytes()).ok());
}

TEST(Verify, EveryCutMessageIsRefusedOrHarmless) {
  int refused = 0;
  int total = 0;
  for (const std::string& path : corpus()) {
    AlignedFile file(path);
    for (size_t n = 0; n < file.bytes().size(); ++n) {
      Aligned cut(file.bytes().subspan(0, n));
      ++total;
      if (verify(cut.bytes(), false).ok()) {
        decode_as_everything(cut.bytes());
      } else {
        ++refused;
      }
    }
  }
  // Only a few bytes of padding may be missing from some.
  EXPECT_GT(refused, total * 97 / 100);
}

TEST(Verify, EveryFlippedBitIsRefusedOrHarmless) {
  for (const std::string& path : corpus()) {
    AlignedFile file(path);
    for (size_t i = 0; i < file.bytes().size() * 8; ++i) {
      Aligned flipped(file.bytes());
      flipped.data()[i / 8] ^= std::byte(1 << i % 8);
      if (verify(flipped.bytes(), false).ok()) {
        decode_as_everything(flipped.bytes());
      }
    }
  }
}

TEST(Verify, ManyChangedBytesAreRefusedOrHarmless) {
  std::mt19937_64 random(3);
  int accepted = 0;
  std::vector<std::string> files = corpus();
  for (int round = 0; round < 20'000; ++round) {
    AlignedFile file(files[random() % files.size()]);
    Aligned changed(file.bytes());
    for (uint64_t n = 1 + random() % 4; n > 0; --n) {
      // Offsets and sizes are small numbers: so are most of the changes.
      changed.data()[random() % file.bytes().size()] =
          static_cast<std::byte>(random() % 2 == 0 ? random() % 40 : random());
    }
    if (verify(changed.bytes(), false).ok()) {
      ++accepted;
      decode_as_everything(changed.bytes());
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST(Verify, GarbageIsRefused) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::byte> bytes(random() % 300);
    for (std::byte& b : bytes) {
      b = static_cast<std::byte>(random() % 30);
    }
    if (bytes.size() > 8) {
      std::memcpy(&bytes[4], "MPVA", 4);
    }
    Aligned copy(bytes);
    if (verify(copy.bytes(), false).ok()) {
      decode_as_everything(copy.bytes());
    }
  }
}

std::string nested_lists(int levels) {
  Encoder e;
  Encoder::Ref value = e.integer(1);
  for (int i = 1; i < levels; ++i) {
    value = e.list(std::span<const Encoder::Ref>(&value, 1));
  }
  e.finish(value);
  return std::string(reinterpret_cast<const char*>(e.message().data()), e.message().size());
}

TEST(Verify, RefusesMoreThan64Levels) {
  auto check = [](const std::string& message) {
    return verify(Aligned(std::as_bytes(std::span<const char>(message))).bytes()).ok();
  };
  EXPECT_TRUE(check(nested_lists(64)));
  EXPECT_FALSE(check(nested_lists(65)));
  EXPECT_FALSE(check(nested_lists(100'000)));
}

TEST(Verify, RefusesPartsThatAreUsedTwice) {
  // A million references to one long text would unpack to a terabyte.
  flatbuffers::FlatBufferBuilder b;
  auto text = b.CreateString(std::string(1000, 'x'));
  std::vector<flatbuffers::Offset<flatbuffers::String>> same(100, text);
  wire::FinishValueBuffer(b, wire::CreateValue(b, wire::Any::Texts,
                                               wire::CreateTexts(b, b.CreateVector(same)).Union()));
  std::span<const std::byte> texts(reinterpret_cast<const std::byte*>(b.GetBufferPointer()),
                                   b.GetSize());
  EXPECT_FALSE(verify(Aligned(texts).bytes()).ok());

  // The same with tables: 2^30 paths through 30 lists of two.
  Encoder e;
  Encoder::Ref value = e.integer(1);
  for (int i = 0; i < 30; ++i) {
    Encoder::Ref twice[] = {value, value};
    value = e.list(twice);
  }
  e.finish(value);
  EXPECT_FALSE(verify(Aligned(e.message()).bytes()).ok());
}

// Half a million times the same vector of half a million texts: to look at it each time would take minutes.
TEST(Verify, IsDoneWithAVectorThatIsNamedAgainAndAgain) {
  constexpr size_t kMany = 500'000;
  flatbuffers::FlatBufferBuilder b(kMany * 8 + 1000);
  const std::vector<flatbuffers::Offset<flatbuffers::String>> same(kMany, b.CreateString(""));
  const auto texts =
      wire::CreateValue(b, wire::Any::Texts, wire::CreateTexts(b, b.CreateVector(same)).Union());
  const std::vector<flatbuffers::Offset<wire::Value>> items(kMany, texts);
  wire::FinishValueBuffer(
      b, wire::CreateValue(b, wire::Any::List, wire::CreateList(b, b.CreateVector(items)).Union()));
  EXPECT_FALSE(verify(Aligned(b.GetBufferPointer(), b.GetSize()).bytes()).ok());
}

TEST(Verify, RefusesImpossibleSizesAndPlaces) {
  alignas(16) std::byte bytes[64] = {};
  EXPECT_FALSE(verify({bytes, 0}).ok());
  EXPECT_FALSE(verify({bytes, 11}).ok());
  EXPECT_FALSE(verify({bytes + 8, 48}).ok());
  EXPECT_FALSE(verify({bytes, size_t{1} << 31}).ok());
  EXPECT_EQ(verify({bytes, 48}).code(), absl::StatusCode::kDataLoss);
}

TEST(Verify, TakesLargeHonestMessages) {
  Object list = mp::list();
  for (int i = 0; i < 20'000; ++i) {
    list.append(mp::tuple({i, None, "text", mp::dict({{"k", true}})}));
  }
  Encoder e;
  encode_message(e, list);
  EXPECT_EQ(verify(Aligned(e.message()).bytes()), absl::OkStatus());
  // Nothing is smaller than a list of None.
  encode_message(e, std::vector<std::nullptr_t>(50'000));
  EXPECT_EQ(verify(Aligned(e.message()).bytes()), absl::OkStatus());
}

}  // namespace
}  // namespace mp::internal

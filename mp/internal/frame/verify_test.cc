#include "mp/internal/frame/verify.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/function.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/frame/message.h"
#include "mp/object.h"
#include "mp/wire/golden.h"
#include "mp/wire/value_generated.h"

namespace mp::internal {
namespace {

using mp::testing::AlignedFile;
using mp::testing::golden_values;

// A copy at a 16-aligned place, of exactly its size: AddressSanitizer sees who reads on.
class Copy {
 public:
  explicit Copy(std::span<const std::byte> bytes) : size_(bytes.size()) {
    void* at = nullptr;
    EXPECT_EQ(posix_memalign(&at, 16, size_ == 0 ? 1 : size_), 0);
    at_ = static_cast<std::byte*>(at);
    std::copy(bytes.begin(), bytes.end(), at_);
  }
  ~Copy() { std::free(at_); }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;
  std::span<const std::byte> bytes() const { return {at_, size_}; }
  std::byte* data() { return at_; }

 private:
  size_t size_;
  std::byte* at_;
};

class NoFds final : public FdSource {
 public:
  int take_fd(uint32_t) override { raise(value_error("none")); }
};

// Decodes as many types; whatever happens must be an exception or a value.
template <class T>
void try_decode(std::span<const std::byte> bytes) {
  NoFds fds;
  try {
    decode_message<T>(bytes, &fds);
  } catch (const std::exception&) {
  }
}

void try_everything(std::span<const std::byte> bytes) {
  struct Three {
    int a;
    std::string b;
    std::vector<double> c;
  };
  try_decode<Object>(bytes);
  try_decode<int64_t>(bytes);
  try_decode<std::string>(bytes);
  try_decode<std::vector<int>>(bytes);
  try_decode<std::vector<bool>>(bytes);
  try_decode<std::vector<std::string>>(bytes);
  try_decode<std::map<std::string, double>>(bytes);
  try_decode<std::set<std::string>>(bytes);
  try_decode<std::variant<int, std::string>>(bytes);
  try_decode<std::optional<std::chrono::nanoseconds>>(bytes);
  try_decode<std::chrono::system_clock::time_point>(bytes);
  try_decode<Three>(bytes);
  try_decode<Function<void()>>(bytes);
  try_decode<void (*)()>(bytes);
  try_decode<std::exception_ptr>(bytes);
  try_decode<Fd>(bytes);
  try {
    run_call(Reader::open(bytes));
  } catch (const std::exception&) {
  }
}

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
  EXPECT_TRUE(verify(Copy(e.message()).bytes(), false).ok());
  EXPECT_FALSE(verify(Copy(e.message()).bytes()).ok());
}

TEST(Verify, EveryCutMessageIsRefusedOrHarmless) {
  int refused = 0;
  int total = 0;
  for (const std::string& path : corpus()) {
    AlignedFile file(path);
    for (size_t n = 0; n < file.bytes().size(); ++n) {
      Copy cut(file.bytes().subspan(0, n));
      ++total;
      if (verify(cut.bytes(), false).ok()) {
        try_everything(cut.bytes());
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
      Copy flipped(file.bytes());
      flipped.data()[i / 8] ^= std::byte(1 << i % 8);
      if (verify(flipped.bytes(), false).ok()) {
        try_everything(flipped.bytes());
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
    Copy changed(file.bytes());
    for (uint64_t n = 1 + random() % 4; n > 0; --n) {
      // Offsets and sizes are small numbers: so are most of the changes.
      changed.data()[random() % file.bytes().size()] =
          static_cast<std::byte>(random() % 2 == 0 ? random() % 40 : random());
    }
    if (verify(changed.bytes(), false).ok()) {
      ++accepted;
      try_everything(changed.bytes());
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
    Copy copy(bytes);
    if (verify(copy.bytes(), false).ok()) {
      try_everything(copy.bytes());
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
    return verify(Copy(std::as_bytes(std::span<const char>(message))).bytes()).ok();
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
  EXPECT_FALSE(verify(Copy(texts).bytes()).ok());

  // The same with tables: 2^30 paths through 30 lists of two.
  Encoder e;
  Encoder::Ref value = e.integer(1);
  for (int i = 0; i < 30; ++i) {
    Encoder::Ref twice[] = {value, value};
    value = e.list(twice);
  }
  e.finish(value);
  EXPECT_FALSE(verify(Copy(e.message()).bytes()).ok());
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
  EXPECT_EQ(verify(Copy(e.message()).bytes()), absl::OkStatus());
  // Nothing is smaller than a list of None.
  encode_message(e, std::vector<std::nullptr_t>(50'000));
  EXPECT_EQ(verify(Copy(e.message()).bytes()), absl::OkStatus());
}

}  // namespace
}  // namespace mp::internal

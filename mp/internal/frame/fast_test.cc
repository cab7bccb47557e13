#include "mp/internal/frame/fast.h"

#include <array>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "mp/bytes.h"
#include "mp/errors.h"
#include "mp/internal/frame/message.h"
#include "mp/wire/value_generated.h"

namespace mp::internal {
namespace {

using Builder = flatbuffers::FlatBufferBuilder;

// The message of v by the fast path, with a guard behind it.
template <class T>
std::string fast(const T& v) {
  size_t size = fast_size(v);
  std::vector<uint64_t> room(size / 8 + 3, 0xabababababababab);
  std::byte* out = reinterpret_cast<std::byte*>(room.data());
  fast_write(v, out);
  EXPECT_EQ(out[size], std::byte{0xab}) << "wrote behind its end";
  return std::string(reinterpret_cast<const char*>(out), size);
}

template <class T>
std::string general(const T& v) {
  Encoder e;
  e.finish(e.value(v));
  auto m = e.message();
  return std::string(reinterpret_cast<const char*>(m.data()), m.size());
}

template <class T>
T read(const std::string& message) {
  std::vector<uint64_t> copy(message.size() / 8 + 1);
  std::memcpy(copy.data(), message.data(), message.size());
  std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(copy.data()), message.size());
  T v{};
  EXPECT_TRUE(fast_read(bytes, v));
  EXPECT_EQ(v, decode_message<T>(bytes));
  EXPECT_EQ(v, Codec<T>::decode(Reader::open(bytes)));
  T again{};
  decode_message_into(again, bytes);
  EXPECT_EQ(v, again);
  return v;
}

template <class T>
void expect_same(const T& v) {
  std::string bytes = fast(v);
  ASSERT_EQ(bytes, general(v));
  ASSERT_EQ(read<T>(bytes), v);
}

template <class Member>
std::string built(Builder& b, wire::Any any, flatbuffers::Offset<Member> member) {
  wire::FinishValueBuffer(b, wire::CreateValue(b, any, member.Union()));
  return std::string(reinterpret_cast<const char*>(b.GetBufferPointer()), b.GetSize());
}

TEST(Fast, TextsOfEverySizeAreTheBuildersBytes) {
  std::mt19937 random(1);
  for (size_t n = 0; n <= 2000; ++n) {
    std::string v(n, '\0');
    for (char& c : v) {
      c = static_cast<char>(random());
    }
    Builder b;
    ASSERT_EQ(fast(v), built(b, wire::Any::Text, wire::CreateText(b, b.CreateString(v))));
    ASSERT_EQ(fast(std::string_view(v)), fast(v));
    expect_same(v);
  }
}

TEST(Fast, BytesOfEverySizeAreTheBuildersBytes) {
  for (size_t n = 0; n <= 2000; ++n) {
    Bytes v = Bytes::zeros(n);
    for (size_t i = 0; i < n; ++i) {
      v[i] = static_cast<std::byte>(i * 7);
    }
    Builder b;
    auto vector = b.CreateVector(reinterpret_cast<const uint8_t*>(v.data()), n);
    ASSERT_EQ(fast(v), built(b, wire::Any::Bytes, wire::CreateBytes(b, vector)));
    expect_same(v);
    expect_same(std::vector<std::byte>(v.begin(), v.end()));
  }
}

template <class T, class Create>
void expect_builders_vectors(wire::Any any, Create create) {
  std::mt19937_64 random(2);
  for (size_t n = 0; n <= 2000; n += n < 70 ? 1 : 37) {
    std::vector<T> v(n);
    for (T& x : v) {
      x = static_cast<T>(random());
    }
    Builder b;
    ASSERT_EQ(fast(v), built(b, any, create(b, b.CreateVector(v)))) << "n " << n;
    ASSERT_EQ(fast(std::span<const T>(v)), fast(v));
    expect_same(v);
  }
  std::array<T, 5> five{1, 2, 3, 4, 5};
  ASSERT_EQ(fast(five), fast(std::vector<T>(five.begin(), five.end())));
  expect_same(five);
  expect_same(std::array<T, 0>());
}

TEST(Fast, VectorsOfEveryNumberTypeAreTheBuildersBytes) {
  expect_builders_vectors<int8_t>(wire::Any::Int8s, wire::CreateInt8s);
  expect_builders_vectors<int16_t>(wire::Any::Int16s, wire::CreateInt16s);
  expect_builders_vectors<int32_t>(wire::Any::Int32s, wire::CreateInt32s);
  expect_builders_vectors<int64_t>(wire::Any::Int64s, wire::CreateInt64s);
  expect_builders_vectors<uint8_t>(wire::Any::UInt8s, wire::CreateUInt8s);
  expect_builders_vectors<uint16_t>(wire::Any::UInt16s, wire::CreateUInt16s);
  expect_builders_vectors<uint32_t>(wire::Any::UInt32s, wire::CreateUInt32s);
  expect_builders_vectors<uint64_t>(wire::Any::UInt64s, wire::CreateUInt64s);
  expect_builders_vectors<float>(wire::Any::Float32s, wire::CreateFloat32s);
  expect_builders_vectors<double>(wire::Any::Float64s, wire::CreateFloat64s);
}

enum class Small : int8_t { kLow = -128, kNone = 0, kHigh = 127 };
enum class Large : uint64_t { kLow = 0, kHigh = ~uint64_t{0} };

template <class T>
void expect_same_limits() {
  for (T v : {std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max(), T(0), T(1)}) {
    if constexpr (sizeof(T) == 8 && std::is_unsigned_v<T>) {
      // Above the signed numbers it is another table, which only the general path reads.
      ASSERT_EQ(fast(v), general(v));
      Encoder e;
      encode_message(e, v);
      ASSERT_EQ(decode_message<T>(e.message()), v);
    } else {
      expect_same(v);
    }
  }
}

TEST(Fast, NumbersAreTheEncodersBytes) {
  expect_same(false);
  expect_same(true);
  expect_same_limits<char>();
  expect_same_limits<signed char>();
  expect_same_limits<unsigned char>();
  expect_same_limits<short>();
  expect_same_limits<unsigned short>();
  expect_same_limits<int>();
  expect_same_limits<unsigned>();
  expect_same_limits<long>();
  expect_same_limits<unsigned long>();
  expect_same_limits<long long>();
  expect_same_limits<unsigned long long>();
  expect_same_limits<wchar_t>();
  expect_same_limits<char8_t>();
  expect_same_limits<char16_t>();
  expect_same_limits<char32_t>();
  expect_same_limits<float>();
  expect_same_limits<double>();
  expect_same(Small::kLow);
  expect_same(Small::kHigh);
  expect_same(std::vector<Small>{Small::kLow, Small::kHigh});
  EXPECT_EQ(fast(Large::kHigh), general(Large::kHigh));
  EXPECT_EQ(fast(std::byte{200}), general(std::byte{200}));
}

TEST(Fast, RefusesEveryShorterMessage) {
  for (const std::string& whole :
       {fast(std::string("hello world")), fast(std::vector<double>{1, 2, 3}), fast(42)}) {
    std::vector<uint64_t> copy(whole.size() / 8 + 1);
    std::memcpy(copy.data(), whole.data(), whole.size());
    for (size_t n = 0; n < whole.size(); ++n) {
      std::span<const std::byte> cut(reinterpret_cast<const std::byte*>(copy.data()), n);
      std::string text;
      std::vector<double> numbers;
      int number = 0;
      // Only padding may be missing.
      ASSERT_FALSE(fast_read(cut, text) && text != "hello world");
      ASSERT_FALSE(fast_read(cut, numbers));
      ASSERT_FALSE(fast_read(cut, number));
    }
  }
}

TEST(Fast, RefusesEveryMessageWithAnotherPrefix) {
  std::string whole = fast(std::string("hello world"));
  for (size_t i = 0; i < kContentAt - 4; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<uint64_t> copy(whole.size() / 8 + 1);
      std::memcpy(copy.data(), whole.data(), whole.size());
      std::byte* bytes = reinterpret_cast<std::byte*>(copy.data());
      bytes[i] ^= std::byte(1 << bit);
      std::string text = "before";
      ASSERT_FALSE(fast_read(std::span<const std::byte>(bytes, whole.size()), text));
      ASSERT_EQ(text, "before");
    }
  }
}

TEST(Fast, ALengthBeyondTheMessageIsRefused) {
  std::string whole = fast(std::string("hello world"));
  for (uint32_t length : {13u, 100u, 0x7fffffffu, 0xffffffffu}) {
    std::vector<uint64_t> copy(whole.size() / 8 + 1);
    std::memcpy(copy.data(), whole.data(), whole.size());
    std::memcpy(reinterpret_cast<char*>(copy.data()) + kContentAt - 4, &length, 4);
    std::string text;
    EXPECT_FALSE(fast_read({reinterpret_cast<const std::byte*>(copy.data()), whole.size()}, text));
  }
}

TEST(Fast, RefusesAMessageOver2GiB) {
  // Views that long; nothing is read from them.
  const char byte = 0;
  EXPECT_THROW(fast_size(std::string_view(&byte, size_t{1} << 31)), ValueError);
  const double number = 0;
  EXPECT_THROW(fast_size(std::span<const double>(&number, size_t{1} << 60)), ValueError);
}

TEST(Fast, IsOnlyForCodecsOfTheLibrary) {
  static_assert(FastCodec<int> && FastCodec<std::string> && FastCodec<std::string_view>);
  static_assert(FastCodec<std::vector<double>> && FastCodec<Bytes> && FastCodec<char[6]>);
  static_assert(!FastCodec<std::vector<bool>> && !FastCodec<std::array<bool, 3>>);
  static_assert(!FastCodec<std::vector<std::string>> && !FastCodec<std::pair<int, int>>);
}

TEST(Fast, TakesA64MiBMessage) {
  std::string large(size_t{64} << 20, 'x');
  large.back() = 'y';
  std::vector<uint64_t> room(fast_size(large) / 8 + 1);
  std::byte* out = reinterpret_cast<std::byte*>(room.data());
  fast_write(large, out);
  EXPECT_EQ(decode_message<std::string>({out, fast_size(large)}), large);
}

}  // namespace
}  // namespace mp::internal

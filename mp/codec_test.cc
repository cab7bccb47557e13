#include "mp/codec.h"

#include <array>
#include <bitset>
#include <chrono>
#include <cmath>
#include <cstring>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/fixed_array.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/container/node_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "absl/types/variant.h"
#include "gtest/gtest.h"
#include "mp/bytes.h"
#include "mp/errors.h"
#include "mp/internal/frame/verify.h"

namespace mp {
namespace {

// A message at an aligned place.
class Message {
 public:
  template <class T>
  explicit Message(const T& v) {
    Encoder& encoder = Encoder::local();
    internal::encode_message(encoder, v);
    size_ = encoder.message().size();
    words_.resize(size_ / 8 + 3);
    std::memcpy(data(), encoder.message().data(), size_);
    EXPECT_EQ(internal::verify(bytes(), false), absl::OkStatus());
  }
  std::span<const std::byte> bytes() const { return {data(), size_}; }
  template <class T>
  T as() const {
    return internal::decode_message<T>(bytes());
  }
  // What decoding as a T throws, "" if nothing.
  template <class T>
  std::string error() const {
    try {
      as<T>();
    } catch (const Error& e) {
      return std::string(e.name()) + ": " + e.what();
    }
    return "";
  }

 private:
  std::byte* data() const {
    // To 16, as the verifier wants it.
    uintptr_t at = (reinterpret_cast<uintptr_t>(words_.data()) + 15) & ~uintptr_t{15};
    return reinterpret_cast<std::byte*>(at);
  }
  std::vector<uint64_t> words_;
  size_t size_;
};

template <class T>
void expect_round_trip(const T& v) {
  static_assert(Shippable<T>);
  EXPECT_TRUE(Message(v).as<T>() == v) << internal::type_name<T>();
}

struct Point {
  double x = 0;
  double y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

struct Flags {
  unsigned ready : 1;
  unsigned level : 5;
  int rest;
  friend bool operator==(const Flags&, const Flags&) = default;
};

struct Empty {
  friend bool operator==(Empty, Empty) = default;
};

struct Tree {
  std::string name;
  std::vector<Tree> children;
  std::optional<Point> place;
  const int fixed = 3;
  friend bool operator==(const Tree&, const Tree&) = default;
};

struct TwentyFour {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w;
  std::string x;
  friend bool operator==(const TwentyFour&, const TwentyFour&) = default;
};

class Worker {
 public:
  Worker() = default;
  Worker(std::string name, int count) : name_(std::move(name)), count_(count) {}
  virtual ~Worker() = default;
  auto fields() { return std::tie(name_, count_); }
  friend bool operator==(const Worker& a, const Worker& b) {
    return a.name_ == b.name_ && a.count_ == b.count_;
  }

 private:
  std::string name_;
  int count_ = 0;
};

enum class Color : uint8_t { kRed = 1, kBlue = 200 };
enum Old { kOldA, kOldB = -7 };

// Has a codec of its own, which its vectors must use too.
enum class Named { kOne, kTwo };

class Money {
 public:
  explicit Money(int64_t cents) : cents_(cents) {}
  int64_t cents() const { return cents_; }
  friend bool operator==(const Money&, const Money&) = default;

 private:
  int64_t cents_;
};

template <class T>
struct Box {
  explicit Box(T v) : value(std::move(v)) {}
  T value;
};

}  // namespace

template <>
struct Codec<Named> {
  static Encoder::Ref encode(Encoder& e, Named v) {
    return e.text(v == Named::kOne ? "one" : "two");
  }
  static Named decode(const Reader& r) { return r.text() == "one" ? Named::kOne : Named::kTwo; }
};

template <>
struct Codec<Money> {
  static Encoder::Ref encode(Encoder& e, const Money& m) { return e.value(m.cents()); }
  static Money decode(const Reader& r) { return Money(r.as<int64_t>()); }
};

template <class T>
struct Codec<Box<T>> {
  using Parts = internal::Types<T>;
  static Encoder::Ref encode(Encoder& e, const Box<T>& b) {
    return e.tagged("Box", e.value<T>(b.value));
  }
  static Box<T> decode(const Reader& r) { return Box<T>(r.tagged("Box").template as<T>()); }
};

namespace {

TEST(Codec, ScalarsRoundTrip) {
  expect_round_trip(true);
  expect_round_trip('x');
  expect_round_trip(static_cast<int8_t>(-128));
  expect_round_trip(std::numeric_limits<int64_t>::min());
  expect_round_trip(std::numeric_limits<uint64_t>::max());
  expect_round_trip(1.5f);
  expect_round_trip(-0.0);
  expect_round_trip(std::numeric_limits<double>::infinity());
  expect_round_trip(Color::kBlue);
  expect_round_trip(kOldB);
  expect_round_trip(nullptr);
  expect_round_trip(std::byte{7});
  EXPECT_TRUE(std::isnan(Message(std::nan("")).as<double>()));
}

TEST(Codec, TextsRoundTrip) {
  expect_round_trip(std::string());
  expect_round_trip(std::string("a\0b", 3));
  expect_round_trip(std::string(300, 'x'));
  expect_round_trip(std::u8string(u8"h\u00e9"));
  expect_round_trip(std::u16string(u"abc"));
  expect_round_trip(std::wstring(L"abc"));
  expect_round_trip(std::filesystem::path("/a/b"));
}

TEST(Codec, ViewsAreReceivedAsWhatOwnsTheSame) {
  EXPECT_EQ(Message(std::string_view("view")).as<std::string>(), "view");
  EXPECT_EQ(Message(absl::string_view("view")).as<std::string>(), "view");
  EXPECT_EQ(Message("literal").as<std::string>(), "literal");
  const char* pointer = "pointer";
  EXPECT_EQ(Message(pointer).as<std::string>(), "pointer");
  char array[8] = "abc";
  EXPECT_EQ(Message(array).as<std::string>(), "abc");
  std::vector<int> numbers{1, 2, 3};
  EXPECT_EQ(Message(std::span<const int>(numbers)).as<std::vector<int>>(), numbers);
  EXPECT_EQ(Message(absl::Span<const int>(numbers)).as<std::vector<int>>(), numbers);
  std::vector<std::string> texts{"a", "b"};
  EXPECT_EQ(Message(std::span<const std::string>(texts)).as<std::vector<std::string>>(), texts);
  EXPECT_EQ(Message(std::vector<std::string_view>{"a", "b"}).as<std::vector<std::string>>(), texts);
}

TEST(Codec, SequencesRoundTrip) {
  expect_round_trip(std::vector<int>{1, -2, 3});
  expect_round_trip(std::vector<bool>{true, false, true});
  expect_round_trip(std::vector<std::string>{"a", "", "ccc"});
  expect_round_trip(std::vector<std::vector<double>>{{1.5}, {}, {2, 3}});
  expect_round_trip(std::vector<Point>{{1, 2}, {3, 4}});
  expect_round_trip(std::vector<std::byte>{std::byte{1}, std::byte{255}});
  expect_round_trip(Bytes("a\0b", 3));
  expect_round_trip(std::array<int, 3>{1, 2, 3});
  expect_round_trip(std::array<bool, 3>{true, false, true});
  expect_round_trip(std::array<std::string, 2>{"a", "b"});
  expect_round_trip(std::array<Money, 2>{Money(1), Money(2)});
  expect_round_trip(std::deque<int>{1, 2});
  expect_round_trip(std::deque<bool>{true, false});
  expect_round_trip(std::list<std::string>{"a", "b"});
  expect_round_trip(std::forward_list<int>{1, 2, 3});
  expect_round_trip(std::forward_list<std::string>{"a", "b"});
  expect_round_trip(absl::InlinedVector<int, 2>{1, 2, 3});
  expect_round_trip(absl::InlinedVector<std::string, 2>{"a", "b"});
  expect_round_trip(absl::FixedArray<int>{1, 2, 3});
  expect_round_trip(std::vector<Named>{Named::kOne, Named::kTwo});
  expect_round_trip(std::vector<Color>{Color::kRed, Color::kBlue});
}

TEST(Codec, SetsAndMapsRoundTrip) {
  expect_round_trip(std::set<std::string>{"a", "b"});
  expect_round_trip(std::multiset<int>{1, 1, 2});
  expect_round_trip(std::unordered_set<int>{1, 2, 3});
  expect_round_trip(std::map<std::string, int>{{"a", 1}, {"b", 2}});
  expect_round_trip(std::map<int, std::map<int, bool>>{{1, {{2, true}}}, {3, {}}});
  expect_round_trip(std::multimap<int, std::string>{{1, "a"}, {1, "b"}});
  expect_round_trip(std::unordered_map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}});
  expect_round_trip(std::unordered_multimap<int, int>{{1, 2}, {1, 2}});
  expect_round_trip(absl::flat_hash_map<std::string, int>{{"a", 1}});
  expect_round_trip(absl::node_hash_map<int, Point>{{1, {2, 3}}});
  expect_round_trip(absl::flat_hash_set<std::string>{"a", "b"});
  expect_round_trip(absl::btree_map<int, int>{{1, 2}, {3, 4}});
}

TEST(Codec, OptionalVariantPairTupleRoundTrip) {
  expect_round_trip(std::optional<int>());
  expect_round_trip(std::optional<int>(0));
  expect_round_trip(std::optional<std::string>("x"));
  expect_round_trip(absl::optional<int>(4));
  // Three different values, which must stay different.
  using Nested = std::optional<std::optional<int>>;
  expect_round_trip(Nested());
  expect_round_trip(Nested(std::optional<int>()));
  expect_round_trip(Nested(std::optional<int>(1)));
  EXPECT_FALSE(Message(Nested()).as<Nested>().has_value());
  EXPECT_TRUE(Message(Nested(std::optional<int>())).as<Nested>().has_value());
  expect_round_trip(std::optional<Money>(Money(5)));

  using V = std::variant<int, std::string, std::monostate, int>;
  expect_round_trip(V(std::in_place_index<0>, 1));
  expect_round_trip(V(std::in_place_index<3>, 1));
  expect_round_trip(V("text"));
  expect_round_trip(V(std::monostate()));
  expect_round_trip(std::variant<Money, int>(Money(3)));
  expect_round_trip(absl::variant<int, std::string>("s"));

  expect_round_trip(std::pair<int, std::string>(1, "a"));
  expect_round_trip(std::pair<const double, double>(1, 2));
  expect_round_trip(std::tuple<>());
  expect_round_trip(std::tuple<int, std::string, double>(1, "a", 2.5));
  expect_round_trip(std::tuple<int, std::tuple<int, bool>>(1, {2, true}));
}

TEST(Codec, StructsTravelFieldByField) {
  expect_round_trip(Point{1, 2});
  expect_round_trip(Empty());
  expect_round_trip(Flags{1, 17, -3});
  expect_round_trip(Tree{"root", {{"leaf", {}, Point{1, 2}}, {"other", {}, {}}}, {}});
  TwentyFour many{};
  many.a = 1;
  many.w = 23;
  many.x = "last";
  expect_round_trip(many);
  expect_round_trip(Worker("w", 3));
  expect_round_trip(std::vector<Worker>{{"a", 1}, {"b", 2}});
  expect_round_trip(std::map<std::string, Tree>{{"t", {"x", {}, {}}}});
}

TEST(Codec, UsersCodecsAreUsedEverywhere) {
  expect_round_trip(Money(1234));
  expect_round_trip(std::vector<Money>{Money(1), Money(2)});
  expect_round_trip(Named::kTwo);
  EXPECT_EQ(Message(Named::kTwo).as<std::string>(), "two");
  EXPECT_EQ(Message(Box<int>(5)).as<Box<int>>().value, 5);
  EXPECT_EQ(Message(5).error<Box<int>>(), "TypeError: mp: expected Box, found int");
  static_assert(Shippable<Box<int>> && !Shippable<Box<int*>>);
}

TEST(Codec, LambdasWithoutCapturesAreValues) {
  auto lambda = [](int x) { return 2 * x; };
  EXPECT_EQ(Message(lambda).as<decltype(lambda)>()(4), 8);
  EXPECT_EQ(Message(std::plus<>()).as<std::plus<>>()(1, 2), 3);
}

TEST(Codec, DurationsRoundTrip) {
  using namespace std::chrono;
  expect_round_trip(nanoseconds(-1));
  expect_round_trip(nanoseconds::max());
  expect_round_trip(nanoseconds::min());
  expect_round_trip(microseconds(1'500'000));
  expect_round_trip(seconds::max());
  expect_round_trip(hours::max());
  expect_round_trip(hours::min());
  expect_round_trip(years(-5));
  expect_round_trip(duration<int, std::ratio<1, 60>>(-7));
  expect_round_trip(duration<int16_t, std::ratio<1, 3>>(32767));
  expect_round_trip(duration<double>(1.5));
  expect_round_trip(duration<int64_t, std::pico>(1));
  EXPECT_NEAR(
      (Message(duration<double, std::milli>(0.1)).as<duration<double, std::milli>>().count()), 0.1,
      1e-15);
  expect_round_trip(absl::ZeroDuration());
  expect_round_trip(absl::Nanoseconds(1) / 4);
  expect_round_trip(-absl::Nanoseconds(3) / 4);
  expect_round_trip(absl::InfiniteDuration());
  expect_round_trip(-absl::InfiniteDuration());
  expect_round_trip(absl::Seconds(std::numeric_limits<int64_t>::max()));
}

// g++ writes "long int", clang "long".
const std::string kLong(internal::type_name<int64_t>());
const std::string kUnsignedLong(internal::type_name<uint64_t>());

TEST(Codec, DurationsMeanTheSameInEveryUnit) {
  using namespace std::chrono;
  EXPECT_EQ(Message(seconds(90)).as<milliseconds>(), milliseconds(90'000));
  EXPECT_EQ(Message(milliseconds(-2000)).as<seconds>(), seconds(-2));
  EXPECT_EQ(Message(absl::Milliseconds(1500)).as<milliseconds>(), milliseconds(1500));
  EXPECT_EQ(Message(milliseconds(1500)).as<absl::Duration>(), absl::Milliseconds(1500));
  EXPECT_EQ(Message(milliseconds(1500)).as<duration<double>>().count(), 1.5);
  EXPECT_EQ(Message(absl::InfiniteDuration()).as<minutes>(), minutes::max());
  EXPECT_EQ(Message(milliseconds(1500)).error<seconds>(),
            "ValueError: mp: the duration 1.5 s does not fit std::chrono::duration<" + kLong + ">");
  EXPECT_NE((Message(hours(1 << 20)).error<duration<int32_t, std::milli>>()), "");
  EXPECT_NE(Message(5).error<seconds>(), "");
}

TEST(Codec, TimesRoundTrip) {
  using namespace std::chrono;
  expect_round_trip(system_clock::now());
  expect_round_trip(steady_clock::now());
  expect_round_trip(time_point<system_clock, days>(days(-20000)));
  expect_round_trip(absl::Now());
  expect_round_trip(absl::InfinitePast());
  expect_round_trip(absl::FromUnixNanos(-1));
  absl::Time now = absl::FromUnixNanos(absl::ToUnixNanos(absl::Now()));
  EXPECT_EQ(Message(now).as<system_clock::time_point>(), absl::ToChronoTime(now));
  EXPECT_NE(Message(steady_clock::now()).error<system_clock::time_point>(), "");
}

TEST(Codec, AnyIntegerReadsAnyIntegerThatFits) {
  EXPECT_EQ(Message(int64_t{5}).as<int>(), 5);
  EXPECT_EQ(Message(uint8_t{5}).as<int64_t>(), 5);
  EXPECT_EQ(Message(5u).as<unsigned char>(), 5);
  EXPECT_EQ(Message(true).as<int>(), 1);
  EXPECT_EQ(Message(5).as<double>(), 5.0);
  EXPECT_EQ(Message(5.5).as<float>(), 5.5f);
  EXPECT_EQ(Message(Color::kRed).as<int>(), 1);
  EXPECT_EQ(Message(std::vector<int>{1, 2}).as<std::vector<int64_t>>(),
            (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(Message(std::vector<int>{1, 2}).as<std::vector<double>>(), (std::vector<double>{1, 2}));
  EXPECT_EQ(Message(std::vector<uint64_t>{~0ull}).error<std::vector<int64_t>>(),
            "ValueError: mp: the int 18446744073709551615 does not fit " + kLong);
  EXPECT_EQ(Message(300).error<int8_t>(), "ValueError: mp: the int 300 does not fit signed char");
  EXPECT_EQ(Message(-1).error<uint64_t>(),
            "ValueError: mp: the int -1 does not fit " + kUnsignedLong);
  EXPECT_EQ(Message(~0ull).error<int64_t>(),
            "ValueError: mp: the int 18446744073709551615 does not fit " + kLong);
  EXPECT_EQ(Message(256).error<Color>().substr(0, 40), "ValueError: mp: the int 256 does not fit");
}

TEST(Codec, AnotherTypeIsATypeErrorThatNamesBoth) {
  EXPECT_EQ(Message(5).error<std::string>(), "TypeError: mp: expected std::string, found int");
  EXPECT_EQ(Message("x").error<int>(), "TypeError: mp: expected int, found str");
  EXPECT_EQ(Message(1.5).error<int>(), "TypeError: mp: expected int, found float");
  EXPECT_EQ(Message(1).error<bool>(), "TypeError: mp: expected bool, found int");
  EXPECT_EQ(Message(std::vector<int>{1}).error<std::string>(),
            "TypeError: mp: expected std::string, found list of 1");
  EXPECT_EQ((Message(std::tuple<int, std::string>(1, "a")).error<std::tuple<int, int, int>>()),
            "TypeError: mp: expected std::tuple<int, int, int>, found tuple of 2");
  EXPECT_EQ((Message(5).error<std::map<std::string, int>>()),
            "TypeError: mp: expected std::map<std::string, int>, found int");
  EXPECT_EQ(Message(nullptr).error<int>(), "TypeError: mp: expected int, found None");
  EXPECT_EQ((Message(std::variant<int, bool, char>('x')).error<std::variant<int, bool>>()),
            "TypeError: mp: expected std::variant<int, bool>, found variant");
  EXPECT_EQ(Message(std::vector<std::string>{"a"}).error<std::vector<int>>(),
            "TypeError: mp: expected int, found str");
}

TEST(Codec, SequencesReadEachOther) {
  EXPECT_EQ((Message(std::tuple<int, double>(1, 2)).as<std::vector<double>>()),
            (std::vector<double>{1, 2}));
  EXPECT_EQ((Message(std::vector<int>{1, 2}).as<std::pair<int, int>>()),
            (std::pair<int, int>(1, 2)));
  EXPECT_EQ(Message(std::vector<double>{1, 2}).as<Point>(), (Point{1, 2}));
  EXPECT_EQ(Message(Bytes("ab", 2)).as<std::vector<uint8_t>>(), (std::vector<uint8_t>{'a', 'b'}));
  EXPECT_EQ(Message(std::list<int>{1, 2}).as<std::deque<int>>(), (std::deque<int>{1, 2}));
}

TEST(Codec, WhatIsNoMessageIsACodecError) {
  alignas(16) std::byte bytes[64] = {};
  for (size_t n : {0, 1, 8, 11, 12, 64}) {
    EXPECT_THROW(internal::decode_message<std::string>({bytes, n}), CodecError) << n;
    EXPECT_THROW(internal::decode_message<std::vector<std::string>>({bytes, n}), CodecError) << n;
  }
}

TEST(Codec, LargeValuesCross) {
  std::string large(size_t{64} << 20, 'x');
  EXPECT_EQ(Message(large).as<std::string>(), large);
  std::vector<std::string> parts(1000, std::string(70'000, 'y'));
  EXPECT_EQ(Message(parts).as<std::vector<std::string>>(), parts);
}

class Thrower {
 public:
  Thrower() = default;
  explicit Thrower(int v) { throw v; }
  auto fields() { return std::tie(text_); }

 private:
  std::string text_;
};

TEST(Codec, AVariantWithoutValueIsAValueError) {
  std::variant<std::string, Thrower> v("x");
  EXPECT_THROW(v.emplace<1>(1), int);
  ASSERT_TRUE(v.valueless_by_exception());
  EXPECT_THROW(Message{v}, ValueError);
}

TEST(Codec, DecodingIntoAValueUsesItsMemory) {
  Message message(std::string(100, 'x'));
  std::string v(1000, 'y');
  const char* memory = v.data();
  internal::decode_message_into(v, message.bytes());
  EXPECT_EQ(v, std::string(100, 'x'));
  EXPECT_EQ(v.data(), memory);
}

// What is known at compile time.
struct HasPointer {
  int* p;
};
struct HasBase : Point {
  int z;
};
struct HasArray {
  int a[3];
};
struct HasReference {
  int& r;
};
union Either {
  int a;
  float b;
};
class Private {
 public:
  Private(int v) : v_(v) {}
  int get() const { return v_; }

 private:
  int v_;
};
struct Virtual {
  virtual void f() {}
  int v = 0;
};

TEST(Codec, WhatCannotCrossIsKnownAtCompileTime) {
  static_assert(!Sendable<int*> && !Sendable<const int*> && !Sendable<void*>);
  static_assert(!Sendable<int&> && !Shippable<const int>);
  static_assert(!Sendable<std::unique_ptr<int>> && !Sendable<std::shared_ptr<int>>);
  static_assert(!Sendable<std::vector<std::unique_ptr<int>>>);
  static_assert(!Sendable<std::map<int, std::optional<int*>>>);
  static_assert(!Sendable<HasPointer> && !Sendable<HasBase> && !Sendable<HasArray>);
  static_assert(!Sendable<HasReference> && !Sendable<Either> && !Sendable<Private>);
  static_assert(!Sendable<Virtual> && !Sendable<long double> && !Sendable<std::bitset<8>>);
  static_assert(!Sendable<int[3]> && Sendable<std::array<int, 3>>);
  static_assert(Sendable<std::string_view> && !Shippable<std::string_view>);
  static_assert(Sendable<const char*> && !Shippable<const char*>);
  static_assert(Sendable<std::span<int>> && !Shippable<std::span<int>>);
  static_assert(!Shippable<std::vector<std::string_view>>);
  int captured = 1;
  auto closure = [captured] { return captured; };
  auto reference = [&captured] { return captured; };
  auto defaulted = [=] { return 1; };
  static_assert(!Sendable<decltype(closure)> && !Sendable<decltype(reference)>);
  static_assert(!Sendable<decltype(defaulted)>);
  (void)closure, (void)reference, (void)defaulted;
}

}  // namespace
}  // namespace mp

#include "mp/wire/golden.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <variant>

#include "gtest/gtest.h"
#include "mp/bytes.h"
#include "mp/codec.h"
#include "mp/errors.h"
#include "mp/internal/frame/failure.h"
#include "mp/object.h"

namespace mp::testing {
namespace {

using Message = std::span<const std::byte>;
using internal::decode_message;
using internal::encode_message;

// A value that crosses by its codec.
template <class T>
Golden of(const char* name, const T& v) {
  return {name, [v](Encoder& e) { encode_message(e, v); },
          [v](Message m) { EXPECT_TRUE(decode_message<T>(m) == v); }};
}

struct Point {
  double x;
  double y;
  friend bool operator==(const Point&, const Point&) = default;
};
struct Order {
  int64_t id;
  std::string customer;
  std::vector<Point> route;
  std::optional<bool> paid;
  friend bool operator==(const Order&, const Order&) = default;
};

using Texts = std::vector<std::string>;
using Scores = std::map<std::string, double>;
using Choice = std::variant<int, std::string>;
using Pair = std::tuple<int, std::string>;

Order order() { return {7, "Ada", {{1, 2}, {3, 4}}, true}; }
Scores scores() { return {{"ada", 1.5}, {"bob", -2}}; }
std::chrono::nanoseconds duration() { return std::chrono::nanoseconds(-1'500'000'001); }
std::chrono::system_clock::time_point instant() {
  return std::chrono::system_clock::time_point(std::chrono::microseconds(1'700'000'000'123'456));
}
Object object() {
  return {None,
          true,
          -5,
          ~0ull,
          2.5,
          "text",
          Bytes("\0\xff", 2),
          tuple({1, tuple()}),
          set({"a", 1}),
          dict({{"k", list({1, 2, 3})}, {2, None}})};
}

template <class T>
std::vector<T> limits() {
  return {std::numeric_limits<T>::lowest(), 0, 1, std::numeric_limits<T>::max()};
}

constexpr internal::Token kToken = {0x0102030405060708, 0x1112131415161718, 0x2122,
                                    0x3132333435363738};

}  // namespace

const std::vector<Golden>& golden_values() {
  static const std::vector<Golden> values = {
      {"none", [](Encoder& e) { encode_message(e, nullptr); },
       [](Message m) { EXPECT_TRUE(Reader::open(m).is_none()); }},
      of("bool", true),
      of("int", int64_t{-42}),
      of("int_zero", int64_t{0}),
      of("uint", ~uint64_t{0}),
      of("float", 0.1),
      of("text", std::string("hello world")),
      of("text_empty", std::string()),
      of("bytes", Bytes("\0\x01\xff", 3)),
      of("bools", std::vector<bool>{true, false, true}),
      of("int8s", limits<int8_t>()),
      of("int16s", limits<int16_t>()),
      of("int32s", limits<int32_t>()),
      of("int64s", limits<int64_t>()),
      of("uint8s", limits<uint8_t>()),
      of("uint16s", limits<uint16_t>()),
      of("uint32s", limits<uint32_t>()),
      of("uint64s", limits<uint64_t>()),
      of("float32s", limits<float>()),
      of("float64s", limits<double>()),
      of("float64s_empty", std::vector<double>()),
      of("texts", Texts{"a", "", "ccc"}),
      of("list", order().route),
      of("tuple", Pair(5, "five")),
      of("set", std::set<std::string>{"a", "b"}),
      of("dict", scores()),
      of("fields", order()),
      of("choice", Choice("x")),
      of("duration", duration()),
      of("duration_for_ever", std::chrono::hours::max()),
      of("time", instant()),
      of("object", object()),
      {"tagged", [](Encoder& e) { e.finish(e.tagged("app::Money", e.integer(1250))); },
       [](Message m) { EXPECT_EQ(Reader::open(m).tagged("app::Money").integer(), 1250); }},
      {"handle", [](Encoder& e) { e.finish(e.handle(3, 0x40)); },
       [](Message m) { EXPECT_EQ(Reader::open(m).handle(3), 0x40u); }},
      {"descriptor", [](Encoder& e) { e.finish(e.fd(0)); },
       [](Message m) { EXPECT_TRUE(Reader::open(m).is(internal::Form::kDescriptor)); }},
      {"pointer", [](Encoder& e) { e.finish(e.pointer(kToken, -8)); },
       [](Message m) {
         int64_t adjustment;
         internal::Token token = Reader::open(m).pointer(&adjustment, "");
         EXPECT_EQ(adjustment, -8);
         EXPECT_EQ(token.module_high, kToken.module_high);
         EXPECT_EQ(token.module_low, kToken.module_low);
         EXPECT_EQ(token.offset, kToken.offset);
         EXPECT_EQ(token.check, kToken.check);
       }},
      {"callable",
       [](Encoder& e) {
         Encoder::Ref parts[] = {e.none(), e.integer(1), e.text("two")};
         e.finish(e.callable(kToken, e.fields(parts)));
       },
       [](Message m) {
         Reader state;
         EXPECT_EQ(Reader::open(m).callable(&state, "").check, kToken.check);
         EXPECT_EQ(state[2].text(), "two");
       }},
      {"failure",
       [](Encoder& e) {
         internal::encode_exception(e, std::make_exception_ptr(OSError(2, "open 'x'")));
       },
       [](Message m) {
         try {
           internal::rethrow(Reader::open(m));
         } catch (const OSError& e) {
           EXPECT_EQ(e.errno_value(), 2);
           EXPECT_STREQ(e.what(), "open 'x': [Errno 2] No such file or directory");
         }
       }},
      {"failure_unknown",
       [](Encoder& e) {
         Encoder::Ref state = e.tuple(std::vector<Encoder::Ref>{e.integer(1)});
         e.finish(e.failure({"app::Broken", "it broke", "#0 app::f()\n", 0, ""}, state));
       },
       [](Message m) {
         try {
           internal::rethrow(Reader::open(m));
         } catch (const RemoteError& e) {
           EXPECT_EQ(e.type_name(), "app::Broken");
           EXPECT_STREQ(e.what(), "app::Broken: it broke");
           EXPECT_EQ(e.backtrace(), "#0 app::f()\n");
         }
       }},
  };
  return values;
}

AlignedFile::AlignedFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  size_ = all.size();
  room_.resize(size_ + 16);
  std::copy(all.begin(), all.end(), reinterpret_cast<char*>(mutable_bytes().data()));
}

std::span<const std::byte> AlignedFile::bytes() const {
  return const_cast<AlignedFile*>(this)->mutable_bytes();
}

std::span<std::byte> AlignedFile::mutable_bytes() {
  uintptr_t at = (reinterpret_cast<uintptr_t>(room_.data()) + 15) & ~uintptr_t{15};
  return {reinterpret_cast<std::byte*>(at), size_};
}

}  // namespace mp::testing

#include "mp/internal/frame/call.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/function.h"
#include "mp/internal/frame/message.h"
#include "mp/object.h"

namespace mp::internal {
namespace {

std::vector<std::string> log;

void note(const std::string& what) { log.push_back(what); }

// Encodes a call, and runs it as another process would. What it noted, and its result.
template <class F, class... A>
std::string ran(const F& f, const A&... arguments) {
  static_assert(ShippableCall<F, A...>);
  log.clear();
  Encoder call;
  encode_call(call, f, arguments...);
  Encoder result;
  run_call(Reader::open(call.message()), &result);
  std::string all;
  for (const std::string& line : log) {
    all += line + ";";
  }
  return all + repr(decode_message<Object>(result.message()));
}

void nothing() { note("nothing"); }
int add(int a, long b) { return static_cast<int>(a + b); }
void views(const char* a, std::string_view b, const std::string& c, std::span<const int> d) {
  note(std::string(a) + std::string(b) + c + std::to_string(d.size()));
}
void changes(std::vector<int>& v, std::string&& s) {
  v.push_back(1);
  note(std::to_string(v.size()) + std::move(s));
}
std::string takes_object(Object o) { return repr(o); }
std::string_view gives_view(const std::string& s) { return std::string_view(s).substr(1); }
std::unique_ptr<int> gives_pointer() { return nullptr; }
void throws() { raise(value_error("thrown")); }

struct Task {
  std::string name;
  std::vector<int> items;
  void operator()(int more) const {
    note(name + std::to_string(items.size()) + std::to_string(more));
  }
};

struct Accumulator {
  int64_t sum = 0;
  int add(int n) { return static_cast<int>(sum += n); }
  int get() const { return static_cast<int>(sum); }
};

TEST(Call, RunsEveryKindOfCallable) {
  EXPECT_EQ(ran(&nothing), "nothing;None");
  EXPECT_EQ(ran(nothing), "nothing;None");
  EXPECT_EQ(ran(&add, 1, 2), "3");
  EXPECT_EQ(ran(mp::fn<&add>, 1, 2), "3");
  EXPECT_EQ(ran(mp::bind(&add, 5), 2), "7");
  EXPECT_EQ(ran([](int n) { return n + 1; }, 1), "2");
  EXPECT_EQ(ran(Task{"t", {1, 2}}, 7), "t27;None");
  EXPECT_EQ(ran(Function<int(int)>(mp::bind(&add, 1)), 1), "2");
  EXPECT_EQ(ran(&Accumulator::add, Accumulator{5}, 2), "7");
  EXPECT_EQ(ran(&Accumulator::get, Accumulator{5}), "5");
}

TEST(Call, ArgumentsTravelAsTheParametersOfTheCallable) {
  std::vector<int> numbers{1, 2, 3};
  EXPECT_EQ(ran(&views, "a", "b", "c", numbers), "abc3;None");
  EXPECT_EQ(ran(&views, std::string("a"), std::string_view("b"), "c", std::span<int>(numbers)),
            "abc3;None");
  EXPECT_EQ(ran(&changes, numbers, "x"), "4x;None");
  EXPECT_EQ(ran(&takes_object, "x"), "\"'x'\"");
  EXPECT_EQ(ran(&takes_object, std::vector<int>{1}), "'[1]'");
  EXPECT_EQ(ran(&add, int8_t{1}, 2.9), "3");
  EXPECT_EQ(ran([](std::optional<int> a, double b) { return a.has_value() ? *a + b : b; }, 1, 2),
            "3.0");
  EXPECT_EQ(ran([](const Function<int(int)>& f) { return f(3); }, [](int n) { return n * n; }),
            "9");
}

TEST(Call, ArgumentsOfATemplateTravelAsWhatTheyAre) {
  auto name = [](auto a, auto b) {
    note(std::string(type_name<decltype(a)>()) == std::string(type_name<std::string>()) ? "string"
                                                                                        : "other");
    return static_cast<double>(b);
  };
  EXPECT_EQ(ran(name, "literal", 2), "string;2.0");
  EXPECT_EQ(ran(name, std::string_view("view"), 2.5f), "string;2.5");
  EXPECT_EQ(ran(name, 1, 2), "other;2.0");
}

TEST(Call, ResultsComeBack) {
  EXPECT_EQ(ran(&gives_view, "xyz"), "'yz'");
  EXPECT_EQ(ran([] { return std::tuple<int, std::string>(1, "a"); }), "(1, 'a')");
  static const std::string kept = "kept";
  EXPECT_EQ(ran([]() -> const std::string& { return kept; }), "'kept'");
  Encoder call;
  encode_call(call, &gives_pointer);
  Encoder result;
  EXPECT_THROW(run_call(Reader::open(call.message()), &result), TypeError);
  run_call(Reader::open(call.message()));
}

TEST(Call, ExceptionsLeave) {
  Encoder call;
  encode_call(call, &throws);
  EXPECT_THROW(run_call(Reader::open(call.message())), ValueError);
}

TEST(Call, WhatIsNoCallIsAnError) {
  Encoder e;
  encode_message(e, 5);
  EXPECT_THROW(run_call(Reader::open(e.message())), TypeError);
  encode_message(e, Function<void()>(&nothing));
  EXPECT_THROW(run_call(Reader::open(e.message())), CodecError);
}

TEST(Call, HandlesAndDescriptorsOfArgumentsAreKnown) {
  Encoder e;
  encode_call(
      e, [](const Fd&, int) {}, Fd(dup(0)), 5);
  EXPECT_EQ(e.fds().size(), 1u);
}

TEST(Call, WhatCannotBeCalledThereIsKnownAtCompileTime) {
  int captured = 1;
  auto closure = [captured](int) { return captured; };
  static_assert(!ShippableCall<decltype(closure), int>);
  static_assert(!ShippableCall<decltype(&add), int>);
  static_assert(!ShippableCall<decltype(&add), int, std::string>);
  static_assert(!ShippableCall<void (*)(int*), int*>);
  static_assert(!ShippableCall<void (*)(std::unique_ptr<int>), std::unique_ptr<int>>);
  static_assert(!ShippableCall<int, int>);
  static_assert(ShippableCall<decltype(&add), int, short>);
  static_assert(ShippableCall<void(int), int>);
  (void)closure;
}

}  // namespace
}  // namespace mp::internal

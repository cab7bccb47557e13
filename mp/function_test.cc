#include "mp/function.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "mp/errors.h"

namespace app {

int add(int a, int b) { return a + b; }
double scale(double x) noexcept { return 2 * x; }

struct Counter {
  // Not smaller than a pointer: g++ 12 warns of a virtual call that could not be (-Warray-bounds).
  int64_t start = 0;
  int plus(int n) const { return static_cast<int>(start) + n; }
  int twice() noexcept { return static_cast<int>(2 * start); }
};

struct Virtual {
  virtual int f(int n) { return n; }
  virtual ~Virtual() = default;
};

struct Multiply {
  double by = 1;
  std::vector<double> more;
  double operator()(double x) const {
    for (double m : more) {
      x *= m;
    }
    return x * by;
  }
};

struct Counting {
  int n = 0;
  int operator()() { return ++n; }
};

}  // namespace app

namespace mp {
namespace {

template <class T>
T sent(const T& v) {
  Encoder e;
  internal::encode_message(e, v);
  return internal::decode_message<T>(e.message());
}

TEST(Function, HoldsAndSendsWhateverCanCross) {
  using Binary = Function<int(int, int)>;
  EXPECT_EQ(sent(Binary(&app::add))(2, 3), 5);
  EXPECT_EQ(sent(Binary(app::add))(2, 3), 5);
  EXPECT_EQ(sent(Binary(mp::fn<&app::add>))(2, 3), 5);
  EXPECT_EQ(sent(Binary(mp::fn<app::add>))(2, 3), 5);
  EXPECT_EQ(sent(Binary([](int a, int b) { return a * b; }))(2, 3), 6);
  EXPECT_EQ(sent(Binary([](auto a, auto b) { return a - b; }))(2, 3), -1);
  using Unary = Function<double(double)>;
  EXPECT_EQ(sent(Unary(app::Multiply{2, {3, 4}}))(5), 120.0);
  EXPECT_EQ(sent(Unary(&app::scale))(1.5), 3.0);
  EXPECT_EQ(sent(Unary(static_cast<double (*)(double)>(&std::sqrt)))(16), 4.0);
}

TEST(Function, HoldsMemberFunctions) {
  app::Counter counter{4};
  app::Virtual object;
  EXPECT_EQ(sent(Function<int(const app::Counter&, int)>(&app::Counter::plus))(counter, 7), 11);
  EXPECT_EQ(sent(Function<int(app::Counter*, int)>(&app::Counter::plus))(&counter, 7), 11);
  EXPECT_EQ(sent(Function<int(app::Counter&)>(&app::Counter::twice))(counter), 8);
  EXPECT_EQ(sent(Function<int(app::Virtual&, int)>(mp::fn<&app::Virtual::f>))(object, 3), 3);
}

TEST(Function, BoundValuesComeFirst) {
  EXPECT_EQ(sent(Function<int(int)>(mp::bind(&app::add, 4)))(5), 9);
  EXPECT_EQ(sent(Function<int()>(mp::bind(mp::bind(&app::add, 4), 6)))(), 10);
  EXPECT_EQ(sent(Function<int()>(mp::bind(mp::fn<&app::add>, 4, 7)))(), 11);
  auto join = [](const std::string& a, const std::string& b) { return a + b; };
  EXPECT_EQ(sent(Function<std::string(std::string)>(mp::bind(join, "a")))("b"), "ab");
  EXPECT_EQ(sent(Function<int(int)>(mp::bind(&app::Counter::plus, app::Counter{3})))(4), 7);
  // A Bind is a value of its own, too.
  auto bound = mp::bind(&app::add, 4);
  EXPECT_EQ(sent(bound)(5), 9);
  EXPECT_EQ(bound(6), 10);
}

TEST(Function, AnotherFunctionIsHeldLikeAnythingElse) {
  Function<int(int)> inner = mp::bind(&app::add, 1);
  Function<double(int)> outer = inner;
  EXPECT_EQ(sent(outer)(2), 3.0);
  auto apply = [](const Function<int(int)>& f, int n) { return f(n); };
  EXPECT_EQ(sent(Function<int(int)>(mp::bind(apply, inner)))(10), 11);
  EXPECT_EQ(sent(std::vector<Function<int(int)>>{inner, nullptr})[0](1), 2);
}

TEST(Function, IsEmptyUntilItHoldsSomething) {
  Function<int(int)> f;
  EXPECT_FALSE(f);
  EXPECT_TRUE(f == nullptr);
  EXPECT_EQ(f.name(), "None");
  EXPECT_THROW(f(1), TypeError);
  EXPECT_TRUE(sent(f) == nullptr);
  f = [](int n) { return n; };
  EXPECT_TRUE(f != nullptr);
  f = nullptr;
  EXPECT_FALSE(f);
  int (*none)(int, int) = nullptr;
  EXPECT_TRUE((Function<int(int, int)>(none)) == nullptr);
}

TEST(Function, CopiesWhatItHolds) {
  Function<int()> a = app::Counting{};
  EXPECT_EQ(a(), 1);
  Function<int()> b = a;
  EXPECT_EQ(a(), 2);
  EXPECT_EQ(b(), 2);
  EXPECT_EQ(sent(b)(), 3);
  Function<int()> c = std::move(b);
  EXPECT_FALSE(b);
  EXPECT_EQ(c(), 3);
}

TEST(Function, HasANameForPeople) {
  EXPECT_EQ((Function<int(int, int)>(&app::add)).name(), "app::add");
  EXPECT_EQ((Function<int(int, int)>(mp::fn<&app::add>)).name(), "app::add");
  EXPECT_EQ((Function<int(int)>(mp::bind(&app::add, 1))).name(), "app::add");
  EXPECT_EQ((Function<int(app::Counter&, int)>(&app::Counter::plus)).name(), "app::Counter::plus");
  EXPECT_EQ((Function<double(double)>(app::Multiply{})).name(), "app::Multiply");
  EXPECT_NE((Function<int()>([] { return 1; })).name().find("lambda"), std::string::npos);
}

TEST(Function, AnotherSignatureIsAnError) {
  Encoder e;
  internal::encode_message(e, Function<int(int, int)>(&app::add));
  EXPECT_THROW(internal::decode_message<Function<long(int, int)>>(e.message()), CodecError);
  internal::encode_message(e, 5);
  EXPECT_THROW(internal::decode_message<Function<int()>>(e.message()), TypeError);
}

TEST(FunctionPointer, CrossesAsAValue) {
  EXPECT_EQ(sent(&app::add)(1, 2), 3);
  EXPECT_EQ(sent(&app::scale)(2), 4.0);
  app::Counter counter{5};
  EXPECT_EQ((counter.*sent(&app::Counter::plus))(1), 6);
  int (*none)(int) = nullptr;
  EXPECT_EQ(sent(none), nullptr);
  int (app::Counter::*no_member)(int) const = nullptr;
  EXPECT_EQ(sent(no_member), nullptr);
}

TEST(FunctionPointer, OfAnotherTypeIsAnError) {
  Encoder e;
  internal::encode_message(e, &app::scale);
  using Other = int (*)(int);
  EXPECT_THROW(internal::decode_message<Other>(e.message()), CodecError);
}

TEST(FunctionPointer, WhatIsNoFunctionIsRefusedByTheSender) {
  using F = int (*)(int, int);
  Encoder e;
  F inside = reinterpret_cast<F>(reinterpret_cast<uintptr_t>(&app::add) + 2);
  EXPECT_THROW(internal::encode_message(e, inside), ValueError);
  static int data[4];
  EXPECT_THROW(internal::encode_message(e, reinterpret_cast<F>(&data[2])), ValueError);
  EXPECT_THROW(internal::encode_message(e, &app::Virtual::f), ValueError);
}

TEST(Bind, KeepsViewsAsWhatOwnsTheSame) {
  auto bound = [] {
    std::string gone = "text";
    return mp::bind([](const std::string& s) { return s.size(); }, std::string_view(gone));
  }();
  static_assert(std::is_same_v<decltype(bound.values), std::tuple<std::string>>);
  EXPECT_EQ(bound(), 4u);
}

}  // namespace
}  // namespace mp

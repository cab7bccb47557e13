#include "mp/internal/frame/aggregate.h"

#include <any>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "gtest/gtest.h"

namespace mp::internal {
namespace {

struct Empty {};
struct One {
  int a;
};
struct Mixed {
  std::string a;
  std::vector<std::vector<int>> b;
  std::map<std::string, int> c;
  std::optional<std::string> d;
  std::variant<int, std::string> e;
  std::tuple<int, std::string> f;
  std::array<int, 3> g;
  std::function<void()> h;
  std::string_view i;
  One j;
};
struct WithDefaults {
  int a = 1;
  std::string b = "x";
  const int c = 2;
};
struct MoveOnly {
  std::unique_ptr<int> a;
  int b;
};
struct NoDefault {
  explicit NoDefault(int) {}
};
struct HoldsNoDefault {
  NoDefault a;
  int b;
};
struct Bits {
  unsigned a : 3;
  unsigned : 5;
  unsigned b : 5;
};
struct TakesAnything {
  std::any a;
  int b;
};
struct Many24 {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x;
};
struct Many25 : Empty {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y;
};
struct TooMany {
  int a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y;
};

struct ArrayFirst {
  int a[3];
  int b;
};
struct ArrayLast {
  std::string a;
  int b[2];
};
struct ArrayOfTexts {
  std::string a;
  std::string b[2];
  std::string c;
};
struct ArrayOfStructs {
  Bits a;
  One b[2];
};
struct ArrayOfArrays {
  int a[2][2];
  int b;
};
struct LargeArray {
  int a;
  char b[100];
};
struct HasReference {
  int& a;
  int b;
};
struct Derived : One {
  int b;
};

TEST(Aggregate, CountsFields) {
  static_assert(count_initializers<Empty>() == 0);
  static_assert(count_initializers<One>() == 1);
  static_assert(count_initializers<Mixed>() == 10);
  static_assert(count_initializers<WithDefaults>() == 3);
  static_assert(count_initializers<MoveOnly>() == 2);
  static_assert(count_initializers<HoldsNoDefault>() == 2);
  static_assert(count_initializers<Bits>() == 2);
  static_assert(count_initializers<TakesAnything>() == 2);
  static_assert(count_initializers<Many24>() == 24);
}

template <class T>
constexpr bool fine = aggregate_problem<T>() == AggregateProblem::kNone;

TEST(Aggregate, KnowsWhatItCannotTakeApart) {
  static_assert(fine<Empty> && fine<One> && fine<Mixed> && fine<WithDefaults> && fine<MoveOnly>);
  static_assert(fine<HoldsNoDefault> && fine<Bits> && fine<TakesAnything> && fine<Many24>);
  static_assert(aggregate_problem<ArrayFirst>() == AggregateProblem::kArray);
  static_assert(aggregate_problem<ArrayLast>() == AggregateProblem::kArray);
  static_assert(aggregate_problem<ArrayOfTexts>() == AggregateProblem::kArray);
  static_assert(aggregate_problem<ArrayOfStructs>() == AggregateProblem::kArray);
  static_assert(aggregate_problem<ArrayOfArrays>() == AggregateProblem::kArray);
  static_assert(aggregate_problem<LargeArray>() == AggregateProblem::kTooManyFields);
  static_assert(aggregate_problem<TooMany>() == AggregateProblem::kTooManyFields);
  static_assert(aggregate_problem<HasReference>() == AggregateProblem::kReference);
  static_assert(aggregate_problem<Derived>() == AggregateProblem::kBase);
  static_assert(aggregate_problem<Many25>() == AggregateProblem::kBase);
}

TEST(Aggregate, GivesTheFieldsInOrder) {
  Bits bits{};
  bits.a = 5;
  bits.b = 17;
  EXPECT_EQ(with_fields(bits, [](unsigned a, unsigned b) { return a * 100 + b; }), 517u);
  Many24 many{};
  many.a = 1;
  many.x = 24;
  EXPECT_EQ(with_fields(many, [](auto... f) { return (f + ...); }), 25);
  EXPECT_EQ(with_fields(Empty(), [](auto... f) { return sizeof...(f); }), 0u);
}

}  // namespace
}  // namespace mp::internal

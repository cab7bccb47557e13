#include "mp/value.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <complex>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "mp/errors.h"
#include "mp/internal/shm/family.h"
#include "mp/lock.h"
#include "mp/queue.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using testing::Watchdog;

struct Point {
  double x, y;
  friend bool operator==(const Point&, const Point&) = default;
};
struct Pair {
  int a, b;
};
struct Three {
  short a, b, c;
};

TEST(Value, BeginsAsItWasMadeAndWithoutAValueAsZero) {
  EXPECT_EQ(Value<int>(7).value(), 7);
  EXPECT_EQ(Value<int>().value(), 0);
  EXPECT_EQ(Value<Point>().value(), (Point{0, 0}));
  EXPECT_EQ(Value<Point>({1, 2}).value(), (Point{1, 2}));
  EXPECT_EQ(RawValue<double>(0.5).value(), 0.5);
  Value deduced(7);
  static_assert(std::is_same_v<decltype(deduced), Value<int>>);
  static_assert(std::is_same_v<ValueOf<'i'>, Value<int>>);
  static_assert(std::is_same_v<ValueOf<'c'>, Value<char>>);
  static_assert(std::is_same_v<ValueOf<'b'>, Value<signed char>>);
  static_assert(std::is_same_v<ValueOf<'Q'>, Value<unsigned long long>>);
  static_assert(std::is_same_v<RawValueOf<'d'>, RawValue<double>>);
}

TEST(Value, CopiesAreTheSameValueAndTheSameLock) {
  Value<int> a(1);
  Value<int> b = a;
  b.set_value(2);
  EXPECT_EQ(a.value(), 2);
  EXPECT_TRUE(a == b);
  EXPECT_TRUE(a.get_lock() == b.get_lock());
  EXPECT_FALSE(a == Value<int>(2));
  RawValue<int> raw = a.get_obj();
  raw.set_value(3);
  EXPECT_EQ(b.value(), 3);
  *raw = 4;
  EXPECT_EQ(b.value(), 4);
}

TEST(Value, UpdateHoldsTheLockAndReturnsWhatTheCallReturns) {
  Value<Point> p({1, 2});
  bool locked = false;
  double y = p.update([&](Point& v) {
    locked = p.get_lock().locked();
    v.x = 5;
    return v.y;
  });
  EXPECT_TRUE(locked);
  EXPECT_EQ(y, 2);
  EXPECT_EQ(p.value(), (Point{5, 2}));
  EXPECT_FALSE(p.get_lock().locked());
  EXPECT_THROW(p.update([](Point&) { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_FALSE(p.get_lock().locked());
}

TEST(Value, TheLockIsAnRLockUnlessAnotherIsGiven) {
  Value<int> n;
  std::scoped_lock outer(n);
  std::scoped_lock inner(n.get_lock());
  n.set_value(n.value() + 1);
  EXPECT_EQ(n.get_obj().value(), 1);

  Lock lock;
  Value<int> a(1, lock);
  Value<int> b(2, lock);
  EXPECT_TRUE(a.get_lock() == lock);
  EXPECT_TRUE(a.get_lock() == b.get_lock());
  EXPECT_FALSE(a.get_lock().recursive());
  std::scoped_lock hold(lock);
  EXPECT_FALSE(a.acquire(0));
  EXPECT_FALSE(b.try_lock());
}

TEST(Value, WaitsForWhoeverHasTheLock) {
  Watchdog dog(30s);
  Value<int> n(1);
  n.acquire();
  std::thread other([n] { n.set_value(2); });
  n.get_obj().set_value(5);
  EXPECT_EQ(n.value(), 5);
  n.release();
  other.join();
  EXPECT_EQ(n.value(), 2);
}

TEST(Value, ReleaseWithoutTheLockIsTheLocksError) {
  Value<int> recursive(1);
  EXPECT_THROW(recursive.release(), AssertionError);
  Value<int> plain(1, Lock());
  EXPECT_THROW(plain.release(), ValueError);
}

TEST(Value, CrossesAsAValueOfItsTypeOnly) {
  Queue<Value<int>> q;
  Value<int> n(1);
  q.put(n);
  Value<int> same = q.get();
  same.set_value(9);
  EXPECT_EQ(n.value(), 9);
  EXPECT_TRUE(same == n);
  EXPECT_TRUE(same.get_lock() == n.get_lock());

  auto text_of = [](const std::function<void()>& call) -> std::string {
    try {
      call();
      return "nothing was thrown";
    } catch (const TypeError& e) {
      return e.what();
    }
  };
  internal::Encoder& encoder = internal::Encoder::local();
  RawValue<long> five(5);
  internal::encode_message(encoder, five);
  // Types of one form are one type.
  EXPECT_EQ(internal::decode_message<RawValue<long long>>(encoder.message()).value(), 5);
  EXPECT_EQ(text_of([&] { internal::decode_message<RawValue<double>>(encoder.message()); }),
            "expected a Value of c_double, found a Value of c_long");
  internal::Encoder& other = internal::Encoder::local();
  RawValue<Point> origin;
  internal::encode_message(other, origin);
  EXPECT_EQ(internal::decode_message<RawValue<Point>>(other.message()).value(), (Point{0, 0}));
  EXPECT_EQ(text_of([&] { internal::decode_message<RawValue<Pair>>(other.message()); }),
            "expected a Value of Pair, found a Value of another struct");
}

// Each file may have a Point in its unnamed namespace: what one writes the other must not read.
TEST(Value, StructsOfOneNameButOfAnotherFormAreNotTheSame) {
  constexpr internal::ElementType kPoint = internal::element_type<Point>();
  auto tag = [&](uint64_t size, uint64_t alignment) {
    return internal::struct_tag(kPoint.spelling, size, alignment);
  };
  EXPECT_EQ(kPoint.tag, tag(16, 8));
  EXPECT_NE(kPoint.tag, tag(24, 8));
  EXPECT_NE(kPoint.tag, tag(16, 4));
  EXPECT_NE(tag(8, 16), tag(16, 8));
  EXPECT_TRUE(kPoint.is_struct());

  auto crosses = [](const internal::ElementType& type) {
    using internal::Elements;
    internal::Encoder& encoder = internal::Encoder::local();
    internal::Encoder::Building building(encoder);
    Elements elements(internal::Kind::kValue, type, 1, Elements::Fill::kZero);
    encoder.finish(elements.encode(encoder));
    internal::decode_message<RawValue<Point>>(encoder.message());
  };
  EXPECT_NO_THROW(crosses(kPoint));
  EXPECT_THROW(crosses({tag(8, 8), 8, 8, kPoint.spelling}), TypeError);
}

TEST(Value, TakesOneCacheLineUpToSixteenBytes) {
  auto& arena = internal::Family::get().arena();
  auto bytes_of_values = [&] {
    uint64_t n = 0;
    arena.each_live([&](uint64_t, const internal::Block& b) {
      n += b.kind == internal::Kind::kValue ? uint64_t{1} << b.log2 : 0;
    });
    return n;
  };
  uint64_t before = bytes_of_values();
  RawValue<Point> point;
  EXPECT_EQ(bytes_of_values() - before, 64u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(point.get()) % 16, 0u);
  struct alignas(64) Line {
    char bytes[64];
  };
  RawValue<Line> line(Line{});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(line.get()) % 64, 0u);
}

TEST(Value, StoresWordsWhole) {
  static_assert(internal::WordSized<Pair> && internal::WordSized<double>);
  static_assert(!internal::WordSized<Point> && !internal::WordSized<Three>);
  // A struct of two ints is written by one store: a reader without a lock sees both or none.
  Watchdog dog(60s);
  RawValue<Pair> pair(Pair{0, 0});
  std::thread writer([pair] {
    for (int i = 1; i <= 200000; ++i) {
      pair.set_value({i, -i});
    }
  });
  for (Pair p = pair.value(); p.a < 200000; p = pair.value()) {
    ASSERT_EQ(p.a, -p.b);
  }
  writer.join();
}

// A child that ends while it holds the lock, as a killed one does.
template <class V, class F>
void die_inside(const V& v, F&& change) {
  pid_t child = fork();
  if (child == 0) {
    v.update([&](auto& inside) {
      change(inside);
      _exit(0);
    });
  }
  waitpid(child, nullptr, 0);
}

TEST(Value, ADeathInsideUpdateIsToldToTheNextUpdateAndNotUsedUpByReads) {
  Watchdog dog(30s);
  for (bool recursive : {true, false}) {
    Lock lock;
    Value<Point> p = recursive ? Value<Point>({1, 2}) : Value<Point>({1, 2}, lock);
    die_inside(p, [](Point& v) { v.x = 9; });
    EXPECT_EQ(p.value(), (Point{9, 2}));
    p.set_value({9, 3});
    EXPECT_EQ(p.value().y, 3);
    EXPECT_TRUE(p.update([&](Point&) { return p.get_lock().owner_died(); }));
    EXPECT_FALSE(p.update([&](Point&) { return p.get_lock().owner_died(); }));

    die_inside(p, [](Point&) {});
    EXPECT_EQ(p.value().x, 9);
    {
      std::scoped_lock hold(p.get_lock());
      EXPECT_TRUE(p.get_lock().owner_died());
      if (recursive) {
        EXPECT_EQ(p.value().x, 9);
        EXPECT_TRUE(p.get_lock().owner_died());
      }
    }
    std::scoped_lock hold(p.get_lock());
    EXPECT_FALSE(p.get_lock().owner_died());
  }
}

struct Node {
  int v;
  Node* next;
};
struct Deep {
  int a;
  struct {
    Point p;
    Node n;
  } in;
};
struct Name {
  char text[16];
  int id;
};
struct Reference {
  int& r;
};
struct Constant {
  const int c;
};
struct PointerBehindArray {
  int a[3];
  void* p;
};
struct Nodes {
  Node n[2];
};
struct Bits {
  unsigned a : 3, b : 5;
};
struct Standard {
  std::array<int, 3> a;
  std::chrono::seconds s;
};
struct Derived : Point {
  int z;
};
struct View {
  int a;
  std::string_view v;
};
enum class Colour : uint8_t { kRed };

static_assert(Shareable<int> && Shareable<bool> && Shareable<Colour> && Shareable<Point>);
static_assert(Shareable<Name> && Shareable<Bits> && Shareable<Standard> && Shareable<Derived>);
static_assert(Shareable<std::complex<double>> && Shareable<std::optional<int>>);
static_assert(!Shareable<int*> && !Shareable<Node> && !Shareable<Deep> && !Shareable<Nodes>);
static_assert(!Shareable<Reference> && !Shareable<Constant> && !Shareable<PointerBehindArray>);
static_assert(!Shareable<View> && !Shareable<std::span<int>> && !Shareable<std::string>);
static_assert(!Shareable<Lock> && !Shareable<int&> && !Shareable<const int>);
static_assert(!Shareable<std::reference_wrapper<int>> && !Shareable<void (*)()>);

}  // namespace
}  // namespace mp

#include "mp/array.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include "mp/errors.h"
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

TEST(Array, IsMadeOfALengthOrOfTheValuesOfAnyRange) {
  using V = std::vector<int>;
  EXPECT_EQ(Array<int>(3).slice(), (V{0, 0, 0}));
  EXPECT_EQ(Array<int>({1, 2, 3}).slice(), (V{1, 2, 3}));
  EXPECT_EQ((Array<int>{3}).slice(), V{3});
  EXPECT_EQ(Array<int>(std::list<long>{1, 2}).slice(), (V{1, 2}));
  EXPECT_EQ(Array<int>(std::set<char>{'b', 'a'}).slice(), (V{'a', 'b'}));
  std::array<short, 2> some = {4, 5};
  EXPECT_EQ(RawArray<int>(some).slice(), (V{4, 5}));
  EXPECT_EQ(Array<int>(V{}).size(), 0u);
  Array<Point> points({{1, 2}, {3, 4}});
  EXPECT_EQ(points.get(1), (Point{3, 4}));
  Array deduced({1.5, 2.5});
  static_assert(std::is_same_v<decltype(deduced), Array<double>>);
  static_assert(std::is_same_v<ArrayOf<'H'>, Array<unsigned short>>);
  static_assert(std::is_same_v<RawArrayOf<'c'>, RawArray<char>>);
  Array<Point> other(std::vector<Point>(2), Lock());
  EXPECT_FALSE(other.get_lock().recursive());
}

struct One {
  int v = 1;
};

TEST(Array, ElementsBeginAsTheirTypeDoes) {
  // Used memory first, so that zeros are not there by chance.
  { RawArray<int> dirty(std::vector<int>(5000, -1)); }
  RawArray<int> a(5000);
  EXPECT_EQ(a.slice(), std::vector<int>(5000));
  RawArray<One> ones(3);
  EXPECT_EQ(ones[2].v, 1);
}

TEST(Array, TooLargeAnArrayIsAMemoryError) {
  EXPECT_THROW(RawArray<int>(INT64_MAX), MemoryError);
  EXPECT_THROW(Array<char>(int64_t{1} << 60), MemoryError);
  EXPECT_THROW(RawArray<int>(INT64_MIN), ValueError);
}

TEST(Array, ReferencesReadAndWriteTheElement) {
  Array<int> a({1, 2, 3});
  a[0] = 7;
  a[1] = a[0];
  EXPECT_EQ(a[1], 7);
  EXPECT_EQ(a[1] += 3, 10);
  EXPECT_EQ(a[1] -= 1, 9);
  EXPECT_EQ(a[1] *= 2, 18);
  EXPECT_EQ(a[1] /= 3, 6);
  EXPECT_EQ(a[1] %= 4, 2);
  EXPECT_EQ(a[1] |= 5, 7);
  EXPECT_EQ(a[1] &= 6, 6);
  EXPECT_EQ(a[1] ^= 1, 7);
  EXPECT_EQ(++a[1], 8);
  EXPECT_EQ(a[1]++, 8);
  EXPECT_EQ(--a[1], 8);
  EXPECT_EQ(a[1]--, 8);
  EXPECT_EQ(a.get_obj()[1], 7);
  EXPECT_EQ(a[-1] + a[-2], 10);
  Array<bool> flags(2);
  flags[1] = true;
  EXPECT_TRUE(flags[1]);
}

TEST(Array, CompoundAssignmentIsOneTurnOfTheLock) {
  Watchdog dog(60s);
  Array<int> a(1);
  auto add = [a] {
    for (int i = 0; i < 20000; ++i) {
      a[0] += 1;
    }
  };
  std::thread other(add);
  add();
  other.join();
  EXPECT_EQ(a[0], 40000);
}

TEST(Array, UpdateHoldsTheLock) {
  Array<Point> a({{1, 2}, {3, 4}});
  EXPECT_EQ(a.update(-1,
                     [&](Point& p) {
                       EXPECT_TRUE(a.get_lock().locked());
                       p.x = 9;
                       return p.y;
                     }),
            4);
  double sum = a.update([](std::span<Point> all) {
    double x = 0;
    for (const Point& p : all) {
      x += p.x;
    }
    return x;
  });
  EXPECT_EQ(sum, 10);
  EXPECT_THROW(a.update(2, [](Point&) {}), IndexError);
  EXPECT_FALSE(a.get_lock().locked());
}

TEST(Array, IteratesOverCopies) {
  Array<int> a({1, 2, 3});
  int sum = 0;
  for (int v : a) {
    sum += v;
  }
  EXPECT_EQ(sum, 6);
  EXPECT_EQ(std::accumulate(a.begin(), a.end(), 0), 6);
  EXPECT_EQ(std::vector<int>(a.begin(), a.end()), (std::vector<int>{1, 2, 3}));
}

TEST(RawArray, IsASpan) {
  RawArray<int> a(4);
  std::span<int> span = a;
  span[1] = 5;
  std::iota(a.begin() + 2, a.end(), 7);
  EXPECT_EQ(a.slice(), (std::vector<int>{0, 5, 7, 8}));
  EXPECT_EQ(a.data(), span.data());
  EXPECT_EQ(&a.at(-1), &a[3]);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.data()) % 64, 0u);
  EXPECT_THROW(a.at(4), IndexError);
  EXPECT_THROW(a.at(-5), IndexError);
}

TEST(Array, CopiesAreTheSameElements) {
  Array<int> a(2);
  Array<int> b = a;
  b[0] = 1;
  EXPECT_EQ(a[0], 1);
  EXPECT_TRUE(a == b);
  EXPECT_FALSE(a == Array<int>(2));
}

TEST(Array, CrossesAsAnArrayOfItsTypeOnly) {
  Queue<Array<short>> q;
  Array<short> a({1, 2, 3});
  q.put(a);
  Array<short> b = q.get();
  b[2] = 9;
  EXPECT_EQ(a[2], 9);
  EXPECT_EQ(b.size(), 3u);
  internal::Encoder& encoder = internal::Encoder::local();
  internal::encode_message(encoder, a);
  EXPECT_THROW(internal::decode_message<Array<int>>(encoder.message()), TypeError);
  EXPECT_THROW(internal::decode_message<Value<short>>(encoder.message()), TypeError);
  EXPECT_THROW(internal::decode_message<RawArray<short>>(encoder.message()), TypeError);
}

TEST(Array, ASliceMayComeFromAnArrayUnderTheSameLock) {
  Watchdog dog(30s);
  Lock lock;  // not an RLock: to take it twice would hang
  Array<int> a(3, lock);
  Array<short> b({1, 2, 3}, lock);
  a.set_slice({}, {}, b);
  EXPECT_EQ(a.slice(), (std::vector<int>{1, 2, 3}));
  a.set_slice(0, 2, a.get_obj().slice(1));
  EXPECT_EQ(a.slice(), (std::vector<int>{2, 3, 3}));
}

// As a[1:] = a[:-1] in Python: what is assigned are the elements as they were.
template <class A>
void expect_slices_of_itself() {
  using V = std::vector<int>;
  A a({1, 2, 3, 4, 5});
  std::span<int> all;
  if constexpr (std::is_convertible_v<A, std::span<int>>) {
    all = a;
  } else {
    all = a.get_obj();
  }
  a.set_slice(1, {}, all.first(4));
  EXPECT_EQ(a.slice(), (V{1, 1, 2, 3, 4}));
  a.set_slice({}, -1, all.subspan(1));
  EXPECT_EQ(a.slice(), (V{1, 2, 3, 4, 4}));
  a.set_slice({}, {}, all, -1);
  EXPECT_EQ(a.slice(), (V{4, 4, 3, 2, 1}));
  // Also where the values are not side by side.
  a.set_slice({}, {}, std::vector<std::reference_wrapper<int>>(all.rbegin(), all.rend()));
  EXPECT_EQ(a.slice(), (V{1, 2, 3, 4, 4}));
  a.set_slice({}, {}, all);
  EXPECT_EQ(a.slice(), (V{1, 2, 3, 4, 4}));
}

TEST(Array, ASliceMayComeFromTheSameElements) {
  expect_slices_of_itself<RawArray<int>>();
  expect_slices_of_itself<Array<int>>();
}

TEST(RawArray, ATextMayBePartOfTheArrayThatGetsIt) {
  RawArray<char> c("hello");
  c.set_value(std::string_view(c.data() + 1, 4));
  EXPECT_EQ(c.value(), "ello");
  RawArray<wchar_t> w(L"hello");
  w.set_raw(std::wstring_view(w.data() + 1, 4));
  EXPECT_EQ(w.value(), L"elloo");
  w.set_value(std::wstring_view(w.data() + 2, 2));
  EXPECT_EQ(w.raw(), std::wstring(L"lo\0oo", 5));
}

TEST(Array, WaitsForWhoeverHasTheLock) {
  Watchdog dog(30s);
  Lock lock;
  Array<int> a(3, lock);
  std::unique_lock hold(lock);
  std::thread other([a] { a.set_slice({}, {}, std::vector<int>{1, 2, 3}); });
  EXPECT_EQ(a.get_obj().slice(), (std::vector<int>{0, 0, 0}));
  hold.unlock();
  other.join();
  EXPECT_EQ(a.slice(), (std::vector<int>{1, 2, 3}));
}

TEST(Array, ADeathInsideUpdateIsToldToTheNextUpdateAndNotUsedUpByOthers) {
  Watchdog dog(30s);
  Array<int> a({1, 2, 3});
  pid_t child = fork();
  if (child == 0) {
    a.update([](std::span<int> all) {
      all[0] = 9;
      _exit(0);
    });
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(a[0], 9);
  a[1] = 5;
  a.set_slice(2, 3, std::vector<int>{7});
  EXPECT_EQ(a.slice(), (std::vector<int>{9, 5, 7}));
  EXPECT_TRUE(a.update([&](std::span<int>) { return a.get_lock().owner_died(); }));
  EXPECT_FALSE(a.update(0, [&](int&) { return a.get_lock().owner_died(); }));
}

}  // namespace
}  // namespace mp

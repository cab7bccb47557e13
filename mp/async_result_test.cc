// What AsyncResult::then() makes of results, of Pool and of ThreadPool.

#include "mp/async_result.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/pool.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"
#include "mp/thread_pool.h"

namespace mp::testing {
namespace {

template <class P>
class Then : public Fixture {
 private:
  Watchdog dog_{std::chrono::minutes(1)};
};
using Pools = ::testing::Types<Pool, ThreadPool>;
TYPED_TEST_SUITE(Then, Pools);

int square(int x) { return x * x; }
int refuse(int) { throw ValueError("refused"); }
int square_after(Event go, int x) {
  go.wait();
  return x * x;
}

TYPED_TEST(Then, IsTheResultOfWhatIsCalledWithTheResult) {
  TypeParam pool(2);
  Event go;
  AsyncResult<int> nine = pool.submit(square_after, go, 3);
  AsyncResult<std::string> text = nine.then([](int n) { return std::to_string(n); });
  AsyncResult<std::string> longer = text.then([&](const std::string& s) { return s + "!"; });
  EXPECT_FALSE(longer.ready());
  go.set();
  EXPECT_EQ(longer.get(), "9!");
  EXPECT_EQ(text.get(), "9");
  // One that is there is called at once.
  bool called = false;
  AsyncResult<void> none = nine.then([&](int) { called = true; });
  EXPECT_TRUE(called);
  none.get();
  EXPECT_EQ(none.then([] { return 5; }).get(), 5);
}

TYPED_TEST(Then, AChainMayBeLong) {
  TypeParam pool(1);
  Event go;
  AsyncResult<int> last = pool.submit(square_after, go, 3);
  constexpr int kLength = 100'000;
  for (int i = 0; i < kLength; ++i) {
    last = last.then([](int n) { return n + 1; });
  }
  go.set();
  EXPECT_EQ(last.get(), 9 + kLength);
}

// A loop that begins its next round when one is done.
template <class P>
AsyncResult<int> rounds(P& pool, int n) {
  AsyncResult<int> round = pool.submit(square, n);
  if (n == 0) {
    return round;
  }
  return round.then([&pool, n](int) { return rounds(pool, n - 1); });
}

TYPED_TEST(Then, ALoopMayBeLong) {
  TypeParam pool(1);
  EXPECT_EQ(rounds(pool, 30'000).get(), 0);
}

TYPED_TEST(Then, WhatIsCalledMayWaitForWhatIsCalledAfterAnother) {
  TypeParam pool(2);
  Event go;
  AsyncResult<int> first = pool.submit(square_after, go, 3);
  AsyncResult<int> waited = first.then([&pool](int n) {
    AsyncResult<int> other = pool.submit(square, n).then([](int m) { return m + 1; });
    return other.then([](int m) { return m + 1; }).get();
  });
  AsyncResult<int> after = waited.then([](int n) { return n + 1; });
  go.set();
  EXPECT_EQ(after.get(), 84);
}

TYPED_TEST(Then, ErrorsAreHandedOn) {
  TypeParam pool(2);
  bool called = false;
  auto after_error = pool.submit(refuse, 3).then([&](int) { called = true; });
  EXPECT_THROW(after_error.get(), ValueError);
  EXPECT_FALSE(called);
  auto error_after =
      pool.submit(square, 3).then([](int) -> int { throw std::out_of_range("far"); });
  EXPECT_THROW(error_after.get(), std::out_of_range);
  EXPECT_EQ(pool.apply(square, 4), 16);
}

TYPED_TEST(Then, AnAsyncResultIsNotWrappedInAnother) {
  TypeParam pool(1);
  TypeParam other(1);
  AsyncResult<int> r = pool.submit(square, 3).then([&](int n) { return other.submit(square, n); });
  EXPECT_EQ(r.get(), 81);
  auto refused = pool.submit(square, 3).then([&](int n) { return other.submit(refuse, n); });
  EXPECT_THROW(refused.get(), ValueError);
  // Of the same pool, and of a map.
  auto sum = pool.submit(square, 2)
                 .then([&](int n) {
                   return pool.map_async(square, std::vector{n, n + 1});
                 })
                 .then([](const std::vector<int>& v) { return v[0] + v[1]; });
  EXPECT_EQ(sum.get(), 16 + 25);
}

TYPED_TEST(Then, ManyFollowOneAnother) {
  TypeParam pool(2);
  AsyncResult<int> r = pool.submit(square, 1);
  for (int i = 0; i < 200; ++i) {
    r = r.then([&](int n) { return pool.submit([](int m) { return m + 1; }, n); });
  }
  EXPECT_EQ(r.get(), 201);
}

TYPED_TEST(Then, ThePoolsEndEndsIt) {
  Event go;
  auto pool = std::make_unique<TypeParam>(1);
  auto running = pool->submit(square_after, go, 1);
  auto r = pool->submit(square, 3).then([](int n) { return n; });
  go.set();
  pool->terminate();
  // It was done in time, or it is cancelled.
  try {
    EXPECT_EQ(r.get(), 9);
  } catch (const CancelledError&) {
  }
}

TEST(ThenCancelled, CancelsWhatItIsMadeOf) {
  Watchdog dog(std::chrono::minutes(1));
  Pool pool(1);
  Event never;
  AsyncResult<int> running = pool.submit(square_after, never, 3);
  auto next = running.then([](int n) { return n + 1; }).then([](int n) { return n + 1; });
  next.cancel();
  EXPECT_THROW(next.get(), CancelledError);
  EXPECT_THROW(running.get(), CancelledError);
}

}  // namespace
}  // namespace mp::testing

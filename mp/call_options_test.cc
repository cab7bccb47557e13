// What options do, of each call that takes them, of Pool and of ThreadPool.

#include "mp/call_options.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/function.h"
#include "mp/pool.h"
#include "mp/pool_errors.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"
#include "mp/thread_pool.h"

namespace mp::testing {
namespace {

int square(int x) { return x * x; }
int wait_for(const Event& e) {
  e.wait();
  return 7;
}
// Kills its worker, but for the second time.
int die_once(const Event& died, int x) {
  if (!died.is_set()) {
    died.set();
    ::raise(SIGKILL);
  }
  return x * x;
}

class CallOptionsTest : public Fixture {
 private:
  Watchdog dog_{std::chrono::minutes(1)};
};

TEST_F(CallOptionsTest, ApplyTriesAgain) {
  Pool pool(1);
  EXPECT_EQ(pool.apply({.retries = 1}, die_once, Event(), 3), 9);
  EXPECT_THROW(pool.apply({.retries = 0}, die_once, Event(), 3), WorkerDied);
}
TEST_F(CallOptionsTest, SubmitTriesAgainAndCallsBack) {
  Pool pool(1);
  int called = 0;
  auto nine =
      pool.submit({.callback = [&](int n) { called = n; }, .retries = 1}, die_once, Event(), 3);
  EXPECT_EQ(nine.get(), 9);
  EXPECT_EQ(called, 9);
}
TEST_F(CallOptionsTest, MapTriesAgain) {
  Pool pool(1);
  EXPECT_EQ(pool.map({.retries = 1}, bind(die_once, Event()), std::vector{1, 2, 3}),
            (std::vector{1, 4, 9}));
  EXPECT_THROW(pool.map({.chunksize = 3}, bind(die_once, Event()), std::vector{1, 2, 3}),
               WorkerDied);
}
TEST_F(CallOptionsTest, StarmapTriesAgain) {
  Pool pool(1);
  const Event died;
  EXPECT_EQ(pool.starmap({.chunksize = 1, .retries = 1}, die_once,
                         std::vector<std::tuple<Event, int>>{{died, 2}, {died, 3}}),
            (std::vector{4, 9}));
}
TEST_F(CallOptionsTest, EachEndsATaskThatTakesTooLong) {
  Pool pool(1);
  const Event never;
  const std::vector<Event> once = {never};
  for (double none : {0.0, -1.0}) {
    EXPECT_THROW(pool.apply({.timeout = none}, wait_for, never), ValueError);
    EXPECT_THROW(pool.map({.timeout = none}, wait_for, once), ValueError);
    EXPECT_THROW(pool.imap({.timeout = none}, wait_for, once), ValueError);
  }
  EXPECT_THROW(pool.apply({.timeout = 0.05}, wait_for, never), TimeoutError);
  EXPECT_THROW(pool.submit({.timeout = 0.05}, wait_for, never).get(), TimeoutError);
  EXPECT_THROW(pool.map({.timeout = 0.05}, wait_for, once), TimeoutError);
  EXPECT_THROW(pool.starmap({.timeout = 0.05}, wait_for, std::vector<std::tuple<Event>>{{never}}),
               TimeoutError);
  EXPECT_THROW(pool.imap({.timeout = 0.05}, wait_for, once).next(), TimeoutError);
}

template <class P>
class PoolOptionsTest : public CallOptionsTest {};
using Pools = ::testing::Types<Pool, ThreadPool>;
TYPED_TEST_SUITE(PoolOptionsTest, Pools);

using Told = std::vector<std::pair<uint64_t, uint64_t>>;

TYPED_TEST(PoolOptionsTest, MapAndStarmapTellHowFarTheyAre) {
  TypeParam pool(2);
  Told told;
  const MapOptions options = {.chunksize = 2, .progress = [&](uint64_t done, uint64_t total) {
                                told.emplace_back(done, total);
                              }};
  EXPECT_EQ(pool.map(options, square, std::vector{1, 2, 3}), (std::vector{1, 4, 9}));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), std::pair(uint64_t{2}, uint64_t{2}));
  told.clear();
  EXPECT_EQ(pool.starmap(options, square, std::vector<std::tuple<int>>{{1}, {2}, {3}}),
            (std::vector{1, 4, 9}));
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back(), std::pair(uint64_t{2}, uint64_t{2}));
}

TYPED_TEST(PoolOptionsTest, AnImapTellsHowManyTasksWereTaken) {
  TypeParam pool(2);
  for (bool ordered : {true, false}) {
    Told told;
    const IMapOptions options = {.chunksize = 2, .progress = [&](uint64_t done, uint64_t total) {
                                   told.emplace_back(done, total);
                                 }};
    const std::vector in = {1, 2, 3};
    auto results =
        ordered ? pool.imap(options, square, in) : pool.imap_unordered(options, square, in);
    EXPECT_EQ(told, Told()) << "nobody has asked";
    int sum = 0;
    for (int n : results) {
      sum += n;
    }
    EXPECT_EQ(sum, 14);
    EXPECT_EQ(told, (Told{{0, 2}, {1, 2}, {2, 2}}));
  }
}

// Whose size nobody knows before its end.
class Lines {
 public:
  explicit Lines(const std::string& text) : in_(text) {}
  auto begin() { return std::istream_iterator<int>(in_); }
  auto end() { return std::istream_iterator<int>(); }

 private:
  std::istringstream in_;
};

TYPED_TEST(PoolOptionsTest, AnImapTellsTheTotalOnceItIsKnown) {
  TypeParam pool(2);
  Told told;
  Lines lines("1 2 3");
  auto results = pool.imap(
      {.buffersize = 1,
       .progress = [&](uint64_t done, uint64_t total) { told.emplace_back(done, total); }},
      square, lines);
  for (int n : results) {
    EXPECT_GT(n, 0);
  }
  EXPECT_EQ(told, (Told{{1, 0}, {2, 0}, {3, 0}, {3, 3}}));
}

int refuse_two(int x) {
  if (x == 2) {
    throw std::invalid_argument("two");
  }
  return x;
}

TYPED_TEST(PoolOptionsTest, ATaskOfAnImapThatFailedIsToldToo) {
  TypeParam pool(1);
  Told told;
  const std::vector in = {1, 2, 3};
  auto results = pool.imap(
      {.progress = [&](uint64_t done, uint64_t total) { told.emplace_back(done, total); }},
      refuse_two, in);
  EXPECT_EQ(results.next(), 1);
  EXPECT_THROW(results.next(), std::invalid_argument);
  EXPECT_EQ(results.next(), 3);
  EXPECT_EQ(results.next(), std::nullopt);
  EXPECT_EQ(results.next(), std::nullopt);
  EXPECT_EQ(told, (Told{{0, 3}, {1, 3}, {2, 3}, {3, 3}}));
}

TYPED_TEST(PoolOptionsTest, WhatProgressThrowsLeavesNext) {
  TypeParam pool(1);
  const std::vector in = {1, 2};
  auto results = pool.imap({.progress =
                                [](uint64_t done, uint64_t) {
                                  if (done == 1) {
                                    throw std::runtime_error("no more");
                                  }
                                }},
                           square, in);
  EXPECT_EQ(results.next(), 1);
  EXPECT_THROW(results.next(), std::runtime_error);
  EXPECT_EQ(results.next(), 4) << "nothing is lost";
  EXPECT_EQ(results.next(), std::nullopt);
}

TYPED_TEST(PoolOptionsTest, RetriesBelowZeroAreRefused) {
  TypeParam pool(1);
  const std::vector in = {1, 2};
  const std::vector<std::tuple<int>> tuples = {{1}};
  const std::function<void()> calls[] = {
      [&] { pool.apply({.retries = -1}, square, 1); },
      [&] { pool.apply_async({.retries = -1}, square, 1); },
      [&] { pool.submit({.retries = -1}, square, 1); },
      [&] { pool.map({.retries = -1}, square, in); },
      [&] { pool.map_async({.retries = -1}, square, in); },
      [&] { pool.starmap({.retries = -1}, square, tuples); },
      [&] { pool.starmap_async({.retries = -1}, square, tuples); },
      [&] { pool.imap({.retries = -1}, square, in); },
      [&] { pool.imap_unordered({.retries = -1}, square, in); },
  };
  for (const auto& call : calls) {
    try {
      call();
      ADD_FAILURE() << "call " << &call - calls;
    } catch (const ValueError& e) {
      EXPECT_STREQ(e.what(),
                   "mp: retries must be 0 or more, not -1: they are attempts beside the first");
    }
  }
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_F(CallOptionsTest, ThreadsAreNotEndedNorTriedAgain) {
  ThreadPool pool(1);
  const std::vector in = {1};
  EXPECT_THROW(pool.apply({.timeout = 1}, square, 1), ValueError);
  EXPECT_THROW(pool.map({.retries = 1}, square, in), ValueError);
  EXPECT_THROW(pool.submit({.timeout = 1}, square, 1), ValueError);
  EXPECT_THROW(pool.imap({.retries = 1}, square, in), ValueError);
}

}  // namespace
}  // namespace mp::testing

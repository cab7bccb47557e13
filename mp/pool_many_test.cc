// A pool with very many open tasks: what one costs, and what it costs to give one up.

#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/internal/base/sanitizer.h"
#include "mp/pool.h"
#include "mp/pool_errors.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

class PoolMany : public Fixture {
 private:
  Watchdog dog_{std::chrono::seconds(120)};
};

int square(int x) { return x * x; }

int tell_and_wait(Event begun, Event go) {
  begun.set();
  go.wait();
  return 7;
}

int note(Queue<int> notes, int number) {
  notes.put(number);
  return number;
}

// A pool whose only worker is at a task until go().
class BusyPool {
 public:
  BusyPool() { begun_.wait(); }
  ~BusyPool() {
    go_.set();
    EXPECT_EQ(busy_.get(), 7);
  }
  void go() { go_.set(); }

  Pool pool{1};

 private:
  Event begun_, go_;
  AsyncResult<int> busy_ = pool.apply_async(tell_and_wait, begun_, go_);
};

bool was_cancelled(const AsyncResult<int>& result) {
  try {
    result.get(0);
  } catch (const CancelledError&) {
    return true;
  }
  return false;
}

// If each cancel() looked at all that are open, this would take the better part of a minute, optimised: 0.4 ms each on average.
TEST_F(PoolMany, EachOfManyTasksIsCancelledByItself) {
  constexpr int kMany = 100'000;
  constexpr int kStep = 7919;  // has no divisor in common with that
  BusyPool busy;
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < kMany; ++i) {
    results.push_back(busy.pool.apply_async(square, i));
  }
  for (int64_t i = 0; i < kMany; ++i) {
    results[static_cast<size_t>(i * kStep % kMany)].cancel();
  }
  for (const AsyncResult<int>& result : results) {
    ASSERT_TRUE(was_cancelled(result));
  }
  busy.go();
  EXPECT_EQ(busy.pool.apply(square, 3), 9);
}

TEST_F(PoolMany, WhatIsNotCancelledRunsOnceInItsOrder) {
  constexpr int kTasks = 2'000;
  BusyPool busy;
  Queue<int> notes;
  std::vector<AsyncResult<int>> results;
  std::vector<AsyncResult<std::vector<int>>> maps;
  std::vector<int> expected;
  for (int i = 0; i < kTasks; ++i) {
    results.push_back(busy.pool.apply_async(note, notes, i));
    if (i % 500 == 0) {
      maps.push_back(busy.pool.map_async(square, std::vector<int>(1'000), 1));
    }
    if (i % 3 != 1) {
      expected.push_back(i);
    }
  }
  for (const auto& map : maps) {
    map.cancel();
  }
  for (int i = kTasks - 1; i >= 0; --i) {
    if (i % 3 == 1) {
      results[static_cast<size_t>(i)].cancel();
      results[static_cast<size_t>(i)].cancel();
    }
  }
  busy.go();
  std::vector<int> ran;
  for (int i = 0; i < kTasks; ++i) {
    if (i % 3 == 1) {
      EXPECT_TRUE(was_cancelled(results[static_cast<size_t>(i)]));
    } else {
      EXPECT_EQ(results[static_cast<size_t>(i)].get(), i);
      ran.push_back(notes.get());
    }
  }
  EXPECT_EQ(ran, expected);
  EXPECT_TRUE(notes.empty());
  for (const auto& map : maps) {
    EXPECT_THROW(map.get(0), CancelledError);
  }
}

TEST_F(PoolMany, AnOpenTaskIsSmall) {
  if (internal::kAddressSanitizer || internal::kThreadSanitizer) {
    GTEST_SKIP() << "its blocks are larger";
  }
  constexpr size_t kMany = 50'000;
  constexpr size_t kMost =
      670;  // bytes each, half as many again as they are: 128 of the job, 320 of the task
  BusyPool busy;
  std::vector<AsyncResult<int>> results;
  results.reserve(kMany);
  auto in_use = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const size_t before = in_use();
  for (size_t i = 0; i < kMany; ++i) {
    results.push_back(busy.pool.apply_async(square, static_cast<int>(i)));
  }
  const size_t each = (in_use() - before) / kMany;
  std::cout << "an open task takes " << each << " bytes\n";
  EXPECT_LT(each, kMost);
}

}  // namespace
}  // namespace mp::testing

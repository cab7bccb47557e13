#include "mp/internal/pool/small_mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

namespace mp::internal {
namespace {

TEST(SmallMutex, HasOneThreadAtATime) {
  SmallMutex mutex;
  int count = 0;
  constexpr int kThreads = 4;
  constexpr int kTimes = 500'000;
  std::latch all(kThreads);  // else the first may be done before the last begins
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      all.arrive_and_wait();
      for (int k = 0; k < kTimes; ++k) {
        std::lock_guard hold(mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(count, kThreads * kTimes);
}

// Each waits in lock() while the other has it.
TEST(SmallMutex, WakesWhoWaits) {
  SmallMutex mutex;
  std::atomic<int> turns{0};
  auto take_turns = [&](int rest) {
    for (int before = 0; before < 2'000;) {
      std::lock_guard hold(mutex);
      before = turns.load(std::memory_order_relaxed);
      if (before % 2 == rest) {
        turns.store(before + 1, std::memory_order_relaxed);
      }
      std::this_thread::yield();
    }
  };
  std::thread other(take_turns, 1);
  take_turns(0);
  other.join();
  EXPECT_GE(turns.load(), 2'000);
}

}  // namespace
}  // namespace mp::internal

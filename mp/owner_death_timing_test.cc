// How soon the next holder is in after the one before was killed. Prints what it measured.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "mp/lock.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/rlock.h"
#include "mp/semaphore.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;

int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch() / 1ns; }

template <class L>
class OwnerDeathTiming : public ::testing::Test {
 private:
  testing::Watchdog dog_{280s};
};
using Kinds = ::testing::Types<Lock, RLock, Semaphore>;
TYPED_TEST_SUITE(OwnerDeathTiming, Kinds);

TYPED_TEST(OwnerDeathTiming, TheNextHolderIsInWithinFiveMilliseconds) {
  constexpr size_t kDeaths = 200;
  constexpr int kWaiters = 3;
  Queue<int64_t> held;
  std::vector<int64_t> delays;
  for (size_t n = 0; n < kDeaths; ++n) {
    TypeParam lock;
    ForkProcess owner([lock, held] {
      lock.acquire();
      held.put(now_ns());
      for (;;) {
        pause();
      }
    });
    owner.start();
    held.get();
    std::vector<ForkProcess> waiters;
    for (int i = 0; i < kWaiters; ++i) {
      waiters.emplace_back([lock, held] {
        lock.acquire();
        held.put(now_ns());
        lock.release();
      });
      waiters.back().start();
      ASSERT_TRUE(testing::await_asleep(waiters.back().pid()));
    }
    int64_t killed = now_ns();
    owner.kill();
    delays.push_back(held.get() - killed);
    for (int i = 1; i < kWaiters; ++i) {
      held.get();
    }
    for (ForkProcess& p : waiters) {
      EXPECT_TRUE(p.join());
    }
    EXPECT_TRUE(owner.join());
  }
  std::sort(delays.begin(), delays.end());
  auto ms = [&](size_t percent) {
    return static_cast<double>(delays[kDeaths * percent / 100 - 1]) / 1e6;
  };
  std::printf("the next holder is in: p50 %.3f ms, p99 %.3f ms, max %.3f ms\n", ms(50), ms(99),
              ms(100));
  EXPECT_LT(ms(99), 5);
}

}  // namespace
}  // namespace mp

// How soon the others know that a party was killed. Prints what it measured.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "mp/barrier.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;

int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch() / 1ns; }

TEST(BarrierTiming, ADeathIsKnownToAllWithinFiveMilliseconds) {
  testing::Watchdog dog(280s);
  constexpr int kParties = 5;
  constexpr size_t kDeaths = 200;
  Queue<int64_t> told;
  std::vector<int64_t> delays;
  for (size_t n = 0; n < kDeaths; ++n) {
    Barrier barrier(kParties);
    std::vector<ForkProcess> parties;
    for (int i = 0; i < kParties - 1; ++i) {
      parties.emplace_back([barrier, told] {
        barrier.try_wait().IgnoreError();
        told.put(now_ns());
      });
      parties.back().start();
      ASSERT_TRUE(testing::await_asleep(parties.back().pid()));
    }
    int64_t killed = now_ns();
    parties[n % parties.size()].kill();
    int64_t last = 0;
    for (int i = 0; i < kParties - 2; ++i) {
      last = std::max(last, told.get());
    }
    delays.push_back(last - killed);
    for (ForkProcess& p : parties) {
      EXPECT_TRUE(p.join());
    }
    EXPECT_TRUE(barrier.broken());
  }
  std::sort(delays.begin(), delays.end());
  auto ms = [&](size_t percent) {
    return static_cast<double>(delays[kDeaths * percent / 100 - 1]) / 1e6;
  };
  std::printf("a death is known to all: p50 %.3f ms, p99 %.3f ms, max %.3f ms\n", ms(50), ms(99),
              ms(100));
  EXPECT_LT(ms(99), 5);
}

}  // namespace
}  // namespace mp

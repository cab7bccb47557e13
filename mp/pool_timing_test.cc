// terminate() returns within two seconds, whatever the workers do.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "mp/event.h"
#include "mp/pool.h"
#include "mp/semaphore.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

using Clock = std::chrono::steady_clock;

class PoolTiming : public Fixture {
 private:
  Watchdog dog_{std::chrono::minutes(1)};
};

enum class Deed { kSleep, kSpin, kIgnoreSigterm, kStop };

void do_for_ever(Semaphore begun, Event never, Deed deed) {
  if (deed == Deed::kIgnoreSigterm) {
    ::signal(SIGTERM, SIG_IGN);
  }
  begun.release();
  if (deed == Deed::kStop) {
    ::raise(SIGSTOP);
  }
  volatile bool spins = deed == Deed::kSpin || deed == Deed::kIgnoreSigterm;
  while (spins) {
  }
  never.wait();
}

TEST_F(PoolTiming, TerminateTakesNoMoreThanTwoSeconds) {
  for (Deed deed : {Deed::kSleep, Deed::kSpin, Deed::kIgnoreSigterm, Deed::kStop}) {
    Pool pool(4);
    Semaphore begun(0);
    Event never;
    std::vector<AsyncResult<void>> results;
    for (int i = 0; i < 10'000; ++i) {
      results.push_back(pool.apply_async(do_for_ever, begun, never, deed));
    }
    for (int i = 0; i < 4; ++i) {
      begun.acquire();
    }
    const Clock::time_point start = Clock::now();
    pool.terminate();
    const std::chrono::duration<double> took = Clock::now() - start;
    std::printf("deed %d, 10,000 calls without a result: terminate() took %.3f s\n",
                static_cast<int>(deed), took.count());
    EXPECT_LT(took.count(), 2.0);
  }
}

}  // namespace
}  // namespace mp::testing

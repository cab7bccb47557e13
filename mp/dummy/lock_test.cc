#include "mp/dummy/lock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "mp/dummy/test_thread.h"
#include "mp/errors.h"
#include "mp/testing/watchdog.h"

namespace mp::dummy {
namespace {

using namespace std::chrono_literals;
using mp::testing::TestThread;
using mp::testing::Watchdog;

TEST(DummyLock, ReleaseOfAFreeLockNamesTheMistake) {
  Lock lock;
  try {
    lock.release();
    FAIL() << "nothing was thrown";
  } catch (const ValueError& e) {
    EXPECT_STREQ(e.what(), "semaphore or lock released too many times");
  }
  EXPECT_FALSE(lock.locked());
  EXPECT_TRUE(lock.acquire(0));
}

TEST(DummyLock, CopiesAreTheSameLock) {
  Lock a;
  Lock b = a;
  Lock other;
  EXPECT_TRUE(a == b);
  EXPECT_FALSE(a == other);
  a.acquire();
  EXPECT_TRUE(b.locked());
  EXPECT_FALSE(b.acquire(0));
  EXPECT_FALSE(other.locked());
  b.release();
  EXPECT_FALSE(a.locked());
}

TEST(DummyLock, AnotherThreadMayRelease) {
  Lock lock;
  lock.acquire();
  std::thread([lock] { lock.release(); }).join();
  EXPECT_FALSE(lock.locked());
}

TEST(DummyLock, ZeroAndNegativeTimeoutsPoll) {
  Watchdog dog(30s);
  Lock lock;
  EXPECT_TRUE(lock.acquire(-1));
  EXPECT_FALSE(lock.acquire(0));
  EXPECT_FALSE(lock.acquire(-1s));
  EXPECT_FALSE(lock.try_lock());
}

TEST(DummyLock, AcquireGivesUpNotBeforeItsTimeout) {
  Watchdog dog(30s);
  Lock lock;
  lock.acquire();
  auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(lock.acquire(50ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
  EXPECT_FALSE(lock.try_lock_for(std::chrono::milliseconds(1)));
  EXPECT_TRUE(lock.locked());
}

TEST(DummyLock, IsAStandardLock) {
  Lock a;
  Lock b;
  {
    std::scoped_lock hold(a, b);
    EXPECT_TRUE(a.locked());
    EXPECT_TRUE(b.locked());
    EXPECT_FALSE(a.owner_died());
  }
  EXPECT_TRUE(a.try_lock());
  std::unique_lock hold(a, std::adopt_lock);
  hold.unlock();
  EXPECT_FALSE(a.locked());
}

TEST(DummyLock, ReleaseWakesASleeper) {
  Watchdog dog(30s);
  Lock lock;
  lock.acquire();
  TestThread sleeper([lock] {
    EXPECT_TRUE(lock.acquire());
    lock.release();
  });
  ASSERT_TRUE(sleeper.await_asleep());
  lock.release();
  sleeper.join();
  EXPECT_FALSE(lock.locked());
}

TEST(DummyLock, ReleaseWakesASleeperBesideOneThatGaveUp) {
  Watchdog dog(30s);
  Lock lock;
  lock.acquire();
  TestThread patient([lock] {
    EXPECT_TRUE(lock.acquire(1h));
    lock.release();
  });
  ASSERT_TRUE(patient.await_asleep());
  EXPECT_FALSE(lock.acquire(1ms));
  lock.release();
  patient.join();
}

TEST(DummyLock, AllSleepersGetTheirTurn) {
  Watchdog dog(60s);
  Lock lock;
  int turns = 0;
  lock.acquire();
  std::vector<std::unique_ptr<TestThread>> sleepers;
  for (int i = 0; i < 6; ++i) {
    sleepers.push_back(std::make_unique<TestThread>([lock, &turns] {
      std::scoped_lock hold(lock);
      ++turns;
    }));
  }
  for (auto& sleeper : sleepers) {
    ASSERT_TRUE(sleeper->await_asleep());
  }
  lock.release();
  sleepers.clear();
  EXPECT_EQ(turns, 6);
}

// Each release() meets an acquire() that is on its way to sleep.
TEST(DummyLock, HandingOverLosesNoWakeUp) {
  Watchdog dog(120s);
  constexpr int kTurns = 50000;
  Lock ping;
  Lock pong;
  ping.acquire();
  pong.acquire();
  TestThread other([ping, pong] {
    for (int i = 0; i < kTurns; ++i) {
      ping.acquire();
      pong.release();
    }
  });
  for (int i = 0; i < kTurns; ++i) {
    ping.release();
    pong.acquire();
  }
}

TEST(DummyLock, OneThreadAtATimeHoldsIt) {
  Watchdog dog(120s);
  Lock lock;
  constexpr int kThreads = 4;
  constexpr int kTurns = 20000;
  int counter = 0;
  auto work = [lock, &counter] {
    for (int i = 0; i < kTurns; ++i) {
      // Also those who give up and come back must not be in together.
      while (!lock.acquire(i % 8 == 0 ? Timeout(1us) : kForever)) {
      }
      ++counter;
      lock.release();
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(work);
  }
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(counter, kThreads * kTurns);
  EXPECT_FALSE(lock.locked());
}

}  // namespace
}  // namespace mp::dummy

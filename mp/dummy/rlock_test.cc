#include "mp/dummy/rlock.h"

#include <gtest/gtest.h>

#include <chrono>
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

std::string error_of_release(const RLock& lock) {
  try {
    lock.release();
    return "";
  } catch (const AssertionError& e) {
    return e.what();
  }
}
constexpr char kNotOwned[] = "attempt to release recursive lock not owned by thread";

TEST(DummyRLock, ItsOwnerTakesItAgain) {
  Watchdog dog(30s);
  RLock lock;
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.acquire(0));
  std::scoped_lock hold(lock);
  lock.release();
  lock.release();
  EXPECT_TRUE(lock.locked());
}

TEST(DummyRLock, OnlyItsOwnerReleases) {
  Watchdog dog(30s);
  RLock lock;
  EXPECT_EQ(error_of_release(lock), kNotOwned);
  lock.acquire();
  std::thread([lock] {
    EXPECT_EQ(error_of_release(lock), kNotOwned);
    EXPECT_FALSE(lock.acquire(0));
  }).join();
  lock.release();
  EXPECT_EQ(error_of_release(lock), kNotOwned);
  EXPECT_FALSE(lock.owner_died());
}

TEST(DummyRLock, IsFreeAfterTheLastLevel) {
  Watchdog dog(30s);
  RLock lock;
  lock.acquire();
  lock.acquire();
  TestThread other([lock] { std::scoped_lock hold(lock); });
  ASSERT_TRUE(other.await_asleep());
  lock.release();
  EXPECT_TRUE(lock.locked());
  EXPECT_TRUE(lock.acquire(0)) << "it is still mine";
  lock.release();
  lock.release();
  other.join();
  EXPECT_FALSE(lock.locked());
}

TEST(DummyRLock, AThreadThatEndedIsNotTakenForALaterOne) {
  Watchdog dog(30s);
  RLock lock;
  std::thread([lock] { lock.acquire(); }).join();
  // The system gives its ids and stacks to new threads.
  for (int i = 0; i < 100; ++i) {
    std::thread([lock] { EXPECT_FALSE(lock.acquire(0)); }).join();
  }
}

TEST(DummyRLock, OneThreadAtATimeHoldsIt) {
  Watchdog dog(120s);
  RLock lock;
  constexpr int kThreads = 4;
  constexpr int kTurns = 10000;
  int counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([lock, &counter] {
      for (int turn = 0; turn < kTurns; ++turn) {
        std::scoped_lock outer(lock);
        std::scoped_lock inner(lock);
        ++counter;
      }
    });
  }
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(counter, kThreads * kTurns);
}

TEST(DummyRLock, CopiesAreTheSameLock) {
  Watchdog dog(30s);
  RLock a;
  RLock b = a;
  EXPECT_TRUE(a == b);
  EXPECT_FALSE(a == RLock());
  a.acquire();
  b.release();
  EXPECT_FALSE(a.locked());
}

}  // namespace
}  // namespace mp::dummy

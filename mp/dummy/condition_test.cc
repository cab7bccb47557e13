#include "mp/dummy/condition.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
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

std::string assertion_of(const std::function<void()>& call) {
  try {
    call();
    return "";
  } catch (const AssertionError& e) {
    return e.what();
  }
}

TEST(DummyCondition, WaitAndNotifyNeedTheLock) {
  Condition recursive;
  Lock lock;
  Condition plain(lock);
  for (const Condition& c : {recursive, plain}) {
    EXPECT_EQ(assertion_of([&] { c.wait(0); }), "must acquire() condition before using wait()");
    EXPECT_EQ(assertion_of([&] { c.notify(); }), "lock is not owned");
    EXPECT_EQ(assertion_of([&] { c.notify_all(); }), "lock is not owned");
    c.acquire();
    EXPECT_EQ(assertion_of([&] { c.notify(); }), "");
    EXPECT_FALSE(c.wait(0));
    std::thread([c] { EXPECT_EQ(assertion_of([&] { c.notify(); }), "lock is not owned"); }).join();
    c.release();
  }
}

TEST(DummyCondition, ReleaseOfAFreeOneIsItsLocksError) {
  EXPECT_EQ(assertion_of([] { Condition().release(); }),
            "attempt to release recursive lock not owned by thread");
  EXPECT_THROW(Condition(Lock()).release(), ValueError);
}

TEST(DummyCondition, WaitGivesUpAllLevelsAndTakesThemBack) {
  Watchdog dog(30s);
  RLock lock;
  Condition c(lock);
  bool waiting = false;
  TestThread waiter([c, lock, &waiting] {
    lock.acquire();
    lock.acquire();
    c.acquire();
    waiting = true;
    EXPECT_TRUE(c.wait());
    c.release();
    lock.release();
    EXPECT_TRUE(lock.locked());
    lock.release();
  });
  c.acquire();
  while (!waiting) {
    c.release();
    std::this_thread::yield();
    c.acquire();
  }
  c.notify();
  c.release();
  waiter.join();
  EXPECT_FALSE(lock.locked());
}

TEST(DummyCondition, WakesThoseFirstThatCameFirst) {
  Watchdog dog(60s);
  Condition c;
  std::vector<int> came;
  std::vector<int> woken;
  std::vector<std::unique_ptr<TestThread>> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.push_back(std::make_unique<TestThread>([c, i, &came, &woken] {
      std::scoped_lock hold(c);
      came.push_back(i);
      EXPECT_TRUE(c.wait());
      woken.push_back(i);
    }));
  }
  std::unique_lock hold(c);
  while (came.size() < 4) {
    hold.unlock();
    std::this_thread::yield();
    hold.lock();
  }
  for (size_t i = 1; i <= 4; ++i) {
    c.notify();
    while (woken.size() < i) {
      hold.unlock();
      std::this_thread::yield();
      hold.lock();
    }
  }
  hold.unlock();
  waiters.clear();
  EXPECT_EQ(woken, came);
}

TEST(DummyCondition, OneThatGaveUpTakesNoNotification) {
  Watchdog dog(30s);
  Condition c;
  bool waiting = false;
  c.acquire();
  TestThread patient([c, &waiting] {
    std::scoped_lock hold(c);
    waiting = true;
    EXPECT_TRUE(c.wait(1h));
  });
  EXPECT_FALSE(c.wait(1ms));
  while (!waiting) {
    EXPECT_FALSE(c.wait(1ms));
  }
  c.notify();
  c.release();
  patient.join();
}

TEST(DummyCondition, SeveralConditionsShareALock) {
  Watchdog dog(30s);
  Lock lock;
  Condition full(lock);
  Condition empty(lock);
  EXPECT_FALSE(full == empty);
  EXPECT_TRUE(full == Condition(full));
  constexpr int kTurns = 2000;
  int items = 0;
  TestThread consumer([&] {
    for (int i = 0; i < kTurns; ++i) {
      std::scoped_lock hold(full);
      full.wait_for([&] { return items > 0; });
      --items;
      empty.notify();
    }
  });
  for (int i = 0; i < kTurns; ++i) {
    std::scoped_lock hold(empty);
    EXPECT_TRUE(empty.wait_for([&] { return items < 2; }));
    ++items;
    full.notify();
  }
  consumer.join();
  EXPECT_EQ(items, 0);
}

TEST(DummyCondition, WaitForReturnsThePredicatesValue) {
  Watchdog dog(30s);
  Condition c;
  std::scoped_lock hold(c);
  EXPECT_EQ(c.wait_for([] { return 7; }), 7);
  int looks = 0;
  auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(c.wait_for([&] { return ++looks < 0 ? 1 : 0; }, 30ms), 0);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
  EXPECT_GE(looks, 2);
}

// Many come and go while others notify: nobody may stay asleep, and each notification wakes one.
TEST(DummyCondition, LosesNoNotification) {
  Watchdog dog(120s);
  Condition c;
  constexpr int kThreads = 4;
  constexpr int kTurns = 3000;
  int tokens = 0;
  int taken = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([c, i, &tokens, &taken] {
      for (int turn = 0; turn < kTurns; ++turn) {
        std::scoped_lock hold(c);
        while (tokens == 0) {
          c.wait(i == 0 ? Timeout(50us) : kForever);
        }
        --tokens;
        ++taken;
      }
    });
  }
  for (int i = 0; i < kThreads * kTurns; ++i) {
    std::scoped_lock hold(c);
    ++tokens;
    c.notify();
  }
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(taken, kThreads * kTurns);
  EXPECT_EQ(tokens, 0);
}

}  // namespace
}  // namespace mp::dummy

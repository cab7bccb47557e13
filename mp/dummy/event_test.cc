#include "mp/dummy/event.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "mp/dummy/test_thread.h"
#include "mp/testing/watchdog.h"

namespace mp::dummy {
namespace {

using namespace std::chrono_literals;
using mp::testing::TestThread;
using mp::testing::Watchdog;

TEST(DummyEvent, IsAFlag) {
  Event e;
  EXPECT_FALSE(e.is_set());
  e.set();
  e.set();
  EXPECT_TRUE(e.is_set());
  EXPECT_TRUE(e.wait());
  EXPECT_TRUE(e.wait(0));
  e.clear();
  e.clear();
  EXPECT_FALSE(e.is_set());
  EXPECT_FALSE(e.wait(0));
  EXPECT_FALSE(e == Event());
  EXPECT_TRUE(e == Event(e));
}

TEST(DummyEvent, WaitReturnsFalseWhenTheTimeoutEndsFirst) {
  Event e;
  auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(e.wait(20ms));
  EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
}

TEST(DummyEvent, WhoWaitsWhenItIsSetReturnsTrueThoughItIsClearedAtOnce) {
  Watchdog dog(60s);
  for (int i = 0; i < 50; ++i) {
    Event e;
    TestThread waiter([e] { EXPECT_TRUE(e.wait()); });
    ASSERT_TRUE(waiter.await_asleep());
    e.set();
    e.clear();
    waiter.join();
  }
}

TEST(DummyEvent, ASetWakesEverybody) {
  Watchdog dog(30s);
  Event e;
  std::vector<std::unique_ptr<TestThread>> waiters;
  for (int i = 0; i < 4; ++i) {
    waiters.push_back(std::make_unique<TestThread>([e] { EXPECT_TRUE(e.wait(1h)); }));
    ASSERT_TRUE(waiters.back()->await_asleep());
  }
  e.set();
  waiters.clear();
}

TEST(DummyEvent, LosesNoSet) {
  Watchdog dog(60s);
  constexpr int kTurns = 20000;
  Event ping;
  Event pong;
  std::thread other([ping, pong] {
    for (int i = 0; i < kTurns; ++i) {
      ping.wait();
      ping.clear();
      pong.set();
    }
  });
  for (int i = 0; i < kTurns; ++i) {
    ping.set();
    ASSERT_TRUE(pong.wait());
    pong.clear();
  }
  other.join();
}

}  // namespace
}  // namespace mp::dummy

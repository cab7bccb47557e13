#include "mp/dummy/barrier.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
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

TEST(DummyBarrier, GivesEachArrivalItsNumber) {
  Watchdog dog(30s);
  Barrier barrier(3);
  TestThread first([barrier] { EXPECT_EQ(barrier.wait(), 0); });
  ASSERT_TRUE(first.await_asleep());
  TestThread second([barrier] { EXPECT_EQ(barrier.wait(), 1); });
  ASSERT_TRUE(second.await_asleep());
  EXPECT_EQ(barrier.n_waiting(), 2);
  EXPECT_EQ(barrier.wait(), 2);
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_EQ(barrier.parties(), 3);
}

TEST(DummyBarrier, WhoPassedHasPassedThoughItIsAbortedAtOnce) {
  Watchdog dog(60s);
  Barrier barrier(2);
  for (int i = 0; i < 50; ++i) {
    TestThread other([barrier] { EXPECT_EQ(barrier.wait(), 0); });
    ASSERT_TRUE(other.await_asleep());
    EXPECT_EQ(barrier.wait(), 1);
    barrier.abort();
    other.join();
    EXPECT_THROW(barrier.wait(), BrokenBarrierError);
    barrier.reset();
  }
}

TEST(DummyBarrier, AbortResetAndTimeoutTellThoseWhoWait) {
  Watchdog dog(30s);
  Barrier barrier(3);
  for (bool abort : {true, false}) {
    TestThread other([barrier] { EXPECT_THROW(barrier.wait(), BrokenBarrierError); });
    ASSERT_TRUE(other.await_asleep());
    abort ? barrier.abort() : barrier.reset();
    other.join();
    EXPECT_EQ(barrier.broken(), abort);
    barrier.reset();
  }
  TestThread patient([barrier] { EXPECT_THROW(barrier.wait(1h), BrokenBarrierError); });
  ASSERT_TRUE(patient.await_asleep());
  EXPECT_THROW(barrier.wait(1ms), BrokenBarrierError);
}

TEST(DummyBarrier, TheActionMayCaptureAndUseTheBarrier) {
  Watchdog dog(30s);
  int waiting = -1;
  Barrier* inside = nullptr;
  Barrier barrier(2, [&] { waiting = inside->n_waiting(); });
  inside = &barrier;
  TestThread other([barrier] { barrier.wait(); });
  ASSERT_TRUE(other.await_asleep());
  barrier.wait();
  EXPECT_EQ(waiting, 2);
}

TEST(DummyBarrier, AnyExceptionOfTheActionComesOutAndBreaksIt) {
  Watchdog dog(30s);
  Barrier barrier(2, [] { throw std::logic_error("not today"); });
  TestThread other([barrier] { EXPECT_THROW(barrier.wait(), BrokenBarrierError); });
  ASSERT_TRUE(other.await_asleep());
  EXPECT_THROW(barrier.wait(), std::logic_error);
  EXPECT_TRUE(barrier.broken());
}

TEST(DummyBarrier, RoundsFollowEachOtherAtOnce) {
  Watchdog dog(120s);
  constexpr int kThreads = 4;
  constexpr int kRounds = 5000;
  std::atomic<int> came{0};
  std::atomic<int> wrong{0};
  int acted = 0;
  Barrier barrier(kThreads, [&] { ++acted; });
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int r = 1; r <= kRounds; ++r) {
        ++came;
        barrier.wait();
        wrong += came < r * kThreads ? 1 : 0;
      }
    });
  }
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(acted, kRounds);
}

}  // namespace
}  // namespace mp::dummy

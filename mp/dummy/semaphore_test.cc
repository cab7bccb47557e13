#include "mp/dummy/semaphore.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "mp/dummy/bounded_semaphore.h"
#include "mp/dummy/test_thread.h"
#include "mp/errors.h"
#include "mp/testing/watchdog.h"

namespace mp::dummy {
namespace {

using namespace std::chrono_literals;
using mp::testing::TestThread;
using mp::testing::Watchdog;

TEST(DummySemaphore, ASleeperGetsThePermitThatIsGiven) {
  Watchdog dog(30s);
  Semaphore sem(0);
  TestThread other([sem] { sem.acquire(); });
  ASSERT_TRUE(other.await_asleep());
  sem.release();
  other.join();
  EXPECT_EQ(sem.get_value(), 0);
}

TEST(DummySemaphore, WhoGaveUpTakesNothingWithIt) {
  Watchdog dog(30s);
  Semaphore sem(0);
  EXPECT_FALSE(sem.acquire(0.01));
  sem.release();
  EXPECT_TRUE(sem.acquire(0));
}

TEST(DummySemaphore, CopiesAreTheSameSemaphore) {
  BoundedSemaphore a(2);
  Semaphore b = a;
  EXPECT_TRUE(a == b);
  EXPECT_FALSE(a == BoundedSemaphore(2));
  b.acquire();
  EXPECT_EQ(a.get_value(), 1);
  a.release();
  EXPECT_THROW(b.release(), ValueError);
}

TEST(DummySemaphore, AsManyAsPermitsAreInsideAtOnce) {
  Watchdog dog(120s);
  Semaphore sem(2);
  std::atomic<int> inside = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([sem, &inside] {
      for (int turn = 0; turn < 10000; ++turn) {
        sem.acquire();
        EXPECT_LE(++inside, 2);
        --inside;
        sem.release();
      }
    });
  }
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(sem.get_value(), 2);
}

}  // namespace
}  // namespace mp::dummy

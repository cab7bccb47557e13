#include "mp/semaphore.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "mp/bounded_semaphore.h"
#include "mp/codec.h"
#include "mp/errors.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/semaphore_object.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using testing::Watchdog;

// No slice may find a death, nor hide a lost wake-up.
class SemaphoreTest : public testing::Fixture {
 protected:
  SemaphoreTest() { set_slices(1h); }
  ~SemaphoreTest() override { set_slices(100ms); }
  static void set_slices(std::chrono::nanoseconds length) {
    internal::Family::get().header().slice_ns.store(length.count());
  }

 private:
  Watchdog dog_{60s};
};

// A process that takes `permits`, says so, and holds them until it is killed.
void hold(Semaphore sem, int permits, Queue<int> held) {
  for (int i = 0; i < permits; ++i) {
    sem.acquire();
  }
  held.put(1);
  for (;;) {
    pause();
  }
}

// A thread that has gone to sleep in what it does.
template <class F>
std::thread asleep_in(F f) {
  std::atomic<pid_t> tid{0};
  std::thread t([&tid, f] {
    tid = gettid();
    f();
  });
  while (tid == 0) {
    sched_yield();
  }
  EXPECT_TRUE(testing::await_asleep(tid));
  return t;
}

// Starts it, and returns when it holds them.
template <class P = ForkProcess>
P holder(const Semaphore& sem, int permits) {
  Queue<int> held;
  P p(hold, sem, permits, held);
  p.start();
  held.get();
  return p;
}

template <class P>
void kill(const P& p) {
  p.kill();
  p.join();
}

TEST_F(SemaphoreTest, PermitsOfTheDeadComeBackOnce) {
  BoundedSemaphore sem(5);
  sem.acquire();
  auto a = holder(sem, 2);
  auto b = holder<SpawnProcess>(sem, 1);
  EXPECT_EQ(sem.get_value(), 1);
  EXPECT_FALSE(sem.owner_died());
  kill(a);
  EXPECT_EQ(sem.get_value(), 3);
  EXPECT_TRUE(sem.owner_died());
  sem.recover();
  EXPECT_FALSE(sem.owner_died());
  EXPECT_EQ(sem.get_value(), 3);
  kill(b);
  EXPECT_EQ(sem.get_value(), 4);
  sem.release();
  EXPECT_EQ(sem.get_value(), 5);
  EXPECT_THROW(sem.release(), ValueError);
}

TEST_F(SemaphoreTest, AWaiterAndAPollGetWhatADeadOneHeld) {
  Semaphore sem(1);
  auto a = holder(sem, 1);
  kill(a);
  EXPECT_TRUE(sem.acquire(0));
  sem.release();
  auto b = holder(sem, 1);
  std::thread waiter = asleep_in([&] {
    sem.acquire();
    sem.release();
  });
  kill(b);
  waiter.join();
  EXPECT_EQ(sem.get_value(), 1);
}

void release_one(Semaphore sem) { sem.release(); }

template <class F, class... A>
void run(F f, const A&... args) {
  ForkProcess p(f, args...);
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
}

TEST_F(SemaphoreTest, WhoReleasesMoreThanItHoldsMakesASignal) {
  Semaphore sem(2);
  auto a = holder(sem, 1);
  run(release_one, sem);
  EXPECT_EQ(sem.get_value(), 2);
  kill(a);
  EXPECT_EQ(sem.get_value(), 2);
  EXPECT_FALSE(sem.owner_died());
}

TEST_F(SemaphoreTest, OneThatIsFixedStaysAsItIs) {
  Semaphore reports(2, {.on_owner_death = kReport});
  auto a = holder(reports, 1);
  run(release_one, reports);
  EXPECT_EQ(reports.get_value(), 2);
  kill(a);
  EXPECT_EQ(reports.get_value(), 3);

  Semaphore never(2, {.on_owner_death = kNever});
  auto b = holder(never, 1);
  kill(b);
  EXPECT_EQ(never.get_value(), 1);
  EXPECT_FALSE(never.owner_died());
}

TEST_F(SemaphoreTest, OneThatRefusesIsTakenAgainAfterRecover) {
  Semaphore sem(2, {.on_owner_death = kRefuse});
  auto a = holder(sem, 2);
  EXPECT_FALSE(sem.acquire(0));
  std::thread waiter = asleep_in([&] { EXPECT_THROW(sem.acquire(), OwnerDied); });
  kill(a);
  waiter.join();
  EXPECT_THROW(sem.acquire(0), OwnerDied);
  EXPECT_THROW(sem.acquire(), OwnerDied);
  EXPECT_EQ(sem.get_value(), 2);
  sem.recover();
  EXPECT_TRUE(sem.acquire());
  EXPECT_EQ(sem.get_value(), 1);
  sem.release();
}

TEST_F(SemaphoreTest, AStoppedProcessKeepsWhatItHolds) {
  Semaphore sem(1);
  auto a = holder(sem, 1);
  ::kill(a.pid(), SIGSTOP);
  EXPECT_FALSE(sem.acquire(0.25));
  EXPECT_EQ(sem.get_value(), 0);
  kill(a);
  EXPECT_EQ(sem.get_value(), 1);
}

TEST_F(SemaphoreTest, AForkedChildHoldsNothingOfItsParents) {
  Semaphore sem(2);
  sem.acquire();
  run([sem] {
    sem.acquire();
    _exit(0);
  });
  EXPECT_EQ(sem.get_value(), 1);
  sem.release();
  EXPECT_EQ(sem.get_value(), 2);
}

// Their slots have cells on pages of their own.
TEST_F(SemaphoreTest, ManyProcessesHoldPermits) {
  constexpr int kProcesses = 40;
  Semaphore sem(kProcesses + 3);
  std::vector<ForkProcess> holders;
  for (int i = 0; i < kProcesses; ++i) {
    holders.push_back(holder(sem, 1));
  }
  EXPECT_EQ(sem.get_value(), 3);
  for (int i = 0; i < kProcesses; i += 2) {
    kill(holders[static_cast<size_t>(i)]);
  }
  EXPECT_EQ(sem.get_value(), 3 + kProcesses / 2);
  // Into the slots of the dead.
  for (int i = 0; i < kProcesses; i += 2) {
    holders[static_cast<size_t>(i)] = holder(sem, 1);
  }
  EXPECT_EQ(sem.get_value(), 3);
  for (const ForkProcess& p : holders) {
    kill(p);
  }
  EXPECT_EQ(sem.get_value(), kProcesses + 3);
}

TEST_F(SemaphoreTest, AMillionPermitsAndMoreOfOneProcess) {
  constexpr int kMany = 1'300'000;
  Semaphore sem(2147483647);
  auto a = holder(sem, kMany);
  EXPECT_EQ(sem.get_value(), 2147483647 - kMany);
  for (int i = 0; i < kMany; ++i) {
    sem.acquire();
  }
  for (int i = 0; i < kMany; ++i) {
    sem.release();
  }
  kill(a);
  EXPECT_EQ(sem.get_value(), 2147483647);
}

// A page that a dead process has named and not finished.
TEST_F(SemaphoreTest, APageThatIsNotReadyIsClearedAnew) {
  using Object = internal::SemaphoreObject<>;
  Semaphore sem(3);
  std::vector<ForkProcess> holders;
  for (int i = 0; i < 20; ++i) {
    holders.emplace_back([] { pause(); });
    holders.back().start();
  }
  auto a = holder(sem, 1);
  Object& object = *internal::HandleAccess::ref(sem).object<Object>();
  ASSERT_NE(object.find(16), nullptr);
  kill(a);
  EXPECT_EQ(sem.get_value(), 3);
  internal::Family& family = internal::Family::get();
  auto* page = family.at<internal::SemPage<>>(object.pages[0].load());
  page->ready = 0;
  page->cells()[5].held = 7;
  EXPECT_EQ(object.find(16), nullptr);
  auto b = holder(sem, 1);
  EXPECT_EQ(page->cells()[5].held, 0u);
  kill(b);
  EXPECT_EQ(sem.get_value(), 3);
  for (const ForkProcess& p : holders) {
    kill(p);
  }
}

TEST_F(SemaphoreTest, ThreadsShareWhatTheirProcessHolds) {
  BoundedSemaphore sem(2);
  std::vector<std::thread> threads;
  std::atomic<int> inside = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < 20000; ++turn) {
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

TEST_F(SemaphoreTest, CrossesAsWhatItIs) {
  BoundedSemaphore sem(1);
  Queue<Semaphore> q;
  q.put(sem);
  Semaphore other = q.get();
  EXPECT_TRUE(other == sem);
  EXPECT_EQ(repr(other), "<BoundedSemaphore(value=1, maxvalue=1)>");
}

}  // namespace
}  // namespace mp

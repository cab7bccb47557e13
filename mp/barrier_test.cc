#include "mp/barrier.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "mp/errors.h"
#include "mp/function.h"
#include "mp/internal/core/barrier_object.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using testing::Watchdog;

enum Exit { kPassed = 10, kBrokenByDeath = 100, kBroken = 101 };

int tell(const absl::StatusOr<int>& number) {
  if (number.ok()) {
    return kPassed + *number;
  }
  bool death = number.status().message().find("a process died inside wait()") != std::string::npos;
  return death ? kBrokenByDeath : kBroken;
}

// No slice may hide a lost wake-up, nor find a death.
class BarrierTest : public ::testing::Test {
 protected:
  BarrierTest() { set_slices(1h); }
  ~BarrierTest() override { set_slices(100ms); }
  static void set_slices(std::chrono::nanoseconds length) {
    internal::Family::get().header().slice_ns.store(length.count());
  }

  // A process that waits, and has gone to sleep over it.
  ForkProcess party(const Barrier& barrier, Timeout timeout = kForever) {
    ForkProcess p([barrier, timeout] { mp::exit(tell(barrier.try_wait(timeout))); });
    p.start();
    EXPECT_TRUE(testing::await_asleep(p.pid()));
    return p;
  }
  static int end_of(const ForkProcess& p) {
    EXPECT_TRUE(p.join());
    return p.exitcode().value_or(-1);
  }

  Watchdog dog_{120s};
};

TEST_F(BarrierTest, GivesEachArrivalItsNumber) {
  Barrier barrier(3);
  ForkProcess first = party(barrier);
  ForkProcess second = party(barrier);
  EXPECT_EQ(barrier.n_waiting(), 2);
  EXPECT_EQ(barrier.wait(), 2);
  EXPECT_EQ(end_of(first), kPassed + 0);
  EXPECT_EQ(end_of(second), kPassed + 1);
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_FALSE(barrier.broken());
}

// Each of those who wait is killed in turn; all others are told, by nothing but the kernel.
TEST_F(BarrierTest, BreaksForAllWhenOneOfThemIsKilled) {
  constexpr int kParties = 5;
  for (int victim = 0; victim < kParties - 1; ++victim) {
    Barrier barrier(kParties);
    std::vector<ForkProcess> parties;
    for (int i = 0; i < kParties - 1; ++i) {
      parties.push_back(party(barrier));
    }
    parties[static_cast<size_t>(victim)].kill();
    for (int i = 0; i < kParties - 1; ++i) {
      EXPECT_EQ(end_of(parties[static_cast<size_t>(i)]), i == victim ? -SIGKILL : kBrokenByDeath);
    }
    EXPECT_TRUE(barrier.broken());
    EXPECT_EQ(tell(barrier.try_wait()), kBrokenByDeath);
  }
}

TEST_F(BarrierTest, BreaksForAllWhenSeveralAreKilled) {
  constexpr int kParties = 6;
  Barrier barrier(kParties);
  std::vector<ForkProcess> parties;
  for (int i = 0; i < kParties - 1; ++i) {
    parties.push_back(party(barrier));
  }
  for (size_t i : {1, 2, 3}) {
    parties[i].kill();
  }
  EXPECT_EQ(end_of(parties[0]), kBrokenByDeath);
  EXPECT_EQ(end_of(parties[4]), kBrokenByDeath);
}

TEST_F(BarrierTest, WhoComesLastAfterADeathDoesNotPass) {
  Barrier barrier(2);
  ForkProcess dead = party(barrier);
  dead.kill();
  EXPECT_EQ(end_of(dead), -SIGKILL);
  EXPECT_EQ(tell(barrier.try_wait()), kBrokenByDeath);
}

TEST_F(BarrierTest, WhoLooksAfterADeathSeesIt) {
  Barrier barrier(3);
  ForkProcess dead = party(barrier);
  EXPECT_EQ(barrier.n_waiting(), 1);
  dead.kill();
  EXPECT_EQ(end_of(dead), -SIGKILL);
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_TRUE(barrier.broken());
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  ForkProcess first = party(barrier);
  ForkProcess second = party(barrier);
  EXPECT_EQ(barrier.wait(), 2);
  EXPECT_EQ(end_of(first), kPassed + 0);
  EXPECT_EQ(end_of(second), kPassed + 1);
}

// A death between rounds is nobody's.
TEST_F(BarrierTest, WhoDiesAfterItPassedBreaksNothing) {
  Barrier barrier(2);
  ForkProcess gone = party(barrier);
  EXPECT_EQ(barrier.wait(), 1);
  EXPECT_EQ(end_of(gone), kPassed);
  EXPECT_FALSE(barrier.broken());
  ForkProcess other = party(barrier);
  EXPECT_EQ(barrier.wait(), 1);
  EXPECT_EQ(end_of(other), kPassed);
}

TEST_F(BarrierTest, AStoppedPartyIsWaitedForAndNotTakenForDead) {
  set_slices(1ms);
  Barrier barrier(3);
  ForkProcess stopped = party(barrier);
  kill(stopped.pid(), SIGSTOP);
  ForkProcess other = party(barrier);
  EXPECT_EQ(barrier.n_waiting(), 2);
  // A stopped one that has come has come.
  EXPECT_EQ(barrier.wait(), 2);
  EXPECT_EQ(end_of(other), kPassed + 1);
  // It is still about to leave: one more round has a place, the next one waits for it.
  ForkProcess a = party(barrier);
  ForkProcess b = party(barrier);
  EXPECT_EQ(barrier.wait(), 2);
  EXPECT_EQ(end_of(a), kPassed + 0);
  EXPECT_EQ(end_of(b), kPassed + 1);
  ForkProcess c = party(barrier);
  EXPECT_EQ(barrier.n_waiting(), 0);
  kill(stopped.pid(), SIGCONT);
  EXPECT_EQ(end_of(stopped), kPassed + 0);
  ForkProcess d = party(barrier);
  EXPECT_EQ(barrier.wait(), 2);
  EXPECT_EQ(end_of(c) + end_of(d), 2 * kPassed + 1);
}

TEST_F(BarrierTest, AStoppedPartyThatIsKilledIsNotWaitedFor) {
  Barrier barrier(2);
  ForkProcess stopped = party(barrier);
  kill(stopped.pid(), SIGSTOP);
  EXPECT_EQ(barrier.wait(), 1);
  ForkProcess other = party(barrier);
  EXPECT_EQ(barrier.wait(), 1);
  EXPECT_EQ(end_of(other), kPassed);
  ForkProcess third = party(barrier);
  stopped.kill();
  EXPECT_EQ(barrier.wait() + end_of(third), kPassed + 1);
}

void sleep_in_action(Queue<int> started) {
  started.put(getpid());
  pause();
}

TEST_F(BarrierTest, BreaksWhenTheOneInTheActionIsKilled) {
  Queue<int> started;
  Barrier barrier(3, mp::bind(sleep_in_action, started));
  ForkProcess first = party(barrier);
  ForkProcess second = party(barrier);
  ForkProcess runner([barrier] { barrier.wait(); });
  runner.start();
  EXPECT_EQ(started.get(), runner.pid());
  EXPECT_EQ(barrier.n_waiting(), 3);
  runner.kill();
  EXPECT_EQ(end_of(first), kBrokenByDeath);
  EXPECT_EQ(end_of(second), kBrokenByDeath);
}

TEST_F(BarrierTest, ADeathOfAnotherDuringTheActionBreaksNothing) {
  Queue<int> started;
  Queue<int> go;
  Barrier barrier(3, mp::bind(
                         [](Queue<int> started, Queue<int> go) {
                           started.put(1);
                           go.get();
                         },
                         started, go));
  ForkProcess first = party(barrier);
  ForkProcess second = party(barrier);
  ForkProcess runner([barrier] { mp::exit(tell(barrier.try_wait())); });
  runner.start();
  started.get();
  second.kill();
  EXPECT_EQ(end_of(second), -SIGKILL);
  EXPECT_FALSE(barrier.broken());
  go.put(1);
  EXPECT_EQ(end_of(runner), kPassed + 2);
  EXPECT_EQ(end_of(first), kPassed + 0);
}

TEST_F(BarrierTest, ATimeoutCountsWhileTheActionRuns) {
  Queue<int> started;
  Queue<int> go;
  Barrier barrier(2, mp::bind(
                         [](Queue<int> started, Queue<int> go) {
                           started.put(1);
                           go.get();
                         },
                         started, go));
  ForkProcess impatient = party(barrier, 300ms);
  ForkProcess runner([barrier] { mp::exit(tell(barrier.try_wait())); });
  runner.start();
  EXPECT_EQ(end_of(impatient), kBroken);
  go.put(1);
  EXPECT_EQ(end_of(runner), kBroken);
}

TEST_F(BarrierTest, AbortAndResetTellThoseWhoWait) {
  Barrier barrier(3);
  for (bool abort : {true, false, true}) {
    ForkProcess first = party(barrier);
    ForkProcess second = party(barrier);
    abort ? barrier.abort() : barrier.reset();
    EXPECT_EQ(end_of(first), kBroken);
    EXPECT_EQ(end_of(second), kBroken);
    EXPECT_EQ(barrier.broken(), abort);
    barrier.reset();
  }
}

TEST_F(BarrierTest, ABreakAfterARoundIsNotThatRounds) {
  Barrier barrier(2);
  ForkProcess p = party(barrier);
  EXPECT_EQ(barrier.wait(), 1);
  barrier.abort();
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(end_of(p), kPassed);
  EXPECT_EQ(tell(barrier.try_wait()), kBroken);
  barrier.reset();
  ForkProcess q = party(barrier);
  EXPECT_EQ(barrier.wait(), 1);
  EXPECT_EQ(end_of(q), kPassed);
}

// Parties may be threads of the processes; their process is who dies.
TEST_F(BarrierTest, PartiesMayBeThreadsOfSeveralProcesses) {
  Barrier barrier(5);
  auto two_threads = [barrier] {
    std::thread other([&] { barrier.try_wait().IgnoreError(); });
    int code = tell(barrier.try_wait());
    other.join();
    mp::exit(code);
  };
  ForkProcess a(two_threads);
  a.start();
  ForkProcess b(two_threads);
  b.start();
  while (barrier.n_waiting() < 4) {
    sched_yield();
  }
  EXPECT_TRUE(testing::await_asleep(a.pid()));
  EXPECT_TRUE(testing::await_asleep(b.pid()));
  a.kill();
  EXPECT_EQ(end_of(b), kBrokenByDeath);
}

// What is written before a round is read after it: plain memory, for the race detector.
TEST_F(BarrierTest, ARoundOrdersWhatThePartiesDo) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 500;
  Barrier barrier(kThreads);
  int written[kThreads] = {};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int me = 0; me < kThreads; ++me) {
    threads.emplace_back([&, me] {
      for (int r = 1; r <= kRounds; ++r) {
        written[me] = r;
        barrier.wait();
        for (int w : written) {
          wrong += w != r ? 1 : 0;
        }
        barrier.wait();
      }
    });
  }
  for (std::thread& t : threads) {
    t.join();
  }
  EXPECT_EQ(wrong, 0);
}

// What a slice is for: one that was killed before it told its neighbour.
TEST_F(BarrierTest, ADeathThatNobodyWatchesIsFoundByTheSlice) {
  set_slices(20ms);
  Barrier barrier(3);
  ForkProcess p = party(barrier);
  auto* object = internal::HandleAccess::ref(barrier).object<internal::BarrierObject<>>();
  auto* places = reinterpret_cast<internal::BarrierPlace<>*>(object + 1);
  ForkProcess silent([places] {
    places[1].take(0, internal::self());
    kill(getpid(), SIGKILL);
  });
  silent.start();
  EXPECT_EQ(end_of(p), kBrokenByDeath);
  EXPECT_EQ(end_of(silent), -SIGKILL);
}

TEST_F(BarrierTest, AWakeThatIsLostWithTheLastOneComesWithTheNextCall) {
  Barrier barrier(2);
  ForkProcess p = party(barrier);
  auto* object = internal::HandleAccess::ref(barrier).object<internal::BarrierObject<>>();
  auto* places = reinterpret_cast<internal::BarrierPlace<>*>(object + 1);
  // The last one has come, and died.
  ForkProcess last([places] {
    places[1].take(0, internal::self());
    kill(getpid(), SIGKILL);
  });
  last.start();
  EXPECT_EQ(end_of(last), -SIGKILL);
  EXPECT_EQ(barrier.n_waiting(), 0);
  EXPECT_EQ(end_of(p), kPassed);
}

TEST_F(BarrierTest, TravelsThroughQueuesWithItsAction) {
  Queue<int> acted;
  Barrier barrier(2, mp::bind([](Queue<int> acted) { acted.put(7); }, acted), 60);
  Queue<Barrier> q;
  SpawnProcess p([](Queue<Barrier> from) { mp::exit(from.get().wait()); }, q);
  p.start();
  q.put(barrier);
  int number = barrier.wait();
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), 1 - number);
  EXPECT_EQ(acted.get(), 7);
  EXPECT_EQ(acted.qsize(), 0u);
}

TEST_F(BarrierTest, MorePartiesThanMemoryAreAnError) {
  EXPECT_THROW(Barrier(int64_t{1} << 40), MemoryError);
  EXPECT_THROW(Barrier(int64_t{1} << 62), MemoryError);
  Barrier many(1000);
  EXPECT_EQ(many.parties(), 1000);
  EXPECT_EQ(tell(many.try_wait(0)), kBroken);
}

}  // namespace
}  // namespace mp

// Six processes on one lock, killed at random and replaced at once: never two inside, never a death that is not reported,
// nobody waits for ever.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <new>
#include <string>
#include <vector>

#include "mp/condition.h"
#include "mp/internal/shm/family.h"
#include "mp/lock.h"
#include "mp/process.h"
#include "mp/rlock.h"
#include "mp/testing/seed.h"
#include "mp/testing/storm.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using testing::kStormViolations;
using testing::run_apart;
using testing::Storm;
using testing::StormRandom;
using testing::Watchdog;

constexpr uint32_t kSeats = 6;

// What the lock guards: two counters that are equal whenever nobody is inside.
struct Guarded {
  std::atomic<uint64_t> one;
  std::atomic<uint64_t> two;
  std::atomic<uint32_t> inside;   // number of the member that is, or died there
  std::atomic<uint64_t> deaths;   // reported by owner_died()
  std::atomic<uint64_t> repairs;  // of these, with unequal counters
  std::atomic<uint64_t> wrong;
  std::atomic<uint64_t> done;  // rounds begun and finished by members, outside of the lock
  std::atomic<uint64_t> begun;
  std::atomic<uint32_t> stop;
  std::atomic<uint64_t> awaited;  // of a condition
};

Guarded* share() {
  void* at =
      mmap(nullptr, sizeof(Guarded), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? nullptr : new (at) Guarded{};
}

enum class Flaw { kNone, kForgetsDeaths, kDoesNotLock };

// With the lock held.
void change(Guarded& g, bool owner_died, uint32_t number) {
  bool left_inside = g.inside.exchange(number) != 0;
  if (owner_died) {
    ++g.deaths;
    if (g.one != g.two) {
      ++g.repairs;
      g.two = g.one.load();
    }
  } else if (left_inside || g.one != g.two) {
    ++g.wrong;
  }
  g.one = g.one + 1;
  for (int i = 0; i < 200; ++i) {
    __builtin_ia32_pause();
  }
  g.two = g.two + 1;
  if (g.inside.exchange(0) != number || g.one != g.two) {
    ++g.wrong;
  }
}

template <class L, Flaw kFlaw>
void work(Guarded& g, const L& lock, uint32_t number) {
  StormRandom random(number);
  while (g.stop == 0) {
    ++g.begun;
    if (kFlaw != Flaw::kDoesNotLock) {
      lock.acquire();
      change(g, kFlaw != Flaw::kForgetsDeaths && lock.owner_died(), number);
      lock.release();
    } else {
      change(g, false, number);
    }
    ++g.done;
    for (uint64_t i = random() % 500; i > 0; --i) {
      __builtin_ia32_pause();
    }
  }
}

int report(const char* name, const Guarded& g, const Storm& storm, std::vector<std::string> wrong) {
  if (g.wrong != 0) {
    wrong.push_back("the guarded counters were seen half changed " + std::to_string(g.wrong) +
                    " times without a death");
  }
  if (g.one != g.two || g.one < g.done || g.one > g.begun) {
    wrong.push_back("counters " + std::to_string(g.one) + ", " + std::to_string(g.two) + " after " +
                    std::to_string(g.done) + " finished of " + std::to_string(g.begun));
  }
  std::printf(
      "%s: %lu kills, %lu times inside, %lu owners died, %lu of them halfway; %zu violations\n",
      name, storm.kills(), g.one.load(), g.deaths.load(), g.repairs.load(), wrong.size());
  for (const std::string& text : wrong) {
    std::printf("  %s\n", text.c_str());
  }
  std::fflush(stdout);
  return wrong.empty() ? 0 : kStormViolations;
}

// Short lives: a death inside the lock is a matter of a few hundred nanoseconds.
Storm::Options options() { return {.seats = kSeats, .longest = 60ms, .seed = testing::seed()}; }

template <class L, Flaw kFlaw = Flaw::kNone>
int storm(const char* name, int rounds) {
  internal::Family::get();
  Guarded& g = *share();
  L lock;
  Storm storm(options(), [&](Storm::Member m) { work<L, kFlaw>(g, lock, m.number); });
  for (int i = 0; i < rounds && g.wrong == 0 && storm.complaints().empty(); ++i) {
    g.stop = 0;
    storm.rage(1s);
    g.stop = 1;
    storm.calm(0, kSeats - 1);
    // What the last one left, if it died inside.
    lock.acquire();
    change(g, kFlaw != Flaw::kForgetsDeaths && lock.owner_died(), 1u << 31);
    lock.release();
    ++g.begun;
    ++g.done;
  }
  return report(name, g, storm, storm.complaints());
}

// Waiters sleep until a counter that notifiers raise is past what they saw.
int condition_storm(int rounds) {
  internal::Family::get();
  Guarded& g = *share();
  Condition changed;
  Storm storm(options(), [&](Storm::Member m) {
    while (g.stop == 0) {
      ++g.begun;
      changed.acquire();
      change(g, changed.owner_died(), m.number);
      ++g.done;
      if (m.seat < kSeats / 2) {
        uint64_t seen = g.awaited;
        while (g.awaited == seen && g.stop == 0) {
          changed.wait();
          // A death while nobody was looking is told to whoever has the lock next, and only to him.
          if (changed.owner_died()) {
            ++g.begun;
            change(g, true, m.number);
            ++g.done;
          }
        }
      } else {
        ++g.awaited;
        if (m.number % 2 == 0) {
          changed.notify_all();
        } else {
          changed.notify();
        }
      }
      changed.release();
    }
  });
  for (int i = 0; i < rounds && g.wrong == 0 && storm.complaints().empty(); ++i) {
    g.stop = 0;
    storm.rage(1s);
    changed.acquire();
    ++g.begun;
    change(g, changed.owner_died(), 1u << 31);
    ++g.done;
    g.stop = 1;
    changed.notify_all();
    changed.release();
    storm.calm(0, kSeats - 1);
  }
  return report("condition", g, storm, storm.complaints());
}

// The process that runs the tests never uses the library: every storm has a family of its own.

TEST(LockStorm, ALockIsHeldByOneAndReportsEveryDeath) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart([] { return storm<Lock>("lock", 8); }), 0);
}
TEST(LockStorm, AnRLockIsHeldByOneAndReportsEveryDeath) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart([] { return storm<RLock>("rlock", 5); }), 0);
}
TEST(LockStorm, WaitersOfAConditionAllComeBack) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart([] { return condition_storm(5); }), 0);
}
TEST(LockStorm, CatchesADeathThatIsNotReported) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart([] { return storm<Lock, Flaw::kForgetsDeaths>("planted: no report", 60); }),
            kStormViolations);
}
TEST(LockStorm, CatchesTwoInside) {
  testing::seed();
  Watchdog dog(300s);
  EXPECT_EQ(run_apart([] { return storm<Lock, Flaw::kDoesNotLock>("planted: no lock", 60); }),
            kStormViolations);
}

}  // namespace
}  // namespace mp

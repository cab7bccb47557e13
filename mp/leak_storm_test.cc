// Processes that use one kind of object are killed at random and replaced at once: when the others have ended and the dead
// were swept, the family has as much memory as before. And so it has when nobody is killed.

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <new>
#include <string>
#include <vector>

#include "mp/array.h"
#include "mp/barrier.h"
#include "mp/condition.h"
#include "mp/event.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"
#include "mp/lock.h"
#include "mp/memory.h"
#include "mp/object.h"
#include "mp/pipe.h"
#include "mp/queue.h"
#include "mp/rlock.h"
#include "mp/semaphore.h"
#include "mp/shared_memory.h"
#include "mp/testing/seed.h"
#include "mp/testing/storm.h"
#include "mp/testing/watchdog.h"
#include "mp/value.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using internal::Block;
using internal::Family;
using internal::Kind;
using testing::kStormViolations;
using testing::run_apart;
using testing::Storm;
using testing::storm_now;
using testing::StormRandom;
using testing::Watchdog;

constexpr uint32_t kSeats = 5;

struct Counts {
  std::atomic<uint32_t> stop;
  std::atomic<uint64_t> done;  // steps of all members
};

Counts& share() {
  void* at =
      mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    _exit(1);
  }
  return *new (at) Counts{};
}

using Blocks = std::map<int, int64_t>;  // live ones of each kind

// The family's own lists keep their pages.
Blocks live_blocks() {
  Blocks blocks;
  const internal::Arena& arena = Family::get().arena();
  arena.each_live([&](uint64_t, const Block& b) {
    // Nor go the pages of a semaphore and a condition, which have room for all processes, before these do.
    bool page = b.kind == Kind::kSegment && arena.block(b.link.load())->kind != Kind::kQueue;
    if (b.kind != Kind::kTransit && b.kind != Kind::kHolders && !page) {
      ++blocks[static_cast<int>(b.kind)];
    }
  });
  return blocks;
}

std::string text(const Blocks& blocks) {
  std::string all;
  for (auto [kind, n] : blocks) {
    all += " " + std::to_string(kind) + ":" + std::to_string(n);
  }
  return all;
}

struct Scene {
  // What a member does, again and again.
  std::function<void(StormRandom&)> step;
  // Takes out what they have left in what they share.
  std::function<void()> settle = [] {};
};

enum class Kills { kNone, kMany };

// A storm in which each round ends with nothing but what was there before it.
int storm(const char* name, Kills kills, const std::function<Scene()>& make) {
  Family::get();
  Counts& counts = share();
  Scene scene = make();
  Storm::Options options{.seats = kSeats, .longest = 50ms, .seed = testing::seed()};
  if (kills == Kills::kNone) {
    options.shortest = options.longest = 1h;
  }
  Storm storm(options, [&](Storm::Member m) {
    StormRandom random(options.seed + m.number);
    while (counts.stop == 0) {
      scene.step(random);
      ++counts.done;
    }
  });
  bool leaked = false;
  Blocks before = live_blocks();
  std::printf("%s, %s:", name, kills == Kills::kNone ? "nobody killed" : "killed");
  for (int round = 0; round < 6 && storm.complaints().empty(); ++round) {
    counts.stop = 0;
    int64_t end = storm_now() + 400'000'000;
    storm.rage(400ms);
    while (storm_now() < end) {
      sched_yield();
    }
    counts.stop = 1;
    storm.calm(0, kSeats - 1);
    Family::get().sweep_all();
    scene.settle();
    std::printf(" %lu", static_cast<unsigned long>(memory_used() >> 10));
    if (Blocks after = live_blocks(); after != before) {
      std::printf("\n  blocks%s, before%s\n", text(after).c_str(), text(before).c_str());
      leaked = true;
    }
  }
  std::printf(" KiB, %lu kills, %lu steps\n", static_cast<unsigned long>(storm.kills()),
              static_cast<unsigned long>(counts.done.load()));
  for (const std::string& complaint : storm.complaints()) {
    std::printf("  %s\n", complaint.c_str());
  }
  std::fflush(stdout);
  return !leaked && storm.complaints().empty() ? 0 : kStormViolations;
}

void both(const char* name, const std::function<Scene()>& make) {
  testing::seed();
  Watchdog dog(120s);
  for (Kills kills : {Kills::kNone, Kills::kMany}) {
    EXPECT_EQ(run_apart([&] { return storm(name, kills, make); }), 0);
  }
}

// No member puts more.
constexpr size_t kLongest = 200'000;

// Leaves what a new queue has. A producer that was killed may have left a segment for the next one that needs one: that is
// this one. Polls: no other member is relied on.
void drain(const Queue<>& queue) {
  queue.put(std::string(kLongest, 'x'));
  while (queue.try_get(0s).ok()) {
  }
}

TEST(LeakStorm, Queues) {
  both("queue", [] {
    Queue<> queue;
    return Scene{[queue](StormRandom& random) {
                   if (random() % 2 == 0) {
                     queue.put(std::string(random() % 8 == 0 ? random() % kLongest : 50, 'x'));
                   } else {
                     queue.try_get(0s).status().IgnoreError();
                   }
                 },
                 [queue] { drain(queue); }};
  });
}

TEST(LeakStorm, HandlesInMessages) {
  both("handles in messages", [] {
    Queue<> queue;
    return Scene{[queue](StormRandom& random) {
                   switch (random() % 6) {
                     case 0:
                       queue.put({1, Event(), "an event"});
                       break;
                     case 1: {
                       Queue<> inner;
                       inner.put(Lock());
                       queue.put(inner);
                       break;
                     }
                     case 2: {
                       auto [a, b] = Pipe();
                       a.send(1);
                       queue.put({a, b});
                       break;
                     }
                     default:
                       queue.try_get(0s).status().IgnoreError();
                       queue.try_get(0s).status().IgnoreError();
                   }
                 },
                 [queue] { drain(queue); }};
  });
}

TEST(LeakStorm, Pipes) {
  both("pipes", [] {
    return Scene{[](StormRandom& random) {
      auto [a, b] = Pipe();
      a.send(std::string(random() % 8 == 0 ? random() % 100'000 : 50, 'x'));
      b.send(2);
      a.recv<int>();
      if (random() % 2 == 0) {
        b.recv<std::string>();
      }
    }};
  });
}

TEST(LeakStorm, Locks) {
  both("locks", [] {
    Lock lock;
    RLock rlock;
    Condition condition;
    return Scene{[lock, rlock, condition](StormRandom&) {
      Lock mine;
      mine.acquire();
      lock.acquire();
      rlock.acquire();
      lock.release();
      rlock.release();
      condition.acquire();
      condition.wait(200us);
      condition.notify_all();
      condition.release();
    }};
  });
}

TEST(LeakStorm, SemaphoresEventsAndBarriers) {
  both("semaphores, events, barriers", [] {
    Semaphore semaphore(2);
    Event event;
    Barrier barrier(2);
    return Scene{[semaphore, event, barrier](StormRandom& random) {
      Semaphore mine(1);
      mine.acquire();
      if (semaphore.acquire(1ms)) {
        semaphore.release();
      }
      if (random() % 2 == 0) {
        event.set();
      } else {
        event.clear();
        event.wait(100us);
      }
      if (!barrier.try_wait(500us).ok()) {
        barrier.reset();
      }
    }};
  });
}

TEST(LeakStorm, ValuesAndArrays) {
  both("values and arrays", [] {
    Value<int> value(0);
    return Scene{[value](StormRandom& random) {
      value.update([](int& v) { ++v; });
      Array<int> mine(static_cast<int64_t>(1 + random() % 50'000));
      Value<double> another(2);
      mine.set(0, value.value());
    }};
  });
}

TEST(LeakStorm, SharedMemoryThatIsUnlinked) {
  both("shared memory", [] {
    return Scene{[](StormRandom& random) {
      SharedMemory memory = SharedMemory::create(
          static_cast<int64_t>(1 + random() % (random() % 4 == 0 ? 200'000 : 5000)));
      memory.buf()[0] = std::byte{1};
      memory.unlink();
    }};
  });
}

// -- Deaths that nobody notices: here because their parent only takes their exit status --

void fork_and_die(const std::function<void()>& before) {
  pid_t pid = fork();
  if (pid == 0) {
    before();
    kill(getpid(), SIGKILL);
  }
  waitpid(pid, nullptr, 0);
}

constexpr uint64_t kMiB = 1 << 20;

TEST(UnnoticedDeath, LeavesNoMemoryThatIsNotFoundWhenMoreIsNeeded) {
  Watchdog dog(120s);
  uint64_t before = memory_used();
  uint64_t most = 0;
  for (int i = 0; i < 100; ++i) {
    fork_and_die([] {
      std::vector<Array<char>> arrays;
      for (int n = 0; n < 256; ++n) {
        arrays.emplace_back(4000);
      }
    });
    most = std::max(most, memory_used() - before);
  }
  std::printf("100 MiB of the dead, at most %lu KiB in use\n",
              static_cast<unsigned long>(most >> 10));
  EXPECT_LT(most, 16 * kMiB);
}

TEST(UnnoticedDeath, LeavesNoSlotThatIsNotFoundWhenMoreAreNeeded) {
  Watchdog dog(120s);
  Lock family;
  for (int i = 0; i < 300; ++i) {
    fork_and_die([] {});
  }
  EXPECT_LT(Family::get().header().slots_used.load(), 128u);
}

}  // namespace
}  // namespace mp

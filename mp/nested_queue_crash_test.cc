// A queue inside a message of a queue is freed with it, whoever is killed while it frees them, and at which instruction;
// and what a message carries that its sender did not live to publish goes with the sender.

#include <gtest/gtest.h>
#include <pthread.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"
#include "mp/object.h"
#include "mp/pipe.h"
#include "mp/queue.h"
#include "mp/testing/live_blocks.h"
#include "mp/testing/tracee.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using internal::Block;
using internal::Family;
using testing::Holders;
using testing::live_blocks;
using testing::Tracee;
using testing::Watchdog;

uint64_t offset_of(const Queue<>& queue) {
  Encoder e;
  internal::encode_message(e, queue);
  return e.handles()[0];
}

bool half_freed(uint64_t at) {
  const Block& block = *Family::get().arena().block(at);
  return block.state.load() == Block::kLive && (block.flags.load() & Block::kDying) != 0;
}

// The last handle to a queue goes.
class Destroy final : public testing::Traced {
 public:
  explicit Destroy(std::optional<Queue<>>& queue) : queue_(queue) {}
  void operate() override { queue_.reset(); }

 private:
  std::optional<Queue<>>& queue_;
};
// Somebody comes by after a death.
class Sweep final : public testing::Traced {
 public:
  void operate() override { Family::get().sweep_all(); }
};

// Lets it run until it frees the segments of its `nth` queue, from 1. False when it came to its end before.
bool run_to_queue(Tracee& tracee, int nth) {
  Tracee::At at = tracee.at();
  for (int i = 0; i < nth && at == Tracee::At::kInstruction; ++i) {
    if (i != 0) {
      at = tracee.step();  // off the last one
    }
    do {
      at = tracee.run(reinterpret_cast<uintptr_t>(internal::destroy_ring));
      if (at == Tracee::At::kEntry) {
        tracee.step();
      }
    } while (at == Tracee::At::kEntry);
  }
  return at == Tracee::At::kInstruction;
}

// Kills it before its n-th instruction from here. False when it came to its end before.
bool kill_at(Tracee& tracee, int n) {
  Tracee::At at = tracee.at();
  while (n-- > 0 && (at == Tracee::At::kInstruction || at == Tracee::At::kEntry)) {
    at = tracee.step();
  }
  bool killed = at == Tracee::At::kInstruction || at == Tracee::At::kEntry;
  tracee.kill();
  return killed;
}

// Makes `outer`, with another queue in a message, twice, to which nobody has a handle, and which has an event in one. Returns
// where that queue is.
uint64_t fill(std::optional<Queue<>>& outer) {
  outer.emplace();
  Queue<> inner;
  inner.put(Event());
  outer->put({inner, "its name"});
  outer->put(inner);
  return offset_of(inner);
}

TEST(NestedQueue, IsFreedThoughWhoFreesItIsKilledAnywhere) {
  Watchdog dog(250s);
  // The lists have their pages.
  {
    std::optional<Queue<>> warm;
    fill(warm);
  }
  Family::get().sweep_all();
  const int64_t before = live_blocks(Holders::kCounted);
  int died_inside = 0;
  for (int start : {1, 2}) {
    bool killed = true;
    for (int n = 0; killed; n += 1 + n / 10) {
      std::optional<Queue<>> outer;
      uint64_t inner = fill(outer);
      Destroy destroy(outer);
      {
        Tracee tracee(destroy);
        outer.reset();
        ASSERT_TRUE(run_to_queue(tracee, start));
        killed = kill_at(tracee, n);
      }
      bool inside = half_freed(inner);
      died_inside += inside ? 1 : 0;
      if (inside && died_inside % 4 == 1) {
        // Who takes that over dies as well, in the inner queue or when it is done.
        Sweep sweep;
        Tracee tracee(sweep);
        run_to_queue(tracee, 2);
        kill_at(tracee, n);
      }
      Family::get().sweep_all();
      ASSERT_EQ(live_blocks(Holders::kCounted), before)
          << "killed " << n << " instructions into queue " << start
          << (inside ? ", while the inner one was freed" : "");
    }
  }
  EXPECT_GT(died_inside, 10);
  std::printf("%d deaths in a half freed inner queue\n", died_inside);
}

// A chain of 2,000 queues, each in a message of the one before, on a stack that has no room for 2,000 calls.
TEST(NestedQueue, AChainIsFreedWithoutAStackOfItsLength) {
  Watchdog dog(250s);
  const int before = live_blocks();
  std::optional<Queue<>> first;
  first.emplace();
  for (int i = 0; i < 2000; ++i) {
    Queue<> outer;
    outer.put(*first);
    first = outer;
  }
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 128 << 10);
  pthread_t thread;
  auto drop = [](void* queue) -> void* {
    static_cast<std::optional<Queue<>>*>(queue)->reset();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attr, drop, &first), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attr);
  int transit = 0;
  Family::get().arena().each_live(
      [&](uint64_t, const Block& b) { transit += b.kind == internal::Kind::kTransit ? 1 : 0; });
  EXPECT_LE(live_blocks() - transit, before);
}

// Puts what it carries, which its caller has too.
template <class T>
class Send final : public testing::Traced {
 public:
  Send(Queue<T> queue, std::optional<T>& carried) : queue_(std::move(queue)), carried_(carried) {}
  void operate() override { queue_.put(*carried_); }

 private:
  Queue<T> queue_;
  std::optional<T>& carried_;
};

// One is killed in the call, with all about the message noted that is noted before it is published. Nobody has `carried` then.
template <class T>
void die_before_publishing(Queue<T> queue, std::optional<T>& carried) {
  Send<T> send(queue, carried);
  Tracee tracee(send);
  carried.reset();
  auto publish = &internal::ChannelWriter<>::publish;
  uintptr_t address;
  std::memcpy(&address, &publish, sizeof address);
  Tracee::At at = tracee.run(address);
  while (at == Tracee::At::kEntry) {
    tracee.step();
    at = tracee.run(address);
  }
  ASSERT_EQ(at, Tracee::At::kInstruction);
  tracee.kill();
}

TEST(UnpublishedMessage, KeepsNoQueueWhenItsSenderIsDead) {
  Watchdog dog(60s);
  Queue<Queue<>> outer;
  // The lists have their pages.
  outer.put(Queue<>());
  outer.get();
  int before = live_blocks();
  std::optional<Queue<>> inner(std::in_place);
  die_before_publishing(outer, inner);
  EXPECT_GT(live_blocks(), before);
  Family::get().sweep_all();
  EXPECT_EQ(live_blocks(), before);
  EXPECT_TRUE(outer.empty());
}

TEST(UnpublishedMessage, KeepsNoEndOfAPipeOpenWhenItsSenderIsDead) {
  Watchdog dog(60s);
  Queue<Connection> queue;
  auto [a, b] = Pipe();
  std::optional<Connection> end(std::move(a));
  die_before_publishing(queue, end);
  // Nobody puts again, and nobody else comes by.
  EXPECT_THROW(b.recv<int>(), EOFError);
}

}  // namespace
}  // namespace mp

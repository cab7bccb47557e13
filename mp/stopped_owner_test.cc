// A process that is stopped while it holds one of the family's own locks keeps nobody from anything.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <iterator>
#include <memory>
#include <vector>

#include "mp/event.h"
#include "mp/fd.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/park/brief_lock.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/shm/layout.h"
#include "mp/internal/sync/lock_word.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/helper.h"
#include "mp/testing/proc.h"
#include "mp/testing/tracee.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using internal::ArenaHeader;
using internal::Family;
using internal::LockWord;
using std::chrono_literals::operator""s;
using testing::Helper;
using testing::process_state;
using testing::Tracee;

// What needs a family's lock: allocating, naming an object, sending a descriptor.
void use_memory() { internal::Ref::create(internal::Kind::kArray, 64); }
void use_mailbox() {
  Queue<Fd> queue;
  queue.put(Fd::duplicate(STDIN_FILENO));
  queue.get();
}

struct Case {
  const char* name;
  LockWord<> ArenaHeader::*lock;
  void (*use)();
};
const Case kCases[] = {
    {"Allocator", &ArenaHeader::alloc_lock, use_memory},
    {"Lists", &ArenaHeader::family_lock, use_memory},
    {"Mailbox", &ArenaHeader::mailbox_lock, use_mailbox},
};

class Stopped : public testing::Fixture {
 protected:
  // So long a test waits at each point that is inside of a lock.
  Stopped() { Family::get().header().slice_ns = 5'000'000; }
  ~Stopped() override { Family::get().header().slice_ns = 100'000'000; }

  testing::Watchdog dog_{200s};
};
class StoppedOwner : public Stopped, public ::testing::WithParamInterface<int> {};

void await_stopped(int pid) {
  while (process_state(pid) != 'T') {
    sched_yield();
  }
}

void stop_with(int index, Event end) {
  Family& family = Family::get();
  LockWord<>& lock = family.header().*kCases[index].lock;
  internal::acquire_brief(lock, Family::self(), family);
  ::raise(SIGSTOP);
  internal::park_release(lock);
  end.wait();
}

TEST_P(StoppedOwner, LetsTheOthersPassAndStandsStillAgain) {
  Event end;
  Process owner(stop_with, GetParam(), end);
  owner.start();
  await_stopped(owner.pid());
  kCases[GetParam()].use();
  await_stopped(owner.pid());
  end.set();
  kill(owner.pid(), SIGCONT);
  owner.join();
  EXPECT_EQ(owner.exitcode(), 0);
}

// Who comes late may find it stopped again, after another has continued it.
TEST_P(StoppedOwner, StandsStillAfterManyHaveWaited) {
  Event end;
  Process owner(stop_with, GetParam(), end);
  owner.start();
  await_stopped(owner.pid());
  std::vector<std::unique_ptr<Helper>> waiters;
  for (int i = 0; i < 6; ++i) {
    waiters.push_back(std::make_unique<Helper>("waiter", kCases[GetParam()].use));
  }
  for (auto& waiter : waiters) {
    while (!waiter->ended()) {
      sched_yield();
    }
    EXPECT_FALSE(waiter->crashed());
  }
  await_stopped(owner.pid());
  end.set();
  kill(owner.pid(), SIGCONT);
  owner.join();
  EXPECT_EQ(owner.exitcode(), 0);
}

// Calls `use` step by step.
class Use final : public testing::Traced {
 public:
  explicit Use(void (*use)()) : use_(use) {}
  void prepare() override { use_(); }
  void operate() override { use_(); }

 private:
  void (*use_)();
};

// Whether it has come so far.
bool stop_before(Use& use, int instruction) {
  Tracee tracee(use);
  Tracee::At at = tracee.at();
  for (int i = 0; i < instruction; ++i) {
    if (at == Tracee::At::kEnd) {
      return false;
    }
    at = tracee.step();
    if (at != Tracee::At::kInstruction && at != Tracee::At::kEntry && at != Tracee::At::kEnd) {
      ADD_FAILURE() << "at instruction " << i << ": " << tracee.gone_text();
      return false;
    }
  }
  Helper stopped = tracee.release_stopped("stopped");
  await_stopped(stopped.pid());
  use_memory();
  use_mailbox();
  await_stopped(stopped.pid());
  kill(stopped.pid(), SIGCONT);
  while (!stopped.ended()) {
    sched_yield();
  }
  EXPECT_FALSE(stopped.crashed());
  return !::testing::Test::HasFailure();
}

// Each third: all of them, 1,137, take a minute, since each is come to step by step.
TEST_F(Stopped, AtAnInstructionOfAnAllocation) {
  Use use(use_memory);
  int points = 0;
  while (stop_before(use, 3 * points)) {
    ++points;
  }
  std::printf("stopped at %d points\n", points);
  EXPECT_GT(points, 100);
}

INSTANTIATE_TEST_SUITE_P(Of, StoppedOwner, ::testing::Range(0, static_cast<int>(std::size(kCases))),
                         [](const auto& info) { return kCases[info.param].name; });

}  // namespace
}  // namespace mp

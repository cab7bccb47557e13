#include "mp/event.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

#include "mp/internal/base/sanitizer.h"
#include "mp/internal/core/event_object.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"
#include "mp/testing/proc.h"
#include "mp/testing/tracee.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using testing::Tracee;
using testing::Watchdog;

// No slice may hide a lost wake-up.
class EventTest : public ::testing::Test {
 protected:
  EventTest() { set_slices(1h); }
  ~EventTest() override { set_slices(100ms); }
  static void set_slices(std::chrono::nanoseconds length) {
    internal::Family::get().header().slice_ns.store(length.count());
  }
  static uint32_t registrations(const Event& e) {
    return internal::HandleAccess::ref(e)
        .object<internal::EventObject<>>()
        ->word.sleepers.asked.load();
  }

  Watchdog dog_{60s};
  Event event_;
};

// The exit code says what wait() said.
ForkProcess waiter(const Event& event) {
  ForkProcess p([event] { mp::exit(event.wait() ? 3 : 4); });
  p.start();
  return p;
}

TEST_F(EventTest, IsAFlag) {
  EXPECT_FALSE(event_.is_set());
  event_.set();
  EXPECT_TRUE(event_.is_set());
  EXPECT_TRUE(event_.wait());
  event_.clear();
  EXPECT_FALSE(event_.is_set());
  EXPECT_FALSE(event_.wait(0));
  EXPECT_FALSE(event_.wait(1ms));
  Event other;
  EXPECT_FALSE(other == event_);
  EXPECT_TRUE(event_ == Event(event_));
}

TEST_F(EventTest, APollRegistersNobody) {
  EXPECT_FALSE(event_.wait(0));
  EXPECT_EQ(registrations(event_), 0u);
}

TEST_F(EventTest, WhoWaitsWhenItIsSetReturnsTrueThoughItIsClearedAtOnce) {
  for (int i = 0; i < 50; ++i) {
    ForkProcess p = waiter(event_);
    ASSERT_TRUE(testing::await_asleep(p.pid()));
    event_.set();
    event_.clear();
    EXPECT_TRUE(p.join());
    ASSERT_EQ(p.exitcode(), 3);
  }
}

class SetAndClear final : public testing::Traced {
 public:
  explicit SetAndClear(const Event& event) : event_(event) {}
  void prepare() override {
    event_.is_set();
    event_.set();
    event_.clear();
  }
  void operate() override {
    for (int i = 0; i < 10; ++i) {
      event_.set();
      event_.set();
      seen_ = event_.is_set() && event_.wait();
      event_.clear();
      event_.wait(0);
    }
  }

 private:
  Event event_;
  volatile bool seen_ = false;
};

TEST_F(EventTest, WithNobodyWaitingThereIsNoSystemCall) {
  SetAndClear work(event_);
  Tracee tracee(work);
  EXPECT_EQ(tracee.run(), Tracee::At::kEnd) << "system call " << tracee.call();
  EXPECT_EQ(tracee.calls(), 0);
}

// Also after others have waited and were woken, or were killed: that costs one call at most.
TEST_F(EventTest, WhoHasWaitedOnceIsForgotten) {
  ForkProcess woken = waiter(event_);
  ASSERT_TRUE(testing::await_asleep(woken.pid()));
  event_.set();
  EXPECT_TRUE(woken.join());
  event_.clear();
  ForkProcess killed = waiter(event_);
  ASSERT_TRUE(testing::await_asleep(killed.pid()));
  killed.kill();
  EXPECT_TRUE(killed.join());
  event_.set();
  event_.clear();
  SetAndClear work(event_);
  Tracee tracee(work);
  EXPECT_EQ(tracee.run(), Tracee::At::kEnd) << "system call " << tracee.call();
}

TEST_F(EventTest, AKilledWaiterDelaysNobody) {
  ForkProcess killed = waiter(event_);
  ForkProcess other = waiter(event_);
  ASSERT_TRUE(testing::await_asleep(killed.pid()));
  ASSERT_TRUE(testing::await_asleep(other.pid()));
  killed.kill();
  EXPECT_TRUE(killed.join());
  event_.set();
  EXPECT_TRUE(other.join());
  EXPECT_EQ(other.exitcode(), 3);
}

TEST_F(EventTest, AStoppedWaiterDelaysNobodyAndIsTold) {
  ForkProcess stopped = waiter(event_);
  ForkProcess other = waiter(event_);
  ASSERT_TRUE(testing::await_asleep(stopped.pid()));
  ASSERT_TRUE(testing::await_asleep(other.pid()));
  kill(stopped.pid(), SIGSTOP);
  while (testing::process_state(stopped.pid()) != 'T') {
    sched_yield();
  }
  event_.set();
  EXPECT_TRUE(other.join());
  EXPECT_EQ(other.exitcode(), 3);
  event_.clear();
  kill(stopped.pid(), SIGCONT);
  EXPECT_TRUE(stopped.join());
  EXPECT_EQ(stopped.exitcode(), 3);
}

// What a slice is for: the setter was killed between the change and its wake.
TEST_F(EventTest, AWakeThatIsLostWithItsSetterComesWithTheSlice) {
  set_slices(20ms);
  ForkProcess p = waiter(event_);
  ASSERT_TRUE(testing::await_asleep(p.pid()));
  internal::HandleAccess::ref(event_).object<internal::EventObject<>>()->word.changes.store(1);
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), 3);
}

const Event* g_event = nullptr;
// The call that a handler finds its thread in, and how often it found it in each.
enum Call { kNone, kSet, kClear, kWait, kCalls };
std::atomic<Call> g_call{kNone};
std::atomic<int> g_found[kCalls];
void set_it(int) {
  g_found[g_call].fetch_add(1);
  g_event->set();
}
// Calls f(); whether a handler came meanwhile.
template <class F>
bool interrupted(Call call, F f) {
  int before = g_found[call];
  g_call = call;
  f();
  g_call = kNone;
  return g_found[call] != before;
}

class InAHandler : public EventTest {
 protected:
  InAHandler() {
    g_event = &event_;
    struct sigaction action = {};
    action.sa_handler = set_it;
    sigaction(SIGUSR1, &action, &before_);
  }
  ~InAHandler() override { sigaction(SIGUSR1, &before_, nullptr); }

 private:
  struct sigaction before_;
};

TEST_F(InAHandler, ASetWakesAnotherProcess) {
  ForkProcess p = waiter(event_);
  ASSERT_TRUE(testing::await_asleep(p.pid()));
  raise(SIGUSR1);
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), 3);
}

TEST_F(InAHandler, ASetEndsTheWaitItInterrupts) {
  std::atomic<pid_t> tid{0};
  std::thread t([&] {
    tid = gettid();
    EXPECT_TRUE(event_.wait());
  });
  while (tid == 0) {
    sched_yield();
  }
  ASSERT_TRUE(testing::await_asleep(tid));
  pthread_kill(t.native_handle(), SIGUSR1);
  t.join();
}

// Each call is made until the handler has come inside it fifty times.
TEST_F(InAHandler, ASetMayInterruptEveryCall) {
  constexpr int kEnough = 50;
  for (std::atomic<int>& n : g_found) {
    n = 0;
  }
  std::atomic<bool> done{false};
  std::thread t([&] {
    // ThreadSanitizer's handlers wait for a call of the libc: just wait() makes one.
    while (!internal::kThreadSanitizer && (g_found[kSet] < kEnough || g_found[kClear] < kEnough)) {
      interrupted(kSet, [&] { event_.set(); });
      EXPECT_TRUE(event_.is_set());
      interrupted(kClear, [&] { event_.clear(); });
    }
    while (g_found[kWait] < kEnough) {
      event_.clear();
      bool came = interrupted(kWait, [&] { EXPECT_TRUE(event_.wait()); });
      EXPECT_TRUE(!came || event_.is_set());
    }
    done = true;
    while (done) {
      sched_yield();
    }
  });
  while (!done) {
    pthread_kill(t.native_handle(), SIGUSR1);
    sched_yield();
  }
  done = false;
  t.join();
}

// What is written before a set is read after the wait, and before the clear after it: plain memory,
// for the race detector.
TEST_F(EventTest, ASetOrdersWhatTheThreadsDo) {
  constexpr int kTurns = 1000;
  Event answer;
  int written = 0;
  std::thread t([&] {
    for (int i = 1; i <= kTurns; ++i) {
      event_.wait();
      event_.clear();
      EXPECT_EQ(written, i);
      answer.set();
    }
  });
  for (int i = 1; i <= kTurns; ++i) {
    written = i;
    event_.set();
    answer.wait();
    answer.clear();
  }
  t.join();
}

// Two who set, two who wait and clear: no wake-up is lost.
TEST_F(EventTest, LosesNoSet) {
  constexpr int kTurns = 5000;
  Event answer;
  ForkProcess p([event = event_, answer] {
    for (int i = 0; i < kTurns; ++i) {
      event.wait();
      event.clear();
      answer.set();
    }
  });
  p.start();
  for (int i = 0; i < kTurns; ++i) {
    event_.set();
    ASSERT_TRUE(answer.wait());
    answer.clear();
  }
  EXPECT_TRUE(p.join());
  EXPECT_EQ(p.exitcode(), 0);
}

}  // namespace
}  // namespace mp

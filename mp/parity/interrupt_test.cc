// The reference's tests in which SIGINT comes, and what mp/interruptible.h promises.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "mp/barrier.h"
#include "mp/condition.h"
#include "mp/errors.h"
#include "mp/event.h"
#include "mp/interruptible.h"
#include "mp/lock.h"
#include "mp/parity/backends.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/rlock.h"
#include "mp/semaphore.h"
#include "mp/testing/proc.h"
#include "mp/value.h"

namespace mp::testing {
namespace {

template <class B>
class TestInterrupt : public ParityTest {};
using OnProcesses = ::testing::Types<OnFork, OnSpawn, OnForkServer>;
TYPED_TEST_SUITE(TestInterrupt, OnProcesses, BackendNames);

void wait_interruptibly(Queue<int> ready, Event never) {
  interruptible here;
  ready.put(1);
  never.wait();
}

// In the reference every child is so.
TYPED_TEST(TestInterrupt, test_interrupt) {
  ::testing::internal::CaptureStderr();
  Queue<int> ready;
  typename TypeParam::Process p({.name = "P"}, wait_interruptibly, ready, Event());
  p.start();
  ready.get();
  p.interrupt();
  p.join();
  EXPECT_EQ(p.exitcode(), 1);
  std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.substr(0, 11), "Process P:\n");
  EXPECT_NE(text.find("::wait_interruptibly()\n"), std::string::npos) << text;
  EXPECT_EQ(text.substr(text.rfind('\n', text.size() - 2)), "\nKeyboardInterrupt\n");
}

// The part of _TestCondition.test_wait_result in which a SIGINT comes.
void interrupt_parent_asleep(Queue<int> go) {
  go.get();
  await_asleep(parent_process()->pid());
  kill(parent_process()->pid(), SIGINT);
}

// Runs `call`, to which a SIGINT comes when it sleeps; whether it throws KeyboardInterrupt.
template <class B>
bool is_interrupted(const std::function<void()>& call) {
  interruptible here;
  Queue<int> go;
  auto p = start<B>(interrupt_parent_asleep, go);
  bool thrown = false;
  go.put(1);
  try {
    call();
  } catch (const KeyboardInterrupt&) {
    thrown = true;
  }
  finish(p);
  return thrown;
}

TYPED_TEST(TestInterrupt, test_wait_result) {
  Condition c;
  std::scoped_lock hold(c);
  EXPECT_FALSE(c.wait(0));
  EXPECT_FALSE(c.wait(0.1));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { c.wait(60); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { c.wait(); }));
  // The lock is held again, and nobody waits.
  EXPECT_EQ(repr(c), "<Condition(<RLock(MainProcess, 1)>, 0)>");
}

// Not tests of the reference's suite.

TYPED_TEST(TestInterrupt, WhatWaitsIsInterrupted) {
  Queue<int> q;
  Queue<std::string> texts(1);
  texts.put("full");
  auto [a, b] = Pipe();
  Event event;
  Semaphore none(0);
  Barrier barrier(2);
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { q.get(); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { q.get(60); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { q.get_many(4); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { texts.put("more"); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] {
    for (int i : q) FAIL() << i;
  }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&, a = a] { a.template recv<int>(); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&, a = a] { a.poll(kForever); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { event.wait(); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { none.acquire(); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { barrier.wait(); }));
  EXPECT_TRUE(barrier.broken());
}

void hold_lock(Lock lock, RLock rlock, Value<int> value, Queue<int> held, Queue<int> go) {
  std::scoped_lock hold(lock, rlock);
  value.update([&](int& v) {
    held.put(1);
    v = go.get();
  });
}

TYPED_TEST(TestInterrupt, WhatWaitsForALockIsInterrupted) {
  Lock lock;
  RLock rlock;
  Value<int> value(0);
  Queue<int> held;
  Queue<int> go;
  auto p = start<TypeParam>(hold_lock, lock, rlock, value, held, go);
  held.get();
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { lock.acquire(); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { lock.acquire(60); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { std::scoped_lock hold(rlock); }));
  EXPECT_TRUE(is_interrupted<TypeParam>([&] { value.set_value(3); }));
  go.put(7);
  finish(p);
  EXPECT_EQ(value.value(), 7);
  EXPECT_TRUE(lock.acquire(0));
  lock.release();
}

TYPED_TEST(TestInterrupt, JoinIsInterrupted) {
  Queue<int> q;
  auto p = start<TypeParam>([](Queue<int> q) { q.get(); }, q);
  for (Timeout timeout : {Timeout(kForever), Timeout(60)}) {
    interruptible here;
    // Nothing tells that somebody sleeps in a poll, so the signal comes again until it is seen.
    std::atomic<bool> seen{false};
    std::thread often([&, main = pthread_self()] {
      while (!seen) {
        pthread_kill(main, SIGINT);
        usleep(2000);
      }
    });
    EXPECT_THROW(p.join(timeout), KeyboardInterrupt);
    seen = true;
    often.join();
    try {
      interruptible::check();
    } catch (const KeyboardInterrupt&) {
    }
  }
  q.put(1);
  finish(p);
}

class TestGuard : public ParityTest {};

int g_by_hand = 0;
void by_hand(int) { ++g_by_hand; }

TEST_F(TestGuard, TheDispositionComesBackAndAnUnansweredSignalWithIt) {
  struct sigaction mine {};
  mine.sa_handler = by_hand;
  struct sigaction before;
  sigaction(SIGINT, &mine, &before);
  {
    interruptible here;
    {
      interruptible nested;
      ::raise(SIGINT);
      EXPECT_EQ(g_by_hand, 0);
      EXPECT_THROW(interruptible::check(), KeyboardInterrupt);
      interruptible::check();
    }
    ::raise(SIGINT);
    EXPECT_EQ(g_by_hand, 0);
    // What succeeds is not in the way.
    Queue<int> q;
    q.put(1);
    EXPECT_EQ(q.get(), 1);
    EXPECT_THROW(q.get_nowait(), KeyboardInterrupt);
    EXPECT_THROW(q.get_nowait(), Empty);
    ::raise(SIGINT);
  }
  EXPECT_EQ(g_by_hand, 1);
  ::raise(SIGINT);
  EXPECT_EQ(g_by_hand, 2);
  sigaction(SIGINT, &before, nullptr);
}

TEST_F(TestGuard, AnIgnoredSignalStaysIgnored) {
  auto before = signal(SIGINT, SIG_IGN);
  {
    interruptible here;
    ::raise(SIGINT);
    interruptible::check();
  }
  EXPECT_EQ(signal(SIGINT, before), SIG_IGN);
}

TEST_F(TestGuard, AForkedChildHasTheDispositionFromBefore) {
  interruptible here;
  ForkProcess p([] {
    for (;;) {
      pause();
    }
  });
  p.start();
  p.interrupt();
  p.join();
  EXPECT_EQ(p.exitcode(), -SIGINT);
}

TEST_F(TestGuard, OtherThreadsGoOn) {
  interruptible here;
  Queue<int> q;
  std::optional<int> got;
  std::thread other([&] { got = q.get(); });
  ::raise(SIGINT);
  EXPECT_THROW(Event().wait(), KeyboardInterrupt);
  q.put(4);
  other.join();
  EXPECT_EQ(got, 4);
}

}  // namespace
}  // namespace mp::testing

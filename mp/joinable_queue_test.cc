// Tasks: who finishes them, who waits for that, and what a death does.

#include "mp/joinable_queue.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/lease.h"
#include "mp/object.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;

class JoinableQueueTest : public testing::Fixture {
 private:
  testing::Watchdog dog_{60s};
};

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST_F(JoinableQueueTest, JoinWaitsForEachTask) {
  JoinableQueue<int> q;
  EXPECT_TRUE(q.join(0));
  q.put(1);
  EXPECT_FALSE(q.join(0));
  EXPECT_EQ(q.get(), 1);
  EXPECT_TRUE(q.empty());
  EXPECT_FALSE(q.join(0.01));
  q.task_done();
  EXPECT_TRUE(q.join());
  EXPECT_EQ(error_of([&] { q.task_done(); }), "task_done() called too many times");
}

TEST_F(JoinableQueueTest, TaskDoneIsForAnybodyAsInPython) {
  JoinableQueue<int> q;
  // Before the get.
  q.put_many({1, 2, 3});
  q.task_done();
  EXPECT_EQ(q.qsize(), 3u);
  EXPECT_EQ(q.get(), 1);
  q.task_done();
  q.task_done();
  EXPECT_TRUE(q.join(0));
  EXPECT_EQ(error_of([&] { q.task_done(); }), "task_done() called too many times");
  // They are still there.
  EXPECT_EQ(q.get(), 2);
  EXPECT_EQ(q.get(), 3);
  EXPECT_EQ(error_of([&] { q.task_done(); }), "task_done() called too many times");

  // By another thread, by another process.
  q.put_many({4, 5});
  q.get();
  q.get();
  std::thread([&] { q.task_done(); }).join();
  ForkProcess p([q] { q.task_done(); });
  p.start();
  EXPECT_TRUE(q.join());
  p.join();
  EXPECT_EQ(error_of([&] { q.task_done(); }), "task_done() called too many times");
  EXPECT_TRUE(q.empty());
}

TEST_F(JoinableQueueTest, AThreadFinishesItsOwnFirst) {
  JoinableQueue<int> q;
  q.put_many({1, 2});
  EXPECT_EQ(q.get(), 1);
  std::thread([&] {
    EXPECT_EQ(q.get(), 2);
    q.task_done();
  }).join();
  // What this thread has is left: it comes back with the last handle.
  JoinableQueue<int> other = Object(q).as<JoinableQueue<int>>();
  EXPECT_FALSE(q.join(0));
  q.task_done();
  EXPECT_TRUE(other.join(0));
}

void work(JoinableQueue<int> q, Queue<int> done) {
  for (int i : q) {
    done.put(i);
    q.task_done();
  }
}

void take_and_die(JoinableQueue<int> q, Queue<int> said) {
  q.get();
  said.put(1);
  for (;;) {
    pause();
  }
}

TEST_F(JoinableQueueTest, AWorkersDeathDoesNotHangJoin) {
  JoinableQueue<int> q;
  Queue<int> said;
  Queue<int> done;
  std::vector<ForkProcess> victims;
  for (int i = 0; i < 3; ++i) {
    victims.emplace_back(take_and_die, q, said);
    victims.back().start();
  }
  q.put_many({1, 2, 3});
  for (int i = 0; i < 3; ++i) {
    said.get();
  }
  ForkProcess worker(work, q, done);
  worker.start();
  q.put(4);
  EXPECT_EQ(done.get(), 4);
  EXPECT_FALSE(q.join(0));
  for (ForkProcess& victim : victims) {
    ::kill(victim.pid(), SIGKILL);
  }
  EXPECT_TRUE(q.join());
  EXPECT_EQ(done.qsize(), 3u);
  q.shutdown();
  worker.join();
  for (ForkProcess& victim : victims) {
    victim.join();
  }
}

TEST_F(JoinableQueueTest, WhatTheLastHandleLeavesComesBack) {
  Queue<JoinableQueue<int>> carrier;
  Queue<int> let_go;
  ForkProcess child([carrier, let_go] {
    carrier.get().get();
    let_go.put(1);
    pause();
  });
  child.start();
  JoinableQueue<int> q;
  q.put(1);
  carrier.put(q);
  let_go.get();
  EXPECT_EQ(q.qsize(), 1u);
  Lease<int> again = q.get_lease();
  EXPECT_EQ(again.attempt(), 2u);
  again.ack();
  EXPECT_TRUE(q.join(0));
  child.kill();
  child.join();
}

TEST_F(JoinableQueueTest, AnImmediateEndFreesWhoJoins) {
  JoinableQueue<int> q;
  q.put_many({1, 2});
  q.get();
  q.shutdown(true);
  // What waited is no task any more, what is leased is one.
  EXPECT_FALSE(q.join(0));
  q.task_done();
  EXPECT_TRUE(q.join());

  JoinableQueue<int> other;
  other.put(1);
  ForkProcess p([other] { other.shutdown(true); });
  p.start();
  EXPECT_TRUE(other.join());
  p.join();
}

TEST_F(JoinableQueueTest, IsAClassOfItsOwn) {
  JoinableQueue<int> q(1);
  EXPECT_EQ(repr(q).find("<multiprocessing.queues.JoinableQueue object at 0x"), 0u);
  EXPECT_THROW(Object(q).as<Queue<int>>(), TypeError);
  EXPECT_THROW(Object(Queue<int>()).as<JoinableQueue<int>>(), TypeError);
  q.put(1);
  EXPECT_TRUE(q.full());
  EXPECT_THROW(q.put_nowait(2), Full);
  EXPECT_EQ(error_of([&] { q.join_thread(); }), "Queue " + repr(q) + " not closed");
  q.close();
  q.join_thread();
  q.cancel_join_thread();
  EXPECT_EQ(error_of([&] { q.put(1); }), "Queue " + repr(q) + " is closed");
  EXPECT_EQ(q.qsize(), 1u);
  EXPECT_FALSE(q.empty());
}

TEST_F(JoinableQueueTest, ATaskWithADescriptor) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  JoinableQueue<Fd> q;
  q.put(Fd(ends[1]));
  close(ends[1]);
  {
    Fd fd = q.get();
    EXPECT_EQ(write(fd.fileno(), "x", 1), 1);
  }
  q.task_done();
  char bytes[2];
  EXPECT_EQ(read(ends[0], bytes, 2), 1);
  EXPECT_EQ(read(ends[0], bytes, 2), 0);
  close(ends[0]);
}

}  // namespace
}  // namespace mp

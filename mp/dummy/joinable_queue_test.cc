// What of tasks and leases is between threads alone; the rest is in the parity tests.

#include "mp/dummy/joinable_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mp/dummy/lease.h"
#include "mp/dummy/simple_queue.h"
#include "mp/errors.h"
#include "mp/testing/watchdog.h"

namespace mp::dummy {
namespace {

using namespace std::chrono_literals;
using testing::Watchdog;

TEST(DummyJoinableQueue, AThreadFinishesItsOwnFirst) {
  Watchdog dog(30s);
  JoinableQueue<int> q;
  q.put(1);
  q.put(2);
  EXPECT_EQ(q.get(), 1);
  std::thread([q] {
    EXPECT_EQ(q.get(), 2);
    q.task_done();
  }).join();
  EXPECT_FALSE(q.join(0));
  q.task_done();
  EXPECT_TRUE(q.join());
  EXPECT_EQ(repr(q).find("<queue.Queue object at 0x"), 0u);
}

TEST(DummyJoinableQueue, MovesWhatCannotBeCopied) {
  Watchdog dog(30s);
  JoinableQueue<std::unique_ptr<int>> q;
  q.put(std::make_unique<int>(1));
  {
    Lease<std::unique_ptr<int>> lease = q.get_lease();
    EXPECT_EQ(**lease, 1);
  }
  EXPECT_EQ(*q.get(), 1);
  q.task_done();
  EXPECT_TRUE(q.join(0));
}

TEST(DummyJoinableQueue, ALeaseOutlivesItsQueue) {
  Watchdog dog(30s);
  auto value = std::make_shared<int>(1);
  {
    auto lease = [&] {
      JoinableQueue<std::shared_ptr<int>> q;
      q.put(value);
      return q.get_lease();
    }();
    EXPECT_EQ(value.use_count(), 2);
  }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(DummyJoinableQueue, WhatComesBackWakesAGetter) {
  Watchdog dog(30s);
  JoinableQueue<int> q;
  q.put(1);
  auto lease = q.get_lease();
  std::thread getter([q] {
    EXPECT_EQ(q.get(), 1);
    q.task_done();
  });
  lease.nack();
  EXPECT_TRUE(q.join());
  getter.join();
}

TEST(DummyJoinableQueue, EachTaskIsFinishedOnceAndJoinWaitsForIt) {
  Watchdog dog(120s);
  constexpr int kWorkers = 3;
  constexpr int kTasks = 5000;
  JoinableQueue<int> q(8);
  std::vector<std::atomic<int>> finished(kTasks);
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) {
    workers.emplace_back([q, w, &finished] {
      try {
        for (int turn = 0;; ++turn) {
          if (w == 0) {
            int i = q.get();
            ++finished[static_cast<size_t>(i)];
            q.task_done();
          } else {
            Lease<int> lease = q.get_lease();
            if ((turn + *lease) % 3 != 0 || lease.attempt() > 3) {
              ++finished[static_cast<size_t>(*lease)];
              lease.ack();
            }
          }
        }
      } catch (const ShutDown&) {
      }
    });
  }
  for (int i = 0; i < kTasks; ++i) {
    q.put(i);
    if (i % 500 == 0) {
      EXPECT_TRUE(q.join());
      for (int done = 0; done <= i; ++done) {
        ASSERT_EQ(finished[static_cast<size_t>(done)], 1) << done;
      }
    }
  }
  EXPECT_TRUE(q.join());
  q.shutdown();
  for (std::thread& t : workers) {
    t.join();
  }
  for (int i = 0; i < kTasks; ++i) {
    EXPECT_EQ(finished[static_cast<size_t>(i)], 1) << i;
  }
}

TEST(DummySimpleQueue, IsOfOneHandle) {
  Watchdog dog(30s);
  SimpleQueue<std::string> q;
  SimpleQueue<std::string> other = q;
  EXPECT_EQ(repr(q).find("<queue.SimpleQueue object at 0x"), 0u);
  q.put("a");
  q.close();
  EXPECT_THROW(q.get(), OSError);
  EXPECT_EQ(other.get(), "a");
  EXPECT_TRUE(other.empty());
}

}  // namespace
}  // namespace mp::dummy

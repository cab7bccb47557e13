// What was taken as a lease or as a view, in one process and when its holder dies.

#include "mp/lease.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mp/bytes.h"
#include "mp/errors.h"
#include "mp/fd.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/shm/family.h"
#include "mp/lock.h"
#include "mp/object.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using namespace std::chrono_literals;

class LeaseTest : public testing::Fixture {
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

// One that takes a lease, says so, and never finishes it.
void take_and_wait(Queue<std::string> q, Queue<std::string> said) {
  Lease<std::string> lease = q.get_lease();
  said.put(*lease);
  for (;;) {
    pause();
  }
}

TEST_F(LeaseTest, AnAcknowledgedMessageIsGone) {
  Queue<std::string> q;
  q.put("a");
  {
    Lease<std::string> lease = q.get_lease();
    EXPECT_EQ(*lease, "a");
    EXPECT_EQ(lease->size(), 1u);
    EXPECT_EQ(lease.attempt(), 1u);
    EXPECT_EQ(q.qsize(), 0u);
    EXPECT_TRUE(q.empty());
    lease.ack();
    EXPECT_FALSE(lease);
    EXPECT_EQ(error_of([&] { lease.ack(); }), "the lease was acknowledged or given back before");
  }
  EXPECT_EQ(q.qsize(), 0u);
  EXPECT_FALSE(q.try_get().ok());
}

TEST_F(LeaseTest, WhatGoesOutOfScopeIsTheFirstAgain) {
  Queue<std::string> q;
  for (const char* text : {"a", "b", "c"}) {
    q.put(text);
  }
  { Lease<std::string> lease = q.get_lease(); }
  EXPECT_EQ(q.qsize(), 3u);
  {
    Lease<std::string> a = q.get_lease();
    EXPECT_EQ(*a, "a");
    EXPECT_EQ(a.attempt(), 2u);
    Lease<std::string> b = q.get_lease();
    EXPECT_EQ(*b, "b");
    EXPECT_EQ(b.attempt(), 1u);
    b.nack();
    EXPECT_EQ(error_of([&] { b.nack(); }), "the lease was acknowledged or given back before");
    a.nack();
  }
  // Whoever takes, the oldest comes first.
  EXPECT_EQ(q.get(), "a");
  EXPECT_EQ(q.get_lease().attempt(), 2u);
  EXPECT_EQ(q.get_many(5), (std::vector<std::string>{"b", "c"}));
  EXPECT_TRUE(q.empty());
}

TEST_F(LeaseTest, ManyAtOnceOfAllSizes) {
  constexpr size_t kCount = 400;
  Queue<std::string> q;
  auto text = [](size_t i) {
    return std::string(i % 37 * i % 9973, static_cast<char>('a' + i % 26));
  };
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < kCount; ++i) {
      q.put(text(i));
    }
    std::vector<Lease<std::string>> leases;
    for (size_t i = 0; i < kCount; ++i) {
      leases.push_back(q.get_lease());
      ASSERT_EQ(*leases[i], text(i));
    }
    for (size_t i = 0; i < kCount; ++i) {
      if (i % 3 == 0) {
        leases[i].ack();
      }
    }
    leases.clear();
    EXPECT_EQ(q.qsize(), kCount - (kCount + 2) / 3);
    for (size_t i = 0; i < kCount; ++i) {
      if (i % 3 != 0) {
        ASSERT_EQ(q.get(), text(i));
      }
    }
    EXPECT_TRUE(q.empty());
  }
}

TEST_F(LeaseTest, ALargeOneStaysWhereItIs) {
  Queue<std::string> q;
  auto text = [](char c) { return std::string(300'000, c); };
  for (char c : {'a', 'b', 'c', 'd'}) {
    q.put(text(c));
  }
  std::optional<Lease<std::string>> a = q.get_lease();
  std::optional<Lease<std::string>> b = q.get_lease();
  EXPECT_EQ(q.get(), text('c'));
  b->ack();
  a.reset();
  EXPECT_EQ(q.qsize(), 2u);
  a = q.get_lease();
  EXPECT_EQ(**a, text('a'));
  EXPECT_EQ(q.get(), text('d'));
  q.put("small");
  EXPECT_EQ(q.get(), "small");
  a->ack();
  EXPECT_TRUE(q.empty());
}

TEST_F(LeaseTest, TheHoldersDeathBringsItBackToASleeper) {
  for (size_t size : {size_t{3}, size_t{10'000}, size_t{200'000}}) {
    Queue<std::string> q;
    Queue<std::string> said;
    const std::string text(size, 'x');
    ForkProcess holder(take_and_wait, q, said);
    ForkProcess heir([q, said] {
      Lease<std::string> lease = q.get_lease();
      said.put(*lease);
      said.put(std::to_string(lease.attempt()));
      lease.ack();
    });
    q.put(text);
    holder.start();
    EXPECT_EQ(said.get(), text);
    EXPECT_EQ(q.qsize(), 0u);
    heir.start();
    // Not joined, so that nobody but the heir can notice.
    ::kill(holder.pid(), SIGKILL);
    EXPECT_EQ(said.get(), text);
    EXPECT_EQ(said.get(), "2");
    heir.join();
    holder.join();
    EXPECT_EQ(q.qsize(), 0u);
    EXPECT_FALSE(q.try_get().ok());
  }
}

TEST_F(LeaseTest, AJoinOfTheDeadBringsItBack) {
  Queue<std::string> q;
  Queue<std::string> said;
  q.put("a");
  q.put("b");
  ForkProcess holder(take_and_wait, q, said);
  holder.start();
  EXPECT_EQ(said.get(), "a");
  holder.kill();
  holder.join();
  EXPECT_EQ(q.qsize(), 2u);
  EXPECT_EQ(q.get(), "a");
  EXPECT_EQ(q.get(), "b");
}

TEST_F(LeaseTest, APollFindsTheDead) {
  Queue<std::string> q;
  Queue<std::string> said;
  q.put("a");
  ForkProcess holder(take_and_wait, q, said);
  holder.start();
  EXPECT_EQ(said.get(), "a");
  ::kill(holder.pid(), SIGKILL);
  while (!q.try_get().ok()) {
  }
  holder.join();
}

TEST_F(LeaseTest, HandlesAndDescriptorsComeBackWithTheirMessage) {
  Queue<std::pair<Lock, Fd>> q;
  Queue<std::string> said;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    Lock lock;
    q.put({lock, Fd(ends[1])});
  }
  close(ends[1]);
  for (int round = 0; round < 2; ++round) {
    ForkProcess holder([q, said] {
      Lease<std::pair<Lock, Fd>> lease = q.get_lease();
      std::scoped_lock hold(lease->first);
      said.put(write(lease->second.fileno(), "x", 1) == 1 ? "ready" : "cannot write");
      for (;;) {
        pause();
      }
    });
    holder.start();
    EXPECT_EQ(said.get(), "ready");
    holder.kill();
    holder.join();
    EXPECT_EQ(q.qsize(), 1u);
  }
  {
    Lease<std::pair<Lock, Fd>> lease = q.get_lease();
    EXPECT_EQ(lease.attempt(), 3u);
    EXPECT_TRUE(lease->first.acquire(0));
    lease->first.release();
    EXPECT_EQ(write(lease->second.fileno(), "x", 1), 1);
    lease.ack();
  }
  EXPECT_TRUE(q.empty());
  char bytes[8];
  EXPECT_EQ(read(ends[0], bytes, sizeof bytes), 3);
  // Nobody has the other end any more.
  EXPECT_EQ(read(ends[0], bytes, sizeof bytes), 0);
  close(ends[0]);
}

TEST_F(LeaseTest, AQueueThatGoesTakesWhatIsLeasedAlong) {
  std::optional<Queue<>> q(std::in_place);
  {
    Lock lock;
    q->put(lock);
    q->put(std::string(100'000, 'x'));
    q->put(std::string(5'000, 'x'));
  }
  std::vector<Lease<Object>> leases;
  for (int i = 0; i < 3; ++i) {
    leases.push_back(q->get_lease());
  }
  q.reset();
  EXPECT_EQ(leases[1]->size(), 100'000u);
  leases.clear();
}

TEST_F(LeaseTest, AForkedChildDoesNotGiveBackItsParents) {
  Queue<int> q;
  q.put(1);
  std::optional<Lease<int>> lease = q.get_lease();
  ForkProcess child([&] { lease.reset(); });
  child.start();
  child.join();
  EXPECT_EQ(child.exitcode(), 0);
  EXPECT_EQ(q.qsize(), 0u);
  lease->ack();
}

TEST_F(LeaseTest, AMessageOfAnotherTypeIsTakenAllTheSame) {
  Queue<> q;
  Queue<int> numbers = Object(q).as<Queue<int>>();
  q.put("no number");
  EXPECT_THROW(numbers.get_lease(), TypeError);
  EXPECT_TRUE(q.empty());
}

TEST_F(LeaseTest, PlacesAndTheEnd) {
  Queue<int> q(1);
  q.put(1);
  EXPECT_TRUE(q.full());
  std::optional<Lease<int>> lease = q.get_lease();
  // It frees its place, and may come back to a full queue.
  q.put_nowait(2);
  lease.reset();
  EXPECT_EQ(q.qsize(), 2u);
  EXPECT_TRUE(q.full());
  EXPECT_EQ(q.get(), 1);
  lease = q.get_lease();
  q.shutdown();
  EXPECT_THROW(q.get_lease(), ShutDown);
  lease.reset();
  EXPECT_EQ(q.get(), 2);
  EXPECT_THROW(q.get(), ShutDown);

  Queue<int> other;
  other.put_many({1, 2});
  lease = other.get_lease();
  std::optional<Lease<int>> second = other.get_lease();
  other.shutdown(true);
  second->ack();
  lease.reset();
  EXPECT_THROW(other.get(), ShutDown);
  other.close();
  EXPECT_THROW(other.get_lease(), ValueError);
}

TEST_F(LeaseTest, TryAndPoll) {
  Queue<int> q;
  EXPECT_THROW(q.get_lease_nowait(), Empty);
  EXPECT_TRUE(absl::IsUnavailable(q.try_get_lease().status()));
  q.put(1);
  Lease<int> lease = *q.try_get_lease();
  EXPECT_EQ(lease.value(), 1);
  lease.ack();
}

TEST_F(LeaseTest, AViewIsWhereTheMessageLies) {
  Queue<std::string> texts;
  for (size_t size : {size_t{0}, size_t{5}, size_t{70'000}, size_t{3'000'000}}) {
    const std::string text(size, 'v');
    texts.put(text);
    texts.put("next");
    MessageView<std::string> view = texts.get_view();
    EXPECT_EQ(*view, text);
    EXPECT_EQ(view.bytes().size(), size);
    EXPECT_EQ(texts.get(), "next");
    EXPECT_EQ(view.value(), text);
    if (size >= 70'000) {
      // In shared memory.
      auto* at = reinterpret_cast<const std::byte*>(view->data());
      const internal::Arena& arena = internal::Family::get().arena();
      EXPECT_TRUE(at >= arena.base() && at < arena.base() + arena.header().size);
    }
  }
  EXPECT_TRUE(texts.empty());

  Queue<std::vector<double>> numbers;
  numbers.put({1.5, 2.5});
  EXPECT_EQ((*numbers.get_view())[1], 2.5);
  Queue<Bytes> bytes;
  bytes.put(Bytes("\x01\x02", 2));
  EXPECT_EQ(bytes.get_view_nowait().bytes()[1], std::byte{2});
  EXPECT_THROW(bytes.get_view(0), Empty);
  EXPECT_TRUE(absl::IsUnavailable(bytes.try_get_view().status()));
}

TEST_F(LeaseTest, AViewIsGoneWithItsProcess) {
  Queue<std::string> q;
  Queue<int> said;
  for (size_t size : {size_t{10}, size_t{200'000}}) {
    q.put(std::string(size, 'v'));
    ForkProcess viewer([q, said] {
      MessageView<std::string> view = q.get_view();
      said.put(1);
      for (;;) {
        pause();
      }
    });
    viewer.start();
    said.get();
    viewer.kill();
    viewer.join();
    EXPECT_EQ(q.qsize(), 0u);
    EXPECT_FALSE(q.try_get().ok());
  }
}

TEST_F(LeaseTest, AViewOfSomethingElseIsATypeError) {
  Queue<> q;
  Queue<std::string> texts = Object(q).as<Queue<std::string>>();
  q.put(5);
  EXPECT_THROW(texts.get_view(), TypeError);
  EXPECT_TRUE(q.empty());
}

}  // namespace
}  // namespace mp

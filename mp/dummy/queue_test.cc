#include "mp/dummy/queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "mp/dummy/test_thread.h"
#include "mp/errors.h"
#include "mp/testing/watchdog.h"

namespace mp::dummy {
namespace {

using namespace std::chrono_literals;
using mp::testing::TestThread;
using mp::testing::Watchdog;

template <class E>
std::string text_of(const std::function<void()>& call) {
  try {
    call();
    return "nothing was thrown";
  } catch (const E& e) {
    return e.what();
  }
}

TEST(DummyQueue, GivesBackWhatWasPutInOrder) {
  Watchdog dog(30s);
  Queue<std::string> q;
  q.put("a");
  q.put(std::string("b"));
  std::string c = "c";
  q.put_nowait(c);
  EXPECT_TRUE(q.try_put("d").ok());
  EXPECT_EQ(q.qsize(), 4u);
  EXPECT_EQ(q.get(), "a");
  EXPECT_EQ(q.get_nowait(), "b");
  EXPECT_EQ(*q.try_get(), "c");
  EXPECT_EQ(q.get(1s), "d");
  EXPECT_TRUE(q.empty());
  EXPECT_EQ(c, "c");
}

TEST(DummyQueue, ErrorsNameTheQueue) {
  Watchdog dog(30s);
  Queue<int> q(2);
  q.put(1);
  q.put(2);
  std::string full = text_of<Full>([&] { q.put(3, 1ms); });
  EXPECT_EQ(full.find("<queue.Queue object at 0x"), 0u) << full;
  EXPECT_NE(full.find("is full: it holds 2 of 2 messages"), std::string::npos) << full;
  q.get();
  q.get();
  EXPECT_NE(text_of<Empty>([&] { q.get(1ms); }).find("is empty"), std::string::npos);
  EXPECT_THROW(q.get_nowait(), Empty);
  EXPECT_TRUE(absl::IsUnavailable(q.try_get().status()));
  Queue<int> same = q;
  q.shutdown();
  EXPECT_NE(text_of<ShutDown>([&] { same.put(1); }).find("was shut down"), std::string::npos);
  EXPECT_TRUE(absl::IsCancelled(same.try_get().status()));
  q.close();
  std::string closed = text_of<ValueError>([&] { q.get(); });
  EXPECT_EQ(closed.find("Queue <queue.Queue object at 0x"), 0u) << closed;
  EXPECT_NE(closed.find("> is closed"), std::string::npos) << closed;
}

TEST(DummyQueue, MovesWhatCannotBeCopied) {
  Watchdog dog(30s);
  Queue<std::unique_ptr<int>> q(1);
  q.put(std::make_unique<int>(7));
  auto left = std::make_unique<int>(8);
  EXPECT_TRUE(absl::IsUnavailable(q.try_put(std::move(left))));
  ASSERT_NE(left, nullptr) << "a refused message stays with the caller";
  EXPECT_EQ(*q.get(), 7);
}

TEST(DummyQueue, CopiesWhatIsNotGivenAway) {
  Watchdog dog(30s);
  Queue<std::shared_ptr<int>> q;
  auto value = std::make_shared<int>(1);
  q.put(value);
  EXPECT_EQ(value.use_count(), 2);
  q.get();
  EXPECT_EQ(value.use_count(), 1);
}

TEST(DummyQueue, TheLastHandleFreesTheMessages) {
  auto value = std::make_shared<int>(1);
  {
    Queue<std::shared_ptr<int>> q;
    Queue<std::shared_ptr<int>> other = q;
    EXPECT_TRUE(q == other);
    EXPECT_FALSE(q == Queue<std::shared_ptr<int>>());
    other.put(value);
  }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(DummyQueue, CloseIsOfOneHandle) {
  Watchdog dog(30s);
  Queue<int> q;
  Queue<int> other = q;
  q.close();
  Queue<int> copy = q;
  EXPECT_THROW(q.put(1), ValueError);
  EXPECT_THROW(q.put_many(std::vector<int>{1}), ValueError);
  EXPECT_THROW(q.get_many(1), ValueError);
  EXPECT_THROW(copy.get(), ValueError);
  EXPECT_FALSE(q.try_put(1).ok());
  EXPECT_FALSE(q.try_get().ok());
  other.put(1);
  EXPECT_EQ(q.qsize(), 1u);
  EXPECT_EQ(other.get(), 1);
}

TEST(DummyQueue, GetGivesUpNotBeforeItsTimeout) {
  Watchdog dog(30s);
  Queue<int> q(1);
  auto start = std::chrono::steady_clock::now();
  EXPECT_THROW(q.get(50ms), Empty);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
  q.put(1);
  start = std::chrono::steady_clock::now();
  EXPECT_THROW(q.put(2, 50ms), Full);
  EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
  start = std::chrono::steady_clock::now();
  EXPECT_EQ(q.get_many(5, 50ms), std::vector<int>{1});
  EXPECT_TRUE(q.get_many(5, 50ms).empty());
  EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
}

TEST(DummyQueue, PutWakesAGetter) {
  Watchdog dog(30s);
  Queue<int> q;
  TestThread getter([q] { EXPECT_EQ(q.get(), 5); });
  ASSERT_TRUE(getter.await_asleep());
  q.put(5);
}

TEST(DummyQueue, GetWakesAPutter) {
  Watchdog dog(30s);
  Queue<int> q(1);
  q.put(1);
  TestThread putter([q] { q.put(2); });
  ASSERT_TRUE(putter.await_asleep());
  EXPECT_TRUE(q.full());
  EXPECT_EQ(q.get(), 1);
  EXPECT_EQ(q.get(), 2);
}

TEST(DummyQueue, PutManyWakesAsManyAsItPuts) {
  Watchdog dog(30s);
  Queue<int> q;
  std::atomic<int> sum{0};
  std::vector<std::unique_ptr<TestThread>> getters;
  for (int i = 0; i < 4; ++i) {
    getters.push_back(std::make_unique<TestThread>([q, &sum] { sum += q.get(); }));
  }
  for (auto& getter : getters) {
    ASSERT_TRUE(getter->await_asleep());
  }
  q.put_many(std::vector<int>{1, 2, 4, 8});
  getters.clear();
  EXPECT_EQ(sum, 15);
}

TEST(DummyQueue, PutManyWaitsForRoom) {
  Watchdog dog(30s);
  Queue<int> q(3);
  std::vector<int> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back(i);
  }
  TestThread putter([q, all] { q.put_many(all); });
  ASSERT_TRUE(putter.await_asleep());
  EXPECT_EQ(q.qsize(), 3u);
  std::vector<int> got;
  while (got.size() < all.size()) {
    for (int i : q.get_many(2)) {
      got.push_back(i);
    }
  }
  EXPECT_EQ(got, all);
  q.put_many(std::vector<int>());
  EXPECT_TRUE(q.empty());
}

TEST(DummyQueue, PutManyThatTimesOutLeavesWhatFitted) {
  Watchdog dog(30s);
  Queue<int> q(3);
  EXPECT_THROW(q.put_many(std::vector<int>{1, 2, 3, 4, 5}, 1ms), Full);
  EXPECT_EQ(q.get_many(10), (std::vector<int>{1, 2, 3}));
}

TEST(DummyQueue, GetManyTakesWhatIsThere) {
  Watchdog dog(30s);
  Queue<int> q;
  for (int i = 0; i < 5; ++i) {
    q.put(i);
  }
  EXPECT_TRUE(q.get_many(0).empty());
  EXPECT_EQ(q.get_many(2), (std::vector<int>{0, 1}));
  EXPECT_EQ(q.get_many(100), (std::vector<int>{2, 3, 4}));
  Queue<bool> bits;
  bits.put_many(std::vector<bool>{true, false});
  EXPECT_EQ(bits.get_many(2), (std::vector<bool>{true, false}));
}

TEST(DummyQueue, IterationEndsAtShutdown) {
  Watchdog dog(30s);
  Queue<int> q;
  TestThread producer([q] {
    for (int i = 1; i <= 100; ++i) {
      q.put(i);
    }
    q.shutdown();
  });
  int sum = 0;
  for (int i : q) {
    sum += i;
  }
  EXPECT_EQ(sum, 5050);
}

TEST(DummyQueue, ShutdownWakesWhoWaits) {
  Watchdog dog(30s);
  Queue<int> empty;
  Queue<int> full(1);
  full.put(1);
  TestThread getter([empty] { EXPECT_THROW(empty.get(), ShutDown); });
  TestThread batch([empty] { EXPECT_THROW(empty.get_many(3), ShutDown); });
  TestThread putter([full] { EXPECT_THROW(full.put(2), ShutDown); });
  ASSERT_TRUE(getter.await_asleep());
  ASSERT_TRUE(batch.await_asleep());
  ASSERT_TRUE(putter.await_asleep());
  empty.shutdown();
  full.shutdown();
  EXPECT_EQ(full.get(), 1) << "what was put is still there";
  EXPECT_THROW(full.get(), ShutDown);
}

TEST(DummyQueue, ImmediateShutdownLeavesNothingToGet) {
  Watchdog dog(30s);
  Queue<int> q;
  q.put(1);
  q.shutdown(true);
  EXPECT_THROW(q.get(), ShutDown);
  EXPECT_THROW(q.get_many(1), ShutDown);
  EXPECT_THROW(q.put(1), ShutDown);
}

// Throws when it is copied for the third time.
struct Moody {
  explicit Moody(int* copies) : copies(copies) {}
  Moody(const Moody& other) : copies(other.copies) {
    if (++*copies == 3) {
      throw std::runtime_error("no");
    }
  }
  Moody(Moody&&) noexcept = default;
  int* copies;
};

TEST(DummyQueue, ACopyThatThrowsLeavesTheQueueUsable) {
  Watchdog dog(30s);
  int copies = 0;
  Moody value(&copies);
  Queue<Moody> q;
  q.put(value);
  q.put(value);
  EXPECT_THROW(q.put(value), std::runtime_error);
  EXPECT_EQ(q.qsize(), 2u);
  q.put(value);
  EXPECT_EQ(q.get_many(9).size(), 3u);
}

TEST(DummyQueue, LosesAndDoublesNothing) {
  Watchdog dog(120s);
  constexpr int kProducers = 3;
  constexpr int kConsumers = 3;
  constexpr int kEach = 6000;
  for (int64_t maxsize : {0, 1, 5}) {
    Queue<int> q(maxsize);
    std::vector<std::atomic<int>> seen(kProducers * kEach);
    std::vector<std::thread> threads;
    for (int c = 0; c < kConsumers; ++c) {
      threads.emplace_back([q, c, &seen] {
        std::vector<int> last(kProducers, -1);
        auto take = [&](int i) {
          ++seen[static_cast<size_t>(i)];
          EXPECT_GT(i % kEach, last[static_cast<size_t>(i / kEach)]) << "out of order";
          last[static_cast<size_t>(i / kEach)] = i % kEach;
        };
        try {
          for (int turn = 0;; ++turn) {
            if (c == 0) {
              for (int i : q.get_many(7, 20us)) {
                take(i);
              }
            } else if (c == 1 && turn % 4 == 0) {
              if (absl::StatusOr<int> i = q.try_get(10us); i.ok()) {
                take(*i);
              }
            } else {
              take(q.get());
            }
          }
        } catch (const ShutDown&) {
        }
      });
    }
    std::vector<std::thread> producers;
    for (int p = 0; p < kProducers; ++p) {
      producers.emplace_back([q, p] {
        std::vector<int> part;
        for (int i = 0; i < kEach; ++i) {
          if (p == 0) {
            part.push_back(p * kEach + i);
            if (part.size() == 100 || i + 1 == kEach) {
              q.put_many(part);
              part.clear();
            }
          } else {
            while (!q.try_put(p * kEach + i, p == 1 ? Timeout(10us) : kForever).ok()) {
            }
          }
        }
      });
    }
    for (std::thread& t : producers) {
      t.join();
    }
    q.shutdown();
    for (std::thread& t : threads) {
      t.join();
    }
    for (size_t i = 0; i < seen.size(); ++i) {
      ASSERT_EQ(seen[i], 1) << "message " << i << ", maxsize " << maxsize;
    }
  }
}

}  // namespace
}  // namespace mp::dummy

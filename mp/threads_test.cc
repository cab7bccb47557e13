// The primitives between the threads of one process, which all share the very same objects: to the words in shared memory
// a thread is what a process is. What the primitives guard and hand over here is plain memory, so that under
// ThreadSanitizer each memory order of the protocols is put to the test: one too weak is a data race below.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/condition.h"
#include "mp/connection.h"
#include "mp/errors.h"
#include "mp/internal/shm/family.h"
#include "mp/lock.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/rlock.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;
using testing::Watchdog;

constexpr int kThreads = 4;

// Nobody dies here, so no wait may need a slice: one that is lost hangs, and is seen.
class OnOneProcess : public ::testing::Test {
 protected:
  void SetUp() override {
    internal::Family::get().arena().header().slice_ns.store(3'600'000'000'000,
                                                            std::memory_order_relaxed);
  }

 private:
  Watchdog dog_{minutes(2)};
};
class LockOnThreads : public OnOneProcess {};
class RLockOnThreads : public OnOneProcess {};
class ConditionOnThreads : public OnOneProcess {};
class QueueOnThreads : public OnOneProcess {};
class ConnectionOnThreads : public OnOneProcess {};
class HandlesOnThreads : public OnOneProcess {};

// Runs body(0), body(1), ... at once, and waits for all.
template <class Body>
void on_threads(int count, Body body) {
  std::barrier start(count);
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&start, &body, i] {
      start.arrive_and_wait();
      body(i);
    });
  }
  for (std::thread& t : threads) {
    t.join();
  }
}

// Plain memory that has one owner at a time.
struct Guarded {
  int64_t entries = 0;
  int inside = 0;

  void enter() {
    EXPECT_EQ(++inside, 1);
    ++entries;
    EXPECT_EQ(--inside, 0);
  }
};

// -- Lock, RLock ------------------------------------------------------------------------------------------------------

TEST_F(LockOnThreads, GuardsPlainMemory) {
  constexpr int kRounds = 5000;
  Lock lock;
  Guarded guarded;
  on_threads(kThreads, [&](int) {
    for (int i = 0; i < kRounds; ++i) {
      std::scoped_lock hold(lock);
      guarded.enter();
    }
  });
  EXPECT_EQ(guarded.entries, kThreads * kRounds);
}

TEST_F(LockOnThreads, EveryWayToTakeItGuards) {
  constexpr int kRounds = 3000;
  Lock lock;
  Guarded guarded;
  std::atomic<int64_t> taken{0};
  on_threads(kThreads, [&](int thread) {
    int64_t mine = 0;
    for (int i = 0; i < kRounds; ++i) {
      bool got = (thread + i) % 3 == 0   ? lock.acquire(0)
                 : (thread + i) % 3 == 1 ? lock.acquire(microseconds(20))
                                         : lock.acquire();
      if (got) {
        guarded.enter();
        ++mine;
        lock.release();
      }
    }
    taken += mine;
  });
  EXPECT_EQ(guarded.entries, taken.load());
  EXPECT_FALSE(lock.locked());
}

TEST_F(LockOnThreads, SleepersAreWokenOneAfterTheOther) {
  constexpr int kRounds = 30;
  Guarded guarded;
  for (int round = 0; round < kRounds; ++round) {
    Lock lock;
    lock.acquire();
    on_threads(kThreads + 1, [&](int thread) {
      if (thread == kThreads) {
        std::this_thread::yield();
        lock.release();
        return;
      }
      std::scoped_lock hold(lock);
      guarded.enter();
    });
  }
  EXPECT_EQ(guarded.entries, kThreads * kRounds);
}

TEST_F(RLockOnThreads, GuardsPlainMemoryAtEveryDepth) {
  constexpr int kRounds = 3000;
  RLock lock;
  Guarded guarded;
  on_threads(kThreads, [&](int thread) {
    for (int i = 0; i < kRounds; ++i) {
      std::scoped_lock outer(lock);
      guarded.enter();
      if ((thread + i) % 2 == 0) {
        std::scoped_lock inner(lock);
        guarded.enter();
      }
    }
  });
  EXPECT_EQ(guarded.entries, kThreads * kRounds * 3 / 2);
}

TEST_F(RLockOnThreads, AnotherThreadsLockIsNotMine) {
  constexpr int kRounds = 2000;
  RLock lock;
  on_threads(kThreads, [&](int) {
    for (int i = 0; i < kRounds; ++i) {
      if (!lock.acquire(0)) {
        EXPECT_THROW(lock.release(), AssertionError);
      } else {
        lock.release();
      }
    }
  });
}

// -- Condition --------------------------------------------------------------------------------------------------------

// A bounded queue that only the condition makes safe.
template <class L>
void hand_over_through(const L& lock, bool with_timeouts) {
  constexpr int kMessages = 2000;
  constexpr size_t kRoom = 3;
  Condition room(lock);
  Condition items(lock);
  std::deque<int> queue;
  std::array<int64_t, kThreads> sums{};
  on_threads(2 * kThreads, [&](int thread) {
    if (thread < kThreads) {
      for (int i = 1; i <= kMessages; ++i) {
        std::scoped_lock hold(lock);
        while (queue.size() >= kRoom) {
          with_timeouts ? room.wait(microseconds(50)) : room.wait();
        }
        queue.push_back(i);
        items.notify();
      }
      return;
    }
    for (int i = 1; i <= kMessages; ++i) {
      std::scoped_lock hold(lock);
      if (with_timeouts) {
        while (!items.wait_for([&] { return !queue.empty(); }, microseconds(50))) {
        }
      } else {
        items.wait_for([&] { return !queue.empty(); });
      }
      sums[static_cast<size_t>(thread - kThreads)] += queue.front();
      queue.pop_front();
      room.notify();
    }
  });
  EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), int64_t{0}),
            int64_t{kThreads} * kMessages * (kMessages + 1) / 2);
  EXPECT_TRUE(queue.empty());
}

TEST_F(ConditionOnThreads, HandsOverOverALock) { hand_over_through(Lock(), false); }
TEST_F(ConditionOnThreads, HandsOverOverAnRLock) { hand_over_through(RLock(), false); }
TEST_F(ConditionOnThreads, ATimeoutLosesNoNotification) { hand_over_through(Lock(), true); }

TEST_F(ConditionOnThreads, NotifyAllWakesMoreWaitersThanOnePageHolds) {
  constexpr int kWaiters = 20;
  constexpr int kRounds = 20;
  Condition condition;
  int round = 0;  // guarded by the condition, as is all else here
  int arrived = 0;
  on_threads(kWaiters, [&](int) {
    for (int i = 0; i < kRounds; ++i) {
      std::scoped_lock hold(condition);
      int mine = round;
      if (++arrived == kWaiters) {
        arrived = 0;
        ++round;
        condition.notify_all();
      } else {
        condition.wait_for([&] { return round != mine; });
      }
    }
  });
  EXPECT_EQ(round, kRounds);
}

// -- Queue ------------------------------------------------------------------------------------------------------------

// A message is the address of plain memory that the putter wrote and the getter reads.
struct Parcel {
  int putter;
  int number;
  std::string text;
};
uint64_t pack(int putter, int number) {
  return reinterpret_cast<uint64_t>(
      new Parcel{putter, number, std::string(static_cast<size_t>(number % 50), 'x')});
}
std::unique_ptr<Parcel> unpack(uint64_t message) {
  return std::unique_ptr<Parcel>(reinterpret_cast<Parcel*>(message));
}

// What one getter saw: each putter's numbers rise.
struct Ledger {
  std::array<int, kThreads> last{};
  int64_t count = 0;
  int64_t sum = 0;

  void enter(uint64_t message) {
    std::unique_ptr<Parcel> parcel = unpack(message);
    int& before = last[static_cast<size_t>(parcel->putter)];
    EXPECT_LT(before, parcel->number);
    EXPECT_EQ(parcel->text.size(), static_cast<size_t>(parcel->number % 50));
    before = parcel->number;
    ++count;
    sum += parcel->number;
  }
};

// put(queue, thread, first, last) puts the thread's messages first..last; get(queue, ledger) takes some.
template <class Put, class Get>
void pass_parcels(int64_t maxsize, Put put, Get get) {
  constexpr int kMessages = 3000;
  constexpr int kStep = 10;
  Queue<uint64_t> queue(maxsize);
  std::atomic<int> putters{kThreads};
  std::array<Ledger, kThreads> ledgers;
  on_threads(2 * kThreads, [&](int thread) {
    if (thread < kThreads) {
      for (int i = 1; i <= kMessages; i += kStep) {
        put(queue, thread, i, i + kStep - 1);
      }
      if (putters.fetch_sub(1) == 1) {
        queue.shutdown();
      }
      return;
    }
    try {
      for (;;) {
        get(queue, ledgers[static_cast<size_t>(thread - kThreads)]);
      }
    } catch (const ShutDown&) {
    }
  });
  int64_t count = 0;
  int64_t sum = 0;
  for (const Ledger& ledger : ledgers) {
    count += ledger.count;
    sum += ledger.sum;
  }
  EXPECT_EQ(count, int64_t{kThreads} * kMessages);
  EXPECT_EQ(sum, int64_t{kThreads} * kMessages * (kMessages + 1) / 2);
  EXPECT_TRUE(queue.empty());
}

void put_one_by_one(const Queue<uint64_t>& queue, int thread, int first, int last) {
  for (int i = first; i <= last; ++i) {
    queue.put(pack(thread, i));
  }
}
void put_at_once(const Queue<uint64_t>& queue, int thread, int first, int last) {
  std::vector<uint64_t> messages;
  for (int i = first; i <= last; ++i) {
    messages.push_back(pack(thread, i));
  }
  queue.put_many(messages);
}

TEST_F(QueueOnThreads, HandsOverPlainMemory) {
  pass_parcels(0, put_one_by_one,
               [](const Queue<uint64_t>& queue, Ledger& ledger) { ledger.enter(queue.get()); });
}

TEST_F(QueueOnThreads, HandsOverPlainMemoryWhenBounded) {
  pass_parcels(2, put_one_by_one,
               [](const Queue<uint64_t>& queue, Ledger& ledger) { ledger.enter(queue.get()); });
}

TEST_F(QueueOnThreads, HandsOverPlainMemoryInBatches) {
  auto get = [](const Queue<uint64_t>& queue, Ledger& ledger) {
    for (uint64_t message : queue.get_many(7)) {
      ledger.enter(message);
    }
  };
  pass_parcels(0, put_at_once, get);
  pass_parcels(16, put_at_once, get);
}

TEST_F(QueueOnThreads, ATimeoutLosesNoMessage) {
  auto put = [](const Queue<uint64_t>& queue, int thread, int first, int last) {
    for (int i = first; i <= last; ++i) {
      uint64_t message = pack(thread, i);
      while (!queue.try_put(message, microseconds(1 + i % 3 * 10)).ok()) {
      }
    }
  };
  auto get = [](const Queue<uint64_t>& queue, Ledger& ledger) {
    absl::StatusOr<uint64_t> message = queue.try_get(microseconds(1 + ledger.count % 3 * 10));
    if (message.ok()) {
      ledger.enter(*message);
    } else if (absl::IsCancelled(message.status())) {
      throw ShutDown("");
    }
  };
  pass_parcels(2, put, get);
}

// Messages of all sizes: in the middle of a segment, across two, in one of their own.
TEST_F(QueueOnThreads, MessagesOfEverySizeArriveWhole) {
  constexpr int kMessages = 200;
  Queue<std::string> queue;
  std::array<int, kThreads> got{};
  on_threads(2 * kThreads, [&](int thread) {
    for (int i = 1; i <= kMessages; ++i) {
      if (thread < kThreads) {
        size_t size = i % 20 == 0 ? size_t{1500} << 10 : static_cast<size_t>(i * i);
        queue.put(std::string(size, static_cast<char>('a' + i % 26)));
      } else {
        std::string text = queue.get();
        EXPECT_EQ(text.find_first_not_of(text.front()), std::string::npos);
        ++got[static_cast<size_t>(thread - kThreads)];
      }
    }
  });
  EXPECT_EQ(std::accumulate(got.begin(), got.end(), 0), kThreads * kMessages);
}

TEST_F(QueueOnThreads, ShutdownEndsEveryWait) {
  constexpr int kRounds = 30;
  for (int round = 0; round < kRounds; ++round) {
    Queue<int> empty;
    Queue<int> full(1);
    full.put(1);
    on_threads(2 * kThreads + 1, [&](int thread) {
      if (thread == 2 * kThreads) {
        std::this_thread::yield();
        empty.shutdown();
        full.shutdown();
      } else if (thread < kThreads) {
        EXPECT_THROW(empty.get(), ShutDown);
      } else {
        EXPECT_THROW(full.put(2), ShutDown);
      }
    });
  }
}

constexpr int kRounds = 20;
constexpr size_t kMessages = 300;

std::vector<std::string> get_all(Queue<std::string>& queue) {
  std::vector<std::string> all;
  while (all.size() < kMessages) {
    for (std::string& message : queue.get_many(kMessages - all.size())) {
      all.push_back(std::move(message));
    }
  }
  return all;
}

void answer(Queue<std::string> in, Queue<std::string> out) {
  for (int round = 0; round < kRounds; ++round) {
    get_all(in);
    out.put_many(std::vector<std::string>(kMessages, std::string(777, 'y')));
  }
}

// What a thread wrote, another process has read and freed, and uses for what another thread here reads: nothing else orders the
// two threads.
TEST_F(QueueOnThreads, MemoryThatComesBackByWayOfAnotherProcessIsInOrder) {
  Queue<std::string> in, out;
  Process other(answer, in, out);
  other.start();
  std::barrier round_begins(2);
  std::thread reader([&] {
    for (int round = 0; round < kRounds; ++round) {
      round_begins.arrive_and_wait();
      for (const std::string& message : get_all(out)) {
        EXPECT_EQ(message, std::string(777, 'y'));
      }
    }
  });
  const std::vector<std::string> messages(kMessages, std::string(2000, 'x'));
  for (int round = 0; round < kRounds; ++round) {
    round_begins.arrive_and_wait();
    in.put_many(messages);
  }
  reader.join();
  other.join();
  EXPECT_EQ(other.exitcode(), 0);
}

// -- Connection -------------------------------------------------------------------------------------------------------

TEST_F(ConnectionOnThreads, HandsOverPlainMemoryBothWays) {
  constexpr int kMessages = 2000;
  auto [a, b] = Pipe();
  std::array<std::array<Ledger, 2>, 2> ledgers;
  // Two threads at each end send, and two receive.
  on_threads(8, [&, &a = a, &b = b](int thread) {
    const Connection& end = thread % 2 == 0 ? a : b;
    int role = thread / 2;
    for (int i = 1; i <= kMessages; ++i) {
      if (role < 2) {
        end.send(pack(role, i));
      } else {
        ledgers[static_cast<size_t>(thread % 2)][static_cast<size_t>(role - 2)].enter(
            end.recv<uint64_t>());
      }
    }
  });
  for (auto& end : ledgers) {
    EXPECT_EQ(end[0].sum + end[1].sum, int64_t{2} * kMessages * (kMessages + 1) / 2);
  }
}

TEST_F(ConnectionOnThreads, BytesPassWithTheirReceiverBehind) {
  constexpr int kMessages = 300;
  auto [reader, writer] = Pipe(false);
  on_threads(2, [&, &reader = reader, &writer = writer](int thread) {
    for (int i = 1; i <= kMessages; ++i) {
      size_t size = static_cast<size_t>(i) * 1000;
      if (thread == 0) {
        writer.send_bytes(std::string(size, static_cast<char>(i)));
      } else {
        ASSERT_TRUE(reader.poll(kForever));
        EXPECT_EQ(reader.recv_bytes().size(), size);
      }
    }
  });
}

TEST_F(ConnectionOnThreads, AnEndThatClosesEndsTheOthersWait) {
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    auto [a, b] = Pipe();
    on_threads(2, [&, &a = a, &b = b](int thread) {
      if (thread == 0) {
        a.close();
      } else {
        EXPECT_THROW(b.recv<int>(), EOFError);
      }
    });
  }
}

// -- Handles and the arena --------------------------------------------------------------------------------------------

// Objects whose only name is a message: they live until the last handle goes, and no longer.
TEST_F(HandlesOnThreads, ObjectsLiveInMessages) {
  constexpr int kMessages = 300;
  Queue<Queue<int>> mail;
  on_threads(kThreads, [&](int thread) {
    for (int i = 0; i < kMessages; ++i) {
      {
        Queue<int> inner;
        inner.put(thread * kMessages + i);
        mail.put(inner);
      }
      Queue<int> received = mail.get();
      EXPECT_EQ(received.qsize(), 1u);
      received.get();
    }
  });
  EXPECT_TRUE(mail.empty());
}

TEST_F(HandlesOnThreads, CopiesComeAndGo) {
  constexpr int kRounds = 500;
  Lock shared;
  Guarded guarded;
  on_threads(kThreads, [&](int) {
    for (int i = 0; i < kRounds; ++i) {
      Lock copy = shared;
      Condition own(copy);
      std::vector<Lock> more(3, copy);
      std::scoped_lock hold(more[1]);
      guarded.enter();
      own.notify();
    }
  });
  EXPECT_EQ(guarded.entries, kThreads * kRounds);
}

TEST_F(HandlesOnThreads, ObjectsAreMadeAndFreedByAllAtOnce) {
  constexpr int kRounds = 200;
  on_threads(kThreads, [&](int thread) {
    std::vector<Queue<std::string>> kept;
    for (int i = 0; i < kRounds; ++i) {
      Queue<std::string> q;
      q.put(std::string(static_cast<size_t>(1) << (i % 18), static_cast<char>('a' + thread)));
      kept.push_back(q);
      if (kept.size() > 10) {
        EXPECT_EQ(kept.front().get().front(), static_cast<char>('a' + thread));
        kept.erase(kept.begin());
      }
    }
  });
}

}  // namespace
}  // namespace mp

// What callbacks of pools may do: end the pool, wait for what has callbacks itself. One at a time, in one thread.

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/internal/pool/planted_pool.h"
#include "mp/pool.h"
#include "mp/pool_errors.h"
#include "mp/process.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"
#include "mp/thread_pool.h"

namespace mp::testing {
namespace {

template <class P>
class PoolCallback : public Fixture {
 private:
  Watchdog dog_{internal::patience(std::chrono::seconds(60))};
};
using Pools = ::testing::Types<Pool, ThreadPool>;
TYPED_TEST_SUITE(PoolCallback, Pools);

class ThreadPoolCallback : public Fixture {
 private:
  Watchdog dog_{internal::patience(std::chrono::seconds(60))};
};

int square(int x) { return x * x; }

size_t threads() {
  return static_cast<size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/task"), {}));
}

TYPED_TEST(PoolCallback, MayTerminateThePool) {
  TypeParam pool(2);
  Event called;
  pool.apply_async({.callback =
                        [&](int) {
                          pool.terminate();
                          called.set();
                        }},
                   square, 2);
  called.wait();
  EXPECT_TRUE(pool.join());
}

TYPED_TEST(PoolCallback, MayNotJoinThePool) {
  TypeParam pool(1);
  std::string found;
  Event called;
  pool.apply_async({.callback =
                        [&](int) {
                          pool.close();
                          try {
                            pool.join();
                          } catch (const RuntimeError& e) {
                            found = e.what();
                          }
                          called.set();
                        }},
                   square, 2);
  called.wait();
  EXPECT_EQ(found, "cannot join current thread");
  EXPECT_TRUE(pool.join());
}

TYPED_TEST(PoolCallback, MayDestroyThePool) {
  const size_t before = threads();
  auto pool = std::make_unique<TypeParam>(2);
  Event called;
  {
    // The callback may destroy what it is given only once this is over.
    Event go;
    auto r = pool->apply_async({.callback =
                                    [&](int) {
                                      go.wait();
                                      pool.reset();
                                      called.set();
                                    }},
                               square, 2);
    go.set();
    EXPECT_EQ(r.get(), 4);
  }
  called.wait();
  // Its threads end by themselves.
  while (!active_children().empty() || threads() > before) {
    std::this_thread::yield();
  }
}

TYPED_TEST(PoolCallback, MayWaitForWhatHasACallback) {
  TypeParam pool(1);
  Event outer;
  int inner = 0;
  pool.apply_async({.callback =
                        [&](int x) {
                          auto r = pool.apply_async(
                              {.callback = [&](int y) { inner = pool.apply(square, y); }}, square,
                              x);
                          EXPECT_EQ(r.get(), 16);
                          outer.set();
                        }},
                   square, 2);
  outer.wait();
  EXPECT_EQ(inner, 256);
}

TYPED_TEST(PoolCallback, ManyMayWaitAtOnce) {
  TypeParam pool(2);
  constexpr int kTasks = 20'000;
  std::atomic<int> sum = 0;
  std::vector<AsyncResult<int>> all;
  for (int i = 0; i < kTasks; ++i) {
    // Each waits for what is done after all others.
    all.push_back(
        pool.apply_async({.callback = [&](int x) { sum += pool.apply(square, x); }}, square, 1));
  }
  for (const AsyncResult<int>& r : all) {
    EXPECT_EQ(r.get(), 1);
  }
  EXPECT_EQ(sum, kTasks);
}

// A callback in a callback ... each waits for the next one's.
template <class P>
void deeper(P& pool, int levels, std::atomic<int>& reached) {
  if (levels != 0) {
    auto r = pool.apply_async({.callback = [&, levels](int) { deeper(pool, levels - 1, reached); }},
                              square, levels);
    r.get();
  }
  ++reached;
}

TYPED_TEST(PoolCallback, MayWaitForCallbacksThatWaitForCallbacks) {
  TypeParam pool(1);
  std::atomic<int> reached = 0;
  deeper(pool, 300, reached);
  EXPECT_EQ(reached, 301);
}

TEST_F(ThreadPoolCallback, ProgressIsToldInOneThreadAndNotAfterTheEnd) {
  constexpr int kThreads = 4;
  ThreadPool pool(kThreads);
  std::barrier together(kThreads);
  std::mutex mutex;
  std::set<std::thread::id> tellers;
  std::vector<uint64_t> told;
  auto r = pool.map_async(
      {.chunksize = 1,
       .progress =
           [&](uint64_t n, uint64_t) {
             std::lock_guard hold(mutex);
             tellers.insert(std::this_thread::get_id());
             told.push_back(n);
           }},
      [&](int x) {
        together.arrive_and_wait();  // each thread does one
        return x;
      },
      std::vector<int>(kThreads, 1));
  EXPECT_EQ(r.get().size(), size_t{kThreads});
  const std::vector<uint64_t> at_the_end = told;
  pool.close();
  EXPECT_TRUE(pool.join());
  EXPECT_EQ(tellers.size(), 1u);
  EXPECT_EQ(told, at_the_end);
  EXPECT_EQ(told.back(), uint64_t{kThreads});
}

TEST_F(ThreadPoolCallback, ACallThatRunsCanBeCancelled) {
  ThreadPool pool(2);
  Event begun, go;
  auto wait = [&](int x) {
    begun.set();
    go.wait();
    return x;
  };
  auto one = pool.apply_async(wait, 1);
  begun.wait();
  begun.clear();
  auto many = pool.map_async(wait, std::vector{1, 2, 3}, 1);
  begun.wait();
  one.cancel();
  many.cancel();
  EXPECT_THROW(one.get(), CancelledError);
  EXPECT_THROW(many.get(), CancelledError);
  go.set();
  EXPECT_EQ(pool.apply(square, 3), 9);
}

// Threads of so large a stack cannot be made.
class NoThreads {
 public:
  NoThreads() {
    pthread_attr_t attributes;
    EXPECT_EQ(pthread_getattr_default_np(&before_), 0);
    EXPECT_EQ(pthread_getattr_default_np(&attributes), 0);
    EXPECT_EQ(pthread_attr_setstacksize(&attributes, size_t{1} << 46), 0);
    EXPECT_EQ(pthread_setattr_default_np(&attributes), 0);
    pthread_attr_destroy(&attributes);
  }
  ~NoThreads() {
    EXPECT_EQ(pthread_setattr_default_np(&before_), 0);
    pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_;
};

TEST_F(ThreadPoolCallback, AThreadThatCannotBeReplacedStays) {
  ThreadPool pool({.processes = 1, .maxtasksperchild = 1});
  Event begun, go;
  auto self = [] { return std::hash<std::thread::id>()(std::this_thread::get_id()); };
  auto first = pool.apply_async([&] {
    begun.set();
    go.wait();
    return self();
  });
  begun.wait();
  auto second = pool.apply_async(self);
  {
    NoThreads none;
    go.set();
    EXPECT_EQ(first.get(), second.get());
  }
  EXPECT_EQ(pool.apply(square, 3), 9);
}

}  // namespace
}  // namespace mp::testing

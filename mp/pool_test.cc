#include "mp/pool.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "mp/context.h"
#include "mp/errors.h"
#include "mp/event.h"
#include "mp/fd.h"
#include "mp/internal/pool/planted_pool.h"
#include "mp/logging.h"
#include "mp/pool_errors.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/watchdog.h"
#include "mp/thread_pool.h"

namespace mp::testing {
namespace {

class PoolTest : public Fixture {
 private:
  Watchdog dog_{internal::patience(std::chrono::minutes(1))};
};

int square(int x) { return x * x; }
std::string shout(const std::string& s) { return s + "!"; }
int pid_after_death(int) {
  ::raise(SIGKILL);
  return 0;
}

TEST_F(PoolTest, Applies) {
  Pool pool(2);
  EXPECT_EQ(pool.apply(square, 7), 49);
  EXPECT_EQ(pool.apply(shout, "hey"), "hey!");
  EXPECT_EQ(repr(pool), "<multiprocessing.pool.Pool state=RUN pool_size=2>");
}

struct Numbered {
  int number;
  Fd fd;
};
// The end of a pipe from which `text` can be read.
Fd readable(const std::string& text) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  EXPECT_EQ(::write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(ends[1]);
  return Fd(ends[0]);
}
Numbered numbered(int n) { return {n, readable(std::to_string(n))}; }
std::string read_all(const Fd& fd) {
  char text[100];
  const ssize_t n = ::read(fd.get(), text, sizeof text);
  return std::string(text, static_cast<size_t>(std::max<ssize_t>(n, 0)));
}

TEST_F(PoolTest, FileDescriptorsAreResults) {
  Pool pool(2);
  EXPECT_EQ(read_all(pool.apply(readable, "one")), "one");
  const Numbered two = pool.apply_async(numbered, 2).get();
  EXPECT_EQ(two.number, 2);
  EXPECT_EQ(read_all(two.fd), "2");
  int n = 0;
  auto results = pool.imap(numbered, {0, 1, 2});
  while (std::optional<Numbered> one = results.next()) {
    EXPECT_EQ(read_all(one->fd), std::to_string(n++));
  }
  EXPECT_EQ(n, 3);
}

TEST_F(PoolTest, WhatCannotBeCopiedIsTakenOutOfItsResult) {
  Pool pool(2);
  auto one = pool.apply_async(readable, "one");
  EXPECT_EQ(read_all(std::move(one).get()), "one");
  auto two = pool.map_async(numbered, {0, 1});
  std::vector<Numbered> all = std::move(two).get();
  for (Numbered& n : pool.map(numbered, {2, 3})) {
    all.push_back(std::move(n));
  }
  ASSERT_EQ(all.size(), 4u);
  for (int i = 0; i < 4; ++i) {
    const Numbered& n = all[static_cast<size_t>(i)];
    EXPECT_EQ(n.number, i);
    EXPECT_EQ(read_all(n.fd), std::to_string(i));
  }
}

// Nothing is encoded, so it need not be possible.
TEST_F(PoolTest, ThreadsReturnWhatCannotCross) {
  ThreadPool pool(2);
  auto keep = [](int x) { return std::make_unique<int>(x); };
  EXPECT_EQ(*pool.apply(keep, 1), 1);
  auto two = pool.map_async(keep, {2, 3});
  std::vector<std::unique_ptr<int>> all = std::move(two).get();
  for (std::unique_ptr<int>& x : pool.map(keep, {4, 5})) {
    all.push_back(std::move(x));
  }
  auto later = pool.imap(keep, {6, 7});
  while (std::optional<std::unique_ptr<int>> x = later.next()) {
    all.push_back(*std::move(x));
  }
  ASSERT_EQ(all.size(), 6u);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(*all[static_cast<size_t>(i)], i + 2);
  }
  int here = 0;
  EXPECT_EQ(pool.apply([&] { return &here; }), &here);
  const auto shared = std::make_shared<int>(7);
  EXPECT_EQ(pool.apply_async([&] { return shared; }).get(), shared);
}

TEST_F(PoolTest, Maps) {
  Pool pool(2);
  std::vector<int> in(1000);
  std::iota(in.begin(), in.end(), 0);
  std::vector<int> out = pool.map(square, in);
  ASSERT_EQ(out.size(), 1000u);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(out[static_cast<size_t>(i)], i * i);
  }
  EXPECT_EQ(pool.map(shout, std::vector<const char*>{"a", "b"}),
            (std::vector<std::string>{"a!", "b!"}));
  int n = 0;
  for (int s : pool.imap(square, in)) {
    EXPECT_EQ(s, n * n);
    ++n;
  }
  EXPECT_EQ(n, 1000);
}

TEST_F(PoolTest, ReportsTheDead) {
  Pool pool(2);
  try {
    pool.apply(pid_after_death, 1);
    FAIL();
  } catch (const WorkerDied& e) {
    EXPECT_EQ(e.signal(), SIGKILL);
    EXPECT_EQ(e.attempt(), 1);
  }
  EXPECT_EQ(pool.apply(square, 7), 49);
}

TEST_F(PoolTest, Closes) {
  Pool pool(2);
  auto r = pool.apply_async(square, 3);
  pool.close();
  EXPECT_TRUE(pool.join());
  EXPECT_EQ(r.get(), 9);
}

TEST_F(PoolTest, Threads) {
  ThreadPool pool(2);
  int base = 5;
  EXPECT_EQ(pool.apply([&](int x) { return x + base; }, 1), 6);
  EXPECT_EQ(pool.map(square, std::vector<int>{1, 2, 3}), (std::vector<int>{1, 4, 9}));
}

TEST_F(PoolTest, TellsHowFarAMapIs) {
  Pool pool(2);
  std::vector<uint64_t> seen;
  auto r = pool.map_async({.chunksize = 1,
                           .progress =
                               [&](uint64_t n, uint64_t of) {
                                 EXPECT_EQ(of, 10u);
                                 seen.push_back(n);
                               }},
                          square, std::vector<int>(10, 3));
  EXPECT_EQ(r.get(), std::vector<int>(10, 9));
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), 10u);
}

void log_and(int i, bool die) {
  get_logger().info("first of " + std::to_string(i));
  get_logger().warning("second of " + std::to_string(i));
  if (die) {
    ::raise(SIGKILL);
  }
}

TEST_F(PoolTest, LogsOfWorkersComeHereBeforeTheirResults) {
  Logger logger = get_logger();
  std::mutex mutex;
  std::vector<std::string> seen;
  logger.set_level("INFO");
  logger.add_handler([&](const LogRecord& r) {
    std::lock_guard hold(mutex);
    if (r.message.find(" of ") != std::string_view::npos) {
      seen.emplace_back(r.message);
      EXPECT_NE(r.pid, getpid());
      EXPECT_NE(r.process_name.find("PoolWorker"), std::string_view::npos);
      EXPECT_NE(std::string_view(r.file).find("pool_test.cc"), std::string_view::npos);
    }
  });
  {
    Pool pool({.processes = 2, .log_here = true});
    for (int i = 0; i < 20; ++i) {
      const std::string n = std::to_string(i);
      if (i % 5 == 3) {
        EXPECT_THROW(pool.apply(log_and, i, true), WorkerDied);
      } else {
        pool.apply(log_and, i, false);
      }
      std::lock_guard hold(mutex);
      EXPECT_EQ(seen, (std::vector{"first of " + n, "second of " + n}));
      seen.clear();
    }
  }
  logger.remove_handlers();
  logger.set_level(logging::kNotSet);
}

TEST_F(PoolTest, LimitsItsWorkers) {
  Pool pool({.processes = 1, .limits = {{RLIMIT_CORE, 4096}}});
  EXPECT_EQ(pool.apply([] {
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    return limit.rlim_cur;
  }),
            4096u);
}

int grow() {
  static std::vector<char> memory;
  memory.assign(size_t{200} << 20, 'x');
  return getpid();
}

TEST_F(PoolTest, ReplacesAWorkerThatHasGrown) {
  Pool pool({.processes = 1, .max_memory_per_child = uint64_t{100} << 20});
  const int first = pool.apply(grow);
  while (pool.apply([] { return getpid(); }) == first) {
  }
}

int tell_pid_and_wait(Queue<int> pids, Event go) {
  pids.put(getpid());
  go.wait();
  return getpid();
}

// Of a pool of two.
std::set<int> pids_at_work(const Pool& pool) {
  Queue<int> pids;
  Event go;
  auto one = pool.apply_async(tell_pid_and_wait, pids, go);
  auto two = pool.apply_async(tell_pid_and_wait, pids, go);
  pids.get();
  pids.get();
  go.set();
  return {one.get(), two.get()};
}

TEST_F(PoolTest, WhatItInheritsIsNotItsGrowth) {
  std::vector<char> memory(size_t{200} << 20, 'x');
  Pool pool({.processes = 2,
             .context = get_context("fork"),
             .max_memory_per_child = uint64_t{100} << 20});
  std::set<int> workers = pids_at_work(pool);
  ASSERT_EQ(workers.size(), 2u);
  const int grown = pool.apply(grow);
  auto is_there = [&] {
    std::vector<Process> now = pool.workers();
    return std::any_of(now.begin(), now.end(), [&](const Process& p) { return p.pid() == grown; });
  };
  while (is_there()) {
    std::this_thread::yield();
  }
  // Who found that has looked at both.
  workers.erase(grown);
  EXPECT_TRUE(pids_at_work(pool).contains(*workers.begin()));
}

TEST_F(PoolTest, ThreadsAreReplacedToo) {
  ThreadPool pool({.processes = 1, .maxtasksperchild = 1});
  auto tid = [] { return gettid(); };
  std::set<int> seen;
  for (int i = 0; i < 50; ++i) {
    seen.insert(pool.apply(tid));
  }
  EXPECT_EQ(seen.size(), 50u);
  pool.close();
  EXPECT_TRUE(pool.join());
}

TEST_F(PoolTest, WhatIsNotReadyIsCalledByItsName) {
  ThreadPool pool(1);
  Event go;
  auto wait = [&](int x) {
    go.wait();
    return x;
  };
  auto one = pool.apply_async(wait, 1);
  auto many = pool.map_async(wait, std::vector{1, 2});
  auto text = [](const auto& r) -> std::string {
    try {
      r.successful();
    } catch (const ValueError& e) {
      return std::string(e.what()).substr(0, 34);
    }
    return "";
  };
  EXPECT_EQ(text(one), "<multiprocessing.pool.ApplyResult ");
  EXPECT_EQ(text(many).substr(0, 32), "<multiprocessing.pool.MapResult ");
  go.set();
  EXPECT_TRUE(many.wait());
}

TEST_F(PoolTest, TheCallbackOfAMapOverNothingRunsWhereCallbacksDo) {
  Pool pool(1);
  std::thread::id caller;
  auto r = pool.map_async(
      {.callback = [&](const std::vector<int>&) { caller = std::this_thread::get_id(); }}, square,
      std::vector<int>());
  EXPECT_EQ(r.get(), std::vector<int>());
  EXPECT_NE(caller, std::this_thread::get_id());
  EXPECT_NE(caller, std::thread::id());
}

}  // namespace
}  // namespace mp::testing

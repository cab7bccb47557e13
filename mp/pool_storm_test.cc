// A pool whose workers are killed at random moments, a hundred times a second: every call ends with its value or with
// WorkerDied, nothing is lost or comes twice, and nothing is left. And one whose workers are stopped and continued: every call
// ends with its value.
//
// The short form runs for two seconds; MP_STORM_SECONDS makes it longer, and then no result may take a second.

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "mp/context.h"
#include "mp/internal/pool/planted_pool.h"
#include "mp/pool.h"
#include "mp/process.h"
#include "mp/remote_error.h"
#include "mp/testing/fixture.h"
#include "mp/testing/storm.h"
#include "mp/testing/watchdog.h"
#include "mp/value.h"

namespace mp::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kShort(2);

// In workers: how many tasks all of them have begun.
std::optional<RawValue<uint64_t>> g_runs;
void count_in(RawValue<uint64_t> runs) { g_runs = runs; }
void count_run() { std::atomic_ref(**g_runs).fetch_add(1, std::memory_order_relaxed); }

// Some tasks are over at once, some take as long as it takes to be killed.
int busy_square(int x) {
  count_run();
  Clock::time_point end = Clock::now() + std::chrono::microseconds(x % 16 == 0 ? 2000 : x % 50);
  while (Clock::now() < end) {
  }
  return x * x;
}
// The largest get memory of their own.
size_t text_size(int x) { return static_cast<size_t>(x % 100) * (x % 10 == 0 ? 4000 : 500); }
std::string busy_text(int x) {
  count_run();
  return std::string(text_size(x), 'x');
}

struct Counts {
  std::atomic<uint64_t> tasks{0};
  std::atomic<uint64_t> values{0};
  std::atomic<uint64_t> deaths{0};
  std::atomic<uint64_t> kills{0};
  std::atomic<uint64_t> stops{0};
  std::atomic<int64_t> longest_ns{0};
  std::mutex mutex;
  std::map<int, int> balance;  // by pid: kills of such a worker, less tasks that died by it

  // Does something that ends with a value or WorkerDied.
  void count(const std::function<void()>& call) {
    Clock::time_point start = Clock::now();
    try {
      call();
      ++values;
    } catch (const WorkerDied& e) {
      ++deaths;
      EXPECT_EQ(e.signal(), SIGKILL) << e.what();
      std::lock_guard hold(mutex);
      --balance[e.pid()];
    } catch (...) {
      ADD_FAILURE() << describe(std::current_exception());
    }
    int64_t took = (Clock::now() - start).count();
    for (int64_t seen = longest_ns; took > seen && !longest_ns.compare_exchange_weak(seen, took);) {
    }
  }
};

void call_one_by_one(const Pool& pool, Counts& counts, const std::atomic<bool>& stop) {
  for (int i = 0; !stop; i = (i + 1) % 30'000) {
    ++counts.tasks;
    counts.count([&] { EXPECT_EQ(pool.apply(busy_square, i), i * i); });
  }
}

void call_in_heaps(const Pool& pool, Counts& counts, const std::atomic<bool>& stop) {
  while (!stop) {
    std::vector<AsyncResult<std::string>> results;
    counts.tasks += 200;
    for (int i = 0; i < 200; ++i) {
      results.push_back(pool.apply_async(busy_text, i));
    }
    for (int i = 0; i < 200; ++i) {
      counts.count([&] { EXPECT_EQ(results[static_cast<size_t>(i)].get().size(), text_size(i)); });
    }
  }
}

void stream(const Pool& pool, Counts& counts, const std::atomic<bool>& stop) {
  std::vector<int> in(300);
  std::iota(in.begin(), in.end(), 0);
  while (!stop) {
    counts.tasks += in.size();
    auto it = pool.imap_unordered(busy_square, in);
    std::set<int> seen;
    size_t n = 0;
    for (bool more = true; more;) {
      counts.count([&] {
        std::optional<int> x = it.next();
        if (!x.has_value()) {
          more = false;
          return;
        }
        EXPECT_TRUE(seen.insert(*x).second) << *x << " came twice";
      });
      n += more;
    }
    EXPECT_EQ(n, in.size());
  }
}

// With attempts enough a map is not disturbed at all.
void map_with_retries(const Pool& pool, Counts& counts, const std::atomic<bool>& stop) {
  std::vector<int> in(1000);
  std::iota(in.begin(), in.end(), 0);
  std::vector<int> out(in);
  for (int& x : out) {
    x *= x;
  }
  while (!stop) {
    counts.tasks += in.size();
    counts.count([&] {
      EXPECT_EQ(pool.map_async({.chunksize = 7, .retries = 1000}, busy_square, in).get(), out);
    });
  }
}

// Pauses between what is done to workers.
class Pace {
 public:
  void pause(int64_t least_us, int64_t most_us) {
    next_ += std::chrono::microseconds(
        std::uniform_int_distribution<int64_t>(least_us, most_us)(random_));
    std::this_thread::sleep_until(next_);
  }
  Process& any(std::vector<Process>& workers) { return workers[random_() % workers.size()]; }

 private:
  std::mt19937 random_{12345};
  Clock::time_point next_ = Clock::now();
};

void kill_workers(const Pool& pool, Counts& counts, const std::atomic<bool>& stop) {
  for (Pace pace; !stop; pace.pause(5'000, 15'000)) {
    std::vector<Process> workers = pool.workers();
    if (workers.empty()) {
      continue;
    }
    // Nobody else ends it.
    if (Process& worker = pace.any(workers); worker.is_alive()) {
      worker.kill();
      ++counts.kills;
      std::lock_guard hold(counts.mutex);
      ++counts.balance[worker.pid()];
    }
  }
}

// Two of four stand still, longer than a pool waits before it takes back what they have not begun.
void stop_workers(const Pool& pool, Counts& counts, const std::atomic<bool>& stop) {
  std::deque<pid_t> stopped;
  auto let_go_on = [&] {
    ::kill(stopped.front(), SIGCONT);
    stopped.pop_front();
  };
  for (Pace pace; !stop; pace.pause(10'000, 80'000)) {
    std::vector<Process> workers = pool.workers();
    stopped.push_back(pace.any(workers).pid());
    ::kill(stopped.back(), SIGSTOP);
    ++counts.stops;
    if (stopped.size() > 2) {
      let_go_on();
    }
  }
  while (!stopped.empty()) {
    let_go_on();
  }
}

// A worker may have been stopped after its SIGCONT: by another that let it go on meanwhile, and was itself stopped then.
void continue_all(const Pool& pool) {
  for (const Process& worker : pool.workers()) {
    ::kill(worker.pid(), SIGCONT);
  }
}

class PoolStorm : public Fixture, public ::testing::WithParamInterface<StartMethod> {
 protected:
  using Disturb = void (*)(const Pool& pool, Counts& counts, const std::atomic<bool>& stop);

  // Everything that a pool can do, for a while, meanwhile `disturb`. Then `enough` has come true.
  void rage(Disturb disturb, const std::function<bool()>& enough) {
    Pool pool(
        {.processes = 4, .initializer = bind(count_in, runs_), .context = Context(GetParam())});
    std::atomic<bool> stop{false};
    std::atomic<bool> stop_disturbing{false};
    std::vector<std::thread> users;
    users.emplace_back([&] { call_one_by_one(pool, counts_, stop); });
    users.emplace_back([&] { call_in_heaps(pool, counts_, stop); });
    users.emplace_back([&] { stream(pool, counts_, stop); });
    users.emplace_back([&] { map_with_retries(pool, maps_, stop); });
    std::thread disturber([&] { disturb(pool, counts_, stop_disturbing); });
    std::this_thread::sleep_for(storm_time(kShort));
    // However slow the machine is, there is something to be seen of each kind.
    while (!enough()) {
      std::this_thread::yield();
    }
    // The users end while workers are still disturbed.
    stop = true;
    for (std::thread& user : users) {
      user.join();
    }
    stop_disturbing = true;
    disturber.join();
    ++counts_.tasks;
    auto last = pool.apply_async({.retries = 10}, busy_square, 9);
    pool.close();
    do {
      continue_all(pool);
    } while (!pool.join(0.1));
    EXPECT_EQ(last.get(), 81);
  }

  void report() const {
    std::printf(
        "%llu kills, %llu stops: %llu values, %llu deaths reported, the longest wait for one "
        "result %.0f ms; %llu maps, the longest %.0f ms\n",
        number(counts_.kills), number(counts_.stops), number(counts_.values),
        number(counts_.deaths), static_cast<double>(counts_.longest_ns) / 1e6, number(maps_.values),
        static_cast<double>(maps_.longest_ns) / 1e6);
    EXPECT_EQ(maps_.deaths, 0u);
    if (std::getenv("MP_STORM_SECONDS") != nullptr) {
      EXPECT_LT(counts_.longest_ns, 1'000'000'000);
    }
  }

  RawValue<uint64_t> runs_;
  Counts counts_;
  Counts maps_;

 private:
  static unsigned long long number(const std::atomic<uint64_t>& n) { return n; }

  Watchdog dog_{storm_time(kShort) + internal::patience(std::chrono::minutes(2))};
};

TEST_P(PoolStorm, EveryCallEndsWithItsValueOrWorkerDied) {
  rage(kill_workers,
       [&] { return counts_.values != 0 && counts_.deaths != 0 && maps_.values != 0; });
  report();
  // What dies with a worker is the one task that it was at.
  for (auto [pid, balance] : counts_.balance) {
    EXPECT_GE(balance, 0) << "of the worker with pid " << pid;
  }
}

TEST_P(PoolStorm, EveryCallEndsWithItsValueBesideWorkersThatAreStopped) {
  rage(stop_workers,
       [&] { return counts_.stops > 20 && counts_.values != 0 && maps_.values != 0; });
  report();
  EXPECT_EQ(counts_.deaths, 0u);
  EXPECT_EQ(*runs_, counts_.tasks + maps_.tasks);
}

INSTANTIATE_TEST_SUITE_P(Methods, PoolStorm,
                         ::testing::Values(StartMethod::kFork, StartMethod::kForkserver),
                         [](const auto& info) {
                           return std::string(info.param == StartMethod::kFork ? "fork"
                                                                               : "forkserver");
                         });

}  // namespace
}  // namespace mp::testing

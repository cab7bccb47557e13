// What one writes with the standard library: a deque of packaged_tasks behind a mutex and a condition_variable.

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "bench/versus/versus.h"
#include "bench/work.h"

namespace bench {
namespace {

class StdPool {
 public:
  explicit StdPool(int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { work(); });
    }
  }
  ~StdPool() {
    {
      std::lock_guard hold(mutex_);
      closed_ = true;
    }
    more_.notify_all();
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }
  template <class F>
  auto submit(F f) {
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto result = task.get_future();
    {
      std::lock_guard hold(mutex_);
      tasks_.emplace_back([t = std::move(task)]() mutable { t(); });
    }
    more_.notify_one();
    return result;
  }

 private:
  void work() {
    std::unique_lock hold(mutex_);
    for (;;) {
      more_.wait(hold, [&] { return closed_ || !tasks_.empty(); });
      if (tasks_.empty()) {
        return;
      }
      std::packaged_task<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      hold.unlock();
      task();
      hold.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::packaged_task<void()>> tasks_;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

constexpr int kThreads = 2;
// As mp::Pool cuts a map.
constexpr int64_t kChunks = 4 * kThreads;

int same(int x) { return x; }

double apply(int64_t n) {
  StdPool pool(kThreads);
  pool.submit([] { return same(1); }).get();
  const auto start = Clock::now();
  for (int64_t i = 0; i < n; ++i) {
    pool.submit([] { return same(1); }).get();
  }
  return seconds_since(start);
}

template <int threads = kThreads>
double imap(int64_t n) {
  constexpr size_t kAhead = 32 * threads;  // as mp::Pool's imap
  StdPool pool(threads);
  pool.submit([] { return same(1); }).get();
  std::deque<std::future<int>> ahead;
  int64_t next = 0;
  const auto start = Clock::now();
  for (int64_t i = 0; i < n; ++i) {
    for (; next < n && ahead.size() < kAhead; ++next) {
      ahead.push_back(pool.submit([x = static_cast<int>(next)] { return same(x); }));
    }
    ahead.front().get();
    ahead.pop_front();
  }
  return seconds_since(start);
}

double map(int64_t n) {
  StdPool pool(kThreads);
  pool.submit([] { return same(1); }).get();
  const std::vector<int> in(static_cast<size_t>(n), 1);
  const int64_t chunk = (n + kChunks - 1) / kChunks;
  // A pointer that the compiler does not know: the call is made, as the others make it.
  int (*volatile function)(int) = same;
  auto run = [&] {
    std::vector<int> out(in.size());
    std::vector<std::future<void>> chunks;
    for (int64_t first = 0; first < n; first += chunk) {
      chunks.push_back(pool.submit([&, first] {
        int (*f)(int) = function;
        for (int64_t i = first; i < std::min(n, first + chunk); ++i) {
          out[static_cast<size_t>(i)] = f(in[static_cast<size_t>(i)]);
        }
      }));
    }
    for (std::future<void>& done : chunks) {
      done.get();
    }
    return out;
  };
  run();
  const auto start = Clock::now();
  run();
  return seconds_since(start);
}

double cpu(int64_t n) {
  StdPool pool(kThreads);
  pool.submit([] { return same(1); }).get();
  const auto start = Clock::now();
  std::vector<std::future<uint64_t>> results;
  for (int64_t i = 0; i < n; ++i) {
    results.push_back(pool.submit([] { return work(1); }));
  }
  for (std::future<uint64_t>& result : results) {
    result.get();
  }
  return seconds_since(start);
}

}  // namespace

Body std_pool_cpu() { return self_timed<cpu>(); }
Body std_pool_apply() { return self_timed<apply>(); }
Body std_pool_imap() { return self_timed<imap<>>(); }
Body std_pool_imap_64() { return self_timed<imap<64>>(); }
Body std_pool_map() { return self_timed<map>(); }

}  // namespace bench

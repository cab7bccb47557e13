#include <algorithm>
#include <array>
#include <barrier>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <numeric>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/bystander.h"
#include "bench/versus/parties.h"
#include "bench/versus/versus.h"

namespace bench {
namespace {

struct StringQueue {
  std::mutex mutex;
  std::condition_variable filled;
  std::deque<std::string> items;
};

double queue(int64_t n) {
  StringQueue q;
  return with_thread(
      [&] {
        const std::string message(kMessageBytes, '0');
        for (int64_t i = 0; i < n; ++i) {
          {
            std::lock_guard<std::mutex> hold(q.mutex);
            q.items.push_back(message);
          }
          q.filled.notify_one();
        }
      },
      [&] {
        for (int64_t i = 0; i < n; ++i) {
          std::string got;
          std::unique_lock<std::mutex> hold(q.mutex);
          q.filled.wait(hold, [&] { return !q.items.empty(); });
          got = std::move(q.items.front());
          q.items.pop_front();
          hold.unlock();
          benchmark::DoNotOptimize(got.data());
        }
      });
}

double queue_batch(int64_t n) {
  StringQueue q;
  return with_thread(
      [&] {
        const std::vector<std::string> batch(kBatch, std::string(kMessageBytes, '0'));
        for (int64_t left = n; left > 0; left -= kBatch) {
          {
            std::lock_guard<std::mutex> hold(q.mutex);
            q.items.insert(q.items.end(), batch.begin(),
                           batch.begin() + std::min<int64_t>(left, kBatch));
          }
          q.filled.notify_one();
        }
      },
      [&] {
        std::vector<std::string> got;
        for (int64_t left = n; left > 0;) {
          got.clear();
          std::unique_lock<std::mutex> hold(q.mutex);
          q.filled.wait(hold, [&] { return !q.items.empty(); });
          while (!q.items.empty() && got.size() < kBatch) {
            got.push_back(std::move(q.items.front()));
            q.items.pop_front();
          }
          hold.unlock();
          left -= static_cast<int64_t>(got.size());
          benchmark::DoNotOptimize(got.data());
        }
      });
}

double queue_many(int64_t n) {
  std::mutex mutex;
  std::condition_variable filled;
  std::deque<SmallMessage> items;
  return with_many_threads(
      n,
      [&](int64_t count) {
        const SmallMessage message{'0'};
        for (int64_t i = 0; i < count; ++i) {
          {
            std::lock_guard<std::mutex> hold(mutex);
            items.push_back(message);
          }
          filled.notify_one();
        }
      },
      [&](int64_t count) {
        SmallMessage got;
        for (int64_t i = 0; i < count; ++i) {
          std::unique_lock<std::mutex> hold(mutex);
          filled.wait(hold, [&] { return !items.empty(); });
          got = items.front();
          items.pop_front();
        }
        benchmark::DoNotOptimize(got);
      });
}

template <class Mutex>
void lock_and_unlock(benchmark::State& state) {
  Bystander bystander;
  Mutex mutex;
  time_each(state, [&] {
    mutex.lock();
    mutex.unlock();
  });
}

template <class Mutex>
void read_element_under(benchmark::State& state) {
  Bystander bystander;
  Mutex mutex;
  std::array<int, 10> sequence{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  benchmark::DoNotOptimize(sequence.data());
  time_each(state, [&] {
    std::lock_guard<Mutex> hold(mutex);
    benchmark::DoNotOptimize(int{sequence[5]});
  });
}

// Each turn is two waits, one on each side.
double ping_pong(int64_t waits) {
  std::mutex mutex;
  std::condition_variable changed;
  bool second_may_go = false;
  return with_thread(
      [&] {
        std::unique_lock<std::mutex> hold(mutex);
        for (int64_t i = 0; i < waits; i += 2) {
          changed.wait(hold, [&] { return second_may_go; });
          second_may_go = false;
          changed.notify_one();
        }
      },
      [&] {
        std::unique_lock<std::mutex> hold(mutex);
        for (int64_t i = 0; i < waits; i += 2) {
          second_may_go = true;
          changed.notify_one();
          changed.wait(hold, [&] { return !second_may_go; });
        }
      });
}

// An event as one writes it.
class Flag {
 public:
  void set() {
    {
      std::lock_guard<std::mutex> hold(mutex_);
      set_ = true;
    }
    changed_.notify_all();
  }
  void clear() {
    std::lock_guard<std::mutex> hold(mutex_);
    set_ = false;
  }
  void wait() {
    std::unique_lock<std::mutex> hold(mutex_);
    changed_.wait(hold, [&] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

double flag_ping_pong(int64_t waits) {
  Flag ping;
  Flag pong;
  return with_thread(
      [&] {
        for (int64_t i = 0; i < waits; i += 2) {
          ping.wait();
          ping.clear();
          pong.set();
        }
      },
      [&] {
        for (int64_t i = 0; i < waits; i += 2) {
          ping.set();
          pong.wait();
          pong.clear();
        }
      });
}

double rounds_of_two(int64_t rounds) {
  std::barrier<> barrier(2);
  auto pass = [&] {
    for (int64_t i = 0; i < rounds; ++i) {
      barrier.arrive_and_wait();
    }
  };
  return with_thread(pass, pass);
}

}  // namespace

Body std_queue() { return self_timed<queue>(); }

Body std_queue_many() { return self_timed<queue_many>(); }

Body std_queue_batch() { return self_timed<queue_batch>(); }

Body std_lock() { return {lock_and_unlock<std::mutex>}; }

Body std_rlock() { return {lock_and_unlock<std::recursive_mutex>}; }

Body std_semaphore() {
  return {[](benchmark::State& state) {
    Bystander bystander;
    std::counting_semaphore<> semaphore(1);
    time_each(state, [&] {
      semaphore.acquire();
      semaphore.release();
    });
  }};
}

Body std_condition() { return self_timed<ping_pong>(); }

Body std_event_set() {
  return {[](benchmark::State& state) {
    Bystander bystander;
    Flag flag;
    time_each(state, [&] {
      flag.set();
      flag.clear();
    });
  }};
}

Body std_event() { return self_timed<flag_ping_pong>(); }

Body std_barrier() { return self_timed<rounds_of_two>(); }

Body std_sequence() {
  return {[](benchmark::State& state) {
    std::array<int, 10> sequence{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    benchmark::DoNotOptimize(sequence.data());
    time_each(state, [&] {
      benchmark::ClobberMemory();
      benchmark::DoNotOptimize(int{sequence[5]});
    });
  }};
}

Body std_sequence_locked() { return {read_element_under<std::recursive_mutex>}; }

Body std_sequence_under_mutex() { return {read_element_under<std::mutex>}; }

Body std_sequence_sum() {
  return {[](benchmark::State& state) {
    Bystander bystander;
    std::vector<int> sequence(kArrayLength);
    std::iota(sequence.begin(), sequence.end(), 0);
    benchmark::DoNotOptimize(sequence.data());
    time_each(state, [&] {
      benchmark::ClobberMemory();
      int sum = 0;
      for (int v : sequence) {
        sum += v;
      }
      benchmark::DoNotOptimize(sum);
    });
  }};
}

Body std_value() {
  return {[](benchmark::State& state) {
    Bystander bystander;
    std::mutex mutex;
    int value = 7;
    benchmark::DoNotOptimize(&value);
    time_each(state, [&] {
      std::lock_guard<std::mutex> hold(mutex);
      benchmark::DoNotOptimize(int{value});
    });
  }};
}

Body std_start() {
  return {[](benchmark::State& state) { time_each(state, [] { std::thread([] {}).join(); }); }};
}

}  // namespace bench

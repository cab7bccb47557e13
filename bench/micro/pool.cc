#include "mp/pool.h"

#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "bench/micro/micro.h"
#include "bench/work.h"
#include "mp/thread_pool.h"

namespace bench {
namespace {

constexpr int kWorkers = 2;

int same(int x) { return x; }

std::vector<int> numbers(int64_t n) {
  std::vector<int> v(static_cast<size_t>(n));
  std::iota(v.begin(), v.end(), 0);
  return v;
}

// All workers have run something.
template <class Pool>
void warm_up(const Pool& pool) {
  pool.map(same, numbers(64), 1);
}

template <class Pool>
double apply(int64_t n) {
  Pool pool(kWorkers);
  warm_up(pool);
  const auto start = Clock::now();
  for (int64_t i = 0; i < n; ++i) {
    pool.apply(same, 1);
  }
  return seconds_since(start);
}

template <class Pool, int workers = kWorkers>
double imap(int64_t n) {
  Pool pool(workers);
  warm_up(pool);
  const std::vector<int> in = numbers(n);
  int64_t got = 0;
  const auto start = Clock::now();
  for (int x : pool.imap(same, in)) {
    got += x >= 0;
  }
  const double elapsed = seconds_since(start);
  if (got != n) throw std::runtime_error("results are missing");
  return elapsed;
}

template <class Pool>
double map(int64_t n) {
  Pool pool(kWorkers);
  warm_up(pool);
  const std::vector<int> in = numbers(n);
  // The second of two is measured, in all columns, once the first one's result is gone: what a machine takes for memory that
  // nobody had before is not the map's.
  pool.map(same, in);
  const auto start = Clock::now();
  const std::vector<int> out = pool.map(same, in);
  const double elapsed = seconds_since(start);
  if (out != in) throw std::runtime_error("results are wrong");
  return elapsed;
}

template <class Pool, int workers>
double cpu(int64_t n) {
  Pool pool(workers);
  warm_up(pool);
  const std::vector<uint64_t> in(static_cast<size_t>(n), 1);
  const auto start = Clock::now();
  pool.map(work, in, 1);
  return seconds_since(start);
}

}  // namespace

Body pool_cpu_processes() { return self_timed<cpu<mp::Pool, 2>>(); }
Body pool_cpu_one_worker() { return self_timed<cpu<mp::Pool, 1>>(); }
Body pool_cpu_threads() { return self_timed<cpu<mp::ThreadPool, 2>>(); }
Body pool_imap_64() { return self_timed<imap<mp::Pool, 64>>(); }
Body pool_imap_64_threads() { return self_timed<imap<mp::ThreadPool, 64>>(); }

Body pool_apply_processes() { return self_timed<apply<mp::Pool>>(); }
Body pool_apply_threads() { return self_timed<apply<mp::ThreadPool>>(); }
Body pool_imap_processes() { return self_timed<imap<mp::Pool>>(); }
Body pool_imap_threads() { return self_timed<imap<mp::ThreadPool>>(); }
Body pool_map_processes() { return self_timed<map<mp::Pool>>(); }
Body pool_map_threads() { return self_timed<map<mp::ThreadPool>>(); }

}  // namespace bench

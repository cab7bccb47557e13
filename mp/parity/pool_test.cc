// _TestPool, _TestPoolWorkerErrors, _TestPoolWorkerLifetime and TestInitializers of the reference.

#include "mp/pool.h"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/codec.h"
#include "mp/errors.h"
#include "mp/parity/backends.h"
#include "mp/remote_error.h"
#include "mp/thread_pool.h"
#include "mp/value.h"

namespace mp::testing {

// A result whose codec throws, and its copy, for where there is no codec.
struct Unsendable {
  int n = 0;
};

// What a map's input is made of when it shall fail to be sent.
struct Reluctant {
  int n = 0;
};

}  // namespace mp::testing

template <>
struct mp::Codec<mp::testing::Unsendable> {
  static Encoder::Ref encode(Encoder&, const testing::Unsendable&) {
    throw mp::ValueError("cannot send");
  }
  static testing::Unsendable decode(const Reader&) { return {}; }
};
template <>
struct mp::Codec<mp::testing::Reluctant> {
  static Encoder::Ref encode(Encoder& e, const testing::Reluctant& r) {
    if (r.n == 123) {
      throw mp::RuntimeError("123");
    }
    return e.integer(r.n);
  }
  static testing::Reluctant decode(const Reader& r) { return {r.integer<int>()}; }
};

namespace mp::testing {
namespace {

template <class B>
struct PoolOf {
  using type = Pool;
  using Options = PoolOptions;
  static Options options(int n) {
    StartMethod method = std::is_same_v<B, OnFork>    ? StartMethod::kFork
                         : std::is_same_v<B, OnSpawn> ? StartMethod::kSpawn
                                                      : StartMethod::kForkserver;
    return {.processes = n, .context = Context(method)};
  }
};
template <>
struct PoolOf<OnThreads> {
  using type = ThreadPool;
  using Options = ThreadPoolOptions;
  static Options options(int n) { return {.processes = n}; }
};
template <class B>
typename PoolOf<B>::type make_pool(int n = 4) {
  return typename PoolOf<B>::type(PoolOf<B>::options(n));
}

template <class B>
class TestPool : public ParityTest {};
TYPED_TEST_SUITE(TestPool, Backends, BackendNames);
template <class B>
class TestPoolWorkerErrors : public ParityTest {};
TYPED_TEST_SUITE(TestPoolWorkerErrors, Backends, BackendNames);
using ProcessBackends = ::testing::Types<OnFork, OnSpawn, OnForkServer>;
template <class B>
class TestPoolWorkerLifetime : public ParityTest {};
TYPED_TEST_SUITE(TestPoolWorkerLifetime, ProcessBackends, BackendNames);

int sqr(int x) { return x * x; }
int sqr_wait(int x, double wait) {
  std::this_thread::sleep_for(std::chrono::duration<double>(wait));
  return x * x;
}
int mul(int x, int y) { return x * y; }
int raise_large_valuerror(double wait) {
  std::this_thread::sleep_for(std::chrono::duration<double>(wait));
  throw ValueError(std::string(1024 * 1024, 'x'));
}

std::vector<int> range(int n) {
  std::vector<int> v(static_cast<size_t>(n));
  std::iota(v.begin(), v.end(), 0);
  return v;
}
std::vector<int> squares(int n) {
  std::vector<int> v = range(n);
  for (int& x : v) {
    x *= x;
  }
  return v;
}

// 0, 1, 2 ... and an exception in place of number `when`.
class ExceptionThrowingIterator {
 public:
  using value_type = int;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;
  using pointer = const int*;
  using reference = int;
  ExceptionThrowingIterator() = default;
  ExceptionThrowingIterator(int total, int when) : total_(total), when_(when) {}
  int operator*() const {
    if (at_ == when_) {
      throw std::runtime_error("it refuses");
    }
    return at_;
  }
  ExceptionThrowingIterator& operator++() {
    ++at_;
    return *this;
  }
  void operator++(int) { ++at_; }
  friend bool operator==(const ExceptionThrowingIterator& a, const ExceptionThrowingIterator&) {
    return a.at_ == a.total_;
  }

 private:
  int total_ = 0;
  int when_ = -1;
  int at_ = 0;
};
struct Thrower {
  int total;
  int when;
  ExceptionThrowingIterator begin() const { return {total, when}; }
  ExceptionThrowingIterator end() const { return {}; }
};
// The same, which says how many there are.
struct SizedThrower : Thrower {
  size_t size() const { return static_cast<size_t>(total); }
};

TYPED_TEST(TestPool, test_apply) {
  auto pool = make_pool<TypeParam>();
  EXPECT_EQ(pool.apply(sqr, 5), sqr(5));
  EXPECT_EQ(pool.apply(mul, 5, 3), 15);
  EXPECT_EQ(pool.apply(mp::bind([](int y, int x) { return x - y; }, 1), 5), 4);
}

TYPED_TEST(TestPool, test_map) {
  auto pool = make_pool<TypeParam>();
  EXPECT_EQ(pool.map(sqr, range(10)), squares(10));
  EXPECT_EQ(pool.map(sqr, range(100), 20), squares(100));
}

std::vector<std::tuple<int, int>> pairs(int n) {
  std::vector<std::tuple<int, int>> v;
  for (int i = 0; i < n; ++i) {
    v.emplace_back(i, n - 1 - i);
  }
  return v;
}
std::vector<int> products(int n) {
  std::vector<int> v;
  for (int i = 0; i < n; ++i) {
    v.push_back(i * (n - 1 - i));
  }
  return v;
}

TYPED_TEST(TestPool, test_starmap) {
  auto pool = make_pool<TypeParam>();
  EXPECT_EQ(pool.starmap(mul, pairs(10)), products(10));
  EXPECT_EQ(pool.starmap(mul, pairs(100), 20), products(100));
}

TYPED_TEST(TestPool, test_starmap_async) {
  auto pool = make_pool<TypeParam>();
  EXPECT_EQ(pool.starmap_async(mul, pairs(100)).get(), products(100));
}

// As Python's pool.map(f, [1, 2, 3]).
TYPED_TEST(TestPool, ItemsMayStandInBraces) {
  auto pool = make_pool<TypeParam>(2);
  const std::vector<int> expected{1, 4, 9};
  EXPECT_EQ(pool.map(sqr, {1, 2, 3}), expected);
  EXPECT_EQ(pool.map(sqr, {1, 2, 3}, 2), expected);
  EXPECT_EQ(pool.map_async(sqr, {1, 2, 3}).get(), expected);
  const std::vector<int> products{2, 12};
  EXPECT_EQ(pool.starmap(mul, {std::tuple(1, 2), std::tuple(3, 4)}), products);
  EXPECT_EQ(pool.starmap_async(mul, {std::tuple(1, 2), std::tuple(3, 4)}).get(), products);
  // The iterator keeps them.
  auto squares_of_three = pool.imap(sqr, {1, 2, 3});
  std::vector<int> seen;
  for (int x : squares_of_three) {
    seen.push_back(x);
  }
  EXPECT_EQ(seen, expected);
  std::multiset<int> unordered;
  for (int x : pool.imap_unordered(sqr, {1, 2, 3}, 2)) {
    unordered.insert(x);
  }
  EXPECT_EQ(unordered, (std::multiset<int>{1, 4, 9}));
}

TYPED_TEST(TestPool, test_map_async) {
  auto pool = make_pool<TypeParam>();
  EXPECT_EQ(pool.map_async(sqr, range(10)).get(), squares(10));
}

TYPED_TEST(TestPool, test_map_async_callbacks) {
  auto pool = make_pool<TypeParam>();
  std::vector<int> call_args;
  std::vector<std::string> errors;
  auto done = pool.map_async({.callback = [&](const std::vector<int>& v) { call_args = v; }}, sqr,
                             range(10));
  done.wait();
  EXPECT_EQ(call_args, squares(10));
  auto failed = pool.map_async(
      {.callback = [&](const std::vector<int>&) { call_args.clear(); },
       .error_callback = [&](std::exception_ptr e) { errors.push_back(describe(e)); }},
      [](int) -> int { throw KeyError("no such key"); }, range(1));
  failed.wait();
  EXPECT_EQ(call_args, squares(10));
  EXPECT_EQ(errors, (std::vector<std::string>{"KeyError: no such key"}));
}

TYPED_TEST(TestPool, test_map_unplicklable) {
  if constexpr (TypeParam::kProcesses) {
    auto pool = make_pool<TypeParam>();
    EXPECT_EQ(error_of([&] {
                pool.map([](const Reluctant& r) { return r.n; },
                         std::vector<Reluctant>(10, Reluctant{123}));
              }),
              "RuntimeError: 123");
    EXPECT_EQ(pool.apply(sqr, 3), 9);
  } else {
    GTEST_SKIP() << "threads send nothing";
  }
}

TYPED_TEST(TestPool, test_map_chunksize) {
  auto pool = make_pool<TypeParam>();
  EXPECT_TRUE(pool.map_async({.chunksize = 1}, sqr, std::vector<int>()).get(kTimeout1).empty());
}

TYPED_TEST(TestPool, test_map_handle_iterable_exception) {
  auto pool = make_pool<TypeParam>();
  for (int when : {0, 2}) {
    EXPECT_THROW(pool.map(sqr, Thrower{10, when}, 1), std::runtime_error);
    EXPECT_THROW(pool.map(sqr, SizedThrower{{10, when}}, 1), std::runtime_error);
  }
  EXPECT_EQ(pool.map(sqr, range(10)), squares(10));
}

TYPED_TEST(TestPool, test_async) {
  auto pool = make_pool<TypeParam>();
  auto res = pool.apply_async(sqr_wait, 7, kTimeout1);
  EXPECT_GE(seconds([&] { EXPECT_EQ(res.get(), 49); }), kTimeout1 / 2);
}

TYPED_TEST(TestPool, test_async_timeout) {
  auto pool = make_pool<TypeParam>();
  typename TypeParam::template Queue<int> go;
  auto res =
      pool.apply_async([](typename TypeParam::template Queue<int> g) { return g.get(); }, go);
  double waited =
      seconds([&] { EXPECT_EQ(error_of([&] { res.get(kTimeout2); }), "TimeoutError: "); });
  EXPECT_GE(waited, kTimeout2);
  EXPECT_EQ(error_of([&] { res.successful(); }).substr(0, 49),
            "ValueError: <multiprocessing.pool.ApplyResult obj");
  if constexpr (!TypeParam::kProcesses) {
    go.put(1);  // a thread's call cannot be ended
  }
  pool.terminate();
  EXPECT_TRUE(pool.join());
}

TYPED_TEST(TestPool, test_imap) {
  auto pool = make_pool<TypeParam>();
  std::vector<int> all;
  for (int x : pool.imap(sqr, range(10))) {
    all.push_back(x);
  }
  EXPECT_EQ(all, squares(10));

  auto it = pool.imap(sqr, range(10));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(it.next(), i * i);
  }
  EXPECT_EQ(it.next(), std::nullopt);

  auto chunked = pool.imap(sqr, range(1000), 100);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(chunked.next(), i * i);
  }
  EXPECT_EQ(chunked.next(), std::nullopt);
}

TYPED_TEST(TestPool, test_imap_handle_iterable_exception) {
  auto pool = make_pool<TypeParam>();
  {
    auto it = pool.imap(sqr, Thrower{1000, 0});
    EXPECT_THROW(it.next(), std::runtime_error);
    EXPECT_EQ(it.next(), std::nullopt);
  }
  auto it = pool.imap(sqr, Thrower{10, 3}, 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(it.next(), i * i);
  }
  EXPECT_THROW(it.next(), std::runtime_error);

  auto chunked = pool.imap(sqr, Thrower{20, 7}, 2);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(chunked.next(), i * i);
  }
  EXPECT_THROW(chunked.next(), std::runtime_error);
  EXPECT_EQ(chunked.next(), std::nullopt);
}

TYPED_TEST(TestPool, test_imap_unordered) {
  auto pool = make_pool<TypeParam>();
  for (int64_t chunk : {1, 100}) {
    std::vector<int> all;
    for (int x : pool.imap_unordered(sqr, range(1000), chunk)) {
      all.push_back(x);
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, squares(1000));
  }
}

TYPED_TEST(TestPool, test_imap_unordered_handle_iterable_exception) {
  auto pool = make_pool<TypeParam>();
  auto it = pool.imap_unordered(sqr, Thrower{20, 7}, 1);
  std::set<int> seen;
  int thrown = 0;
  for (bool more = true; more;) {
    try {
      std::optional<int> x = it.next();
      more = x.has_value();
      if (more) {
        EXPECT_TRUE(seen.insert(*x).second);
      }
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  EXPECT_EQ(thrown, 1);
  std::vector<int> expected = squares(7);
  EXPECT_EQ(seen, std::set<int>(expected.begin(), expected.end()));
}

TYPED_TEST(TestPool, test_make_pool) {
  const std::string expected = "ValueError: Number of processes must be at least 1";
  EXPECT_EQ(error_of([] { make_pool<TypeParam>(-1); }), expected);
  EXPECT_EQ(error_of([] { make_pool<TypeParam>(0); }), expected);
  auto pool = make_pool<TypeParam>(3);
  if constexpr (TypeParam::kProcesses) {
    EXPECT_EQ(pool.workers().size(), 3u);
  }
  EXPECT_EQ(pool.size(), 3);
  pool.close();
  EXPECT_TRUE(pool.join());
}

template <class Q>
int wait_for_ever(Q q) {
  return q.get();
}

TYPED_TEST(TestPool, test_terminate) {
  auto pool = make_pool<TypeParam>();
  typename TypeParam::template Queue<int> go;
  using Q = decltype(go);
  auto res = pool.map_async(wait_for_ever<Q>, std::vector<Q>(10'000, go), 1);
  std::thread terminator([&] { pool.terminate(); });
  while (repr(pool).find("TERMINATE") == std::string::npos) {
    std::this_thread::yield();
  }
  if constexpr (!TypeParam::kProcesses) {
    go.shutdown();  // the calls that run end by themselves
  }
  terminator.join();
  EXPECT_TRUE(pool.join());
  EXPECT_THROW(res.get(), Error);
}

TYPED_TEST(TestPool, test_empty_iterable) {
  auto pool = make_pool<TypeParam>();
  const std::vector<int> nothing;
  EXPECT_TRUE(pool.map(sqr, nothing).empty());
  EXPECT_EQ(pool.imap(sqr, nothing).next(), std::nullopt);
  EXPECT_EQ(pool.imap_unordered(sqr, nothing).next(), std::nullopt);
  EXPECT_TRUE(pool.map_async(sqr, nothing).get().empty());
}

TYPED_TEST(TestPool, test_context) {
  std::optional<AsyncResult<std::vector<int>>> r;
  {
    auto pool = make_pool<TypeParam>();
    r = pool.map_async(sqr, range(100));
    EXPECT_EQ(r->get(), squares(100));
    pool.terminate();
    EXPECT_EQ(error_of([&] { pool.map_async(sqr, range(100)); }), "ValueError: Pool not running");
  }
  EXPECT_EQ(r->get(), squares(100));
}

int raise_runtime_error() { throw RuntimeError("123"); }

// The cause of a RuntimeError that `call` throws.
template <class F>
std::optional<RemoteError> cause_of_error(F call) {
  try {
    call();
    ADD_FAILURE() << "no error";
  } catch (const RuntimeError& e) {
    EXPECT_STREQ(e.what(), "123");
    try {
      std::rethrow_if_nested(e);
    } catch (const RemoteError& cause) {
      return cause;
    }
  } catch (const std::runtime_error& e) {
    EXPECT_EQ(dynamic_cast<const std::nested_exception*>(&e), nullptr);
  }
  return std::nullopt;
}

TYPED_TEST(TestPool, test_traceback) {
  auto pool = make_pool<TypeParam>(1);
  std::optional<RemoteError> cause = cause_of_error([&] { pool.apply(raise_runtime_error); });
  if (std::is_same_v<TypeParam, OnThreads>) {
    EXPECT_FALSE(cause.has_value());
    return;
  }
  ASSERT_TRUE(cause.has_value());
  EXPECT_EQ(cause->backtrace(), "#0 mp::testing::(anonymous namespace)::raise_runtime_error()\n");
  EXPECT_EQ(cause->what(), "\n\"\"\"\nTraceback (most recent call first):\n" + cause->backtrace() +
                               "RuntimeError: 123\n\"\"\"");
  // Of each task that fails, its own; also in a chunk.
  cause = cause_of_error([&] {
    pool.map([](int i) { return i == 0 ? raise_runtime_error() : i; }, std::vector<int>{1, 0});
  });
  ASSERT_TRUE(cause.has_value());
  EXPECT_NE(cause->backtrace().find("raise_runtime_error"), std::string::npos);
  // What the input throws is of here.
  EXPECT_FALSE(cause_of_error([&] { pool.map(sqr, Thrower{10, 1}, 1); }).has_value());
}

TYPED_TEST(TestPool, test_wrapped_exception) {
  auto pool = make_pool<TypeParam>(1);
  EXPECT_THROW(pool.apply([]() -> int { throw std::out_of_range("foo"); }), std::out_of_range);
  EXPECT_EQ(error_of([&] { pool.apply([]() -> int { throw RuntimeError("foo"); }); }),
            "RuntimeError: foo");
}

TYPED_TEST(TestPool, test_map_no_failfast) {
  auto pool = make_pool<TypeParam>(2);
  std::vector<double> waits{0.0, 0.3};
  double t = seconds([&] { EXPECT_THROW(pool.map(raise_large_valuerror, waits), ValueError); });
  // All tasks were waited for.
  EXPECT_GE(t, 0.3);
  pool.close();
  EXPECT_TRUE(pool.join());
}

// Counts how many of it there are.
struct CountedObject {
  static inline std::atomic<int> living{0};
  int n = 0;
  explicit CountedObject(int n = 0) : n(n) { ++living; }
  CountedObject(const CountedObject& o) : n(o.n) { ++living; }
  CountedObject& operator=(const CountedObject&) = default;
  ~CountedObject() { --living; }
  auto fields() { return std::tie(n); }
};
CountedObject same(const CountedObject& o) { return o; }

TYPED_TEST(TestPool, test_release_task_refs) {
  auto pool = make_pool<TypeParam>();
  {
    std::vector<CountedObject> objects;
    for (int i = 0; i < 10; ++i) {
      objects.emplace_back(i);
    }
    EXPECT_EQ(pool.map(same, objects, 1).size(), 10u);
    objects.clear();
    pool.close();
    EXPECT_TRUE(pool.join());
  }
  EXPECT_EQ(CountedObject::living, 0);
}

TYPED_TEST(TestPool, test_enter) {
  auto pool = make_pool<TypeParam>(1);
  pool.terminate();
  EXPECT_TRUE(pool.join());
  EXPECT_EQ(error_of([&] { pool.apply(sqr, 1); }), "ValueError: Pool not running");
}

TYPED_TEST(TestPool, SaysItsStateAndRefusesBadWishes) {
  auto pool = make_pool<TypeParam>(2);
  EXPECT_EQ(error_of([&] { pool.join(); }), "ValueError: Pool is still running");
  EXPECT_EQ(error_of([&] { pool.imap(sqr, range(3), 0); }),
            "ValueError: Chunksize must be 1+, not 0");
  EXPECT_EQ(error_of([&] { pool.map(sqr, range(3), -1); }),
            "ValueError: Chunksize must be 1+, not -1");
  const std::string name = TypeParam::kProcesses ? "Pool" : "ThreadPool";
  EXPECT_EQ(repr(pool), "<multiprocessing.pool." + name + " state=RUN pool_size=2>");
  pool.close();
  EXPECT_EQ(repr(pool), "<multiprocessing.pool." + name + " state=CLOSE pool_size=2>");
  EXPECT_EQ(error_of([&] { pool.apply(sqr, 3); }), "ValueError: Pool not running");
  pool.terminate();
  EXPECT_EQ(repr(pool), "<multiprocessing.pool." + name + " state=TERMINATE pool_size=2>");
}

TYPED_TEST(TestPoolWorkerErrors, test_async_error_callback) {
  auto pool = make_pool<TypeParam>(2);
  std::string scratchpad;
  auto res =
      pool.apply_async({.error_callback = [&](std::exception_ptr e) { scratchpad = describe(e); }},
                       []() -> int { throw KeyError("here"); });
  EXPECT_EQ(error_of([&] { res.get(); }), "KeyError: here");
  EXPECT_EQ(scratchpad, "KeyError: here");
}

TYPED_TEST(TestPoolWorkerErrors, test_unpickleable_result) {
  if constexpr (TypeParam::kProcesses) {
    auto pool = make_pool<TypeParam>(2);
    std::set<int> pids;
    for (const Process& p : pool.workers()) {
      pids.insert(p.pid());
    }
    for (int i = 0; i < 20; ++i) {
      std::string called;
      auto res =
          pool.apply_async({.error_callback = [&](std::exception_ptr e) { called = describe(e); }},
                           [] { return Unsendable{7}; });
      try {
        res.get();
        FAIL();
      } catch (const MaybeEncodingError& e) {
        EXPECT_EQ(e.exc(), "ValueError('cannot send')");
        EXPECT_NE(e.value().find("Unsendable object"), std::string::npos) << e.value();
        EXPECT_TRUE(begins_with(e.what(), "Error sending result: '<")) << e.what();
        EXPECT_EQ(called, std::string("MaybeEncodingError: ") + e.what());
      }
    }
    for (const Process& p : pool.workers()) {
      EXPECT_EQ(pids.count(p.pid()), 1u);
    }
  } else {
    GTEST_SKIP() << "threads send nothing";
  }
}

TYPED_TEST(TestPoolWorkerLifetime, test_pool_worker_lifetime) {
  auto options = PoolOf<TypeParam>::options(3);
  options.maxtasksperchild = 10;
  Pool pool(options);
  std::set<int> first;
  for (const Process& p : pool.workers()) {
    first.insert(p.pid());
  }
  EXPECT_EQ(first.size(), 3u);
  std::vector<AsyncResult<std::pair<int, int>>> results;
  for (int i = 0; i < 100; ++i) {
    results.push_back(pool.apply_async([](int x) { return std::pair(x * x, getpid()); }, i));
  }
  std::map<int, int> tasks;
  for (int i = 0; i < 100; ++i) {
    auto [square, pid] = results[static_cast<size_t>(i)].get();
    EXPECT_EQ(square, i * i);
    ++tasks[pid];
  }
  EXPECT_GE(tasks.size(), 10u);
  for (auto [pid, n] : tasks) {
    EXPECT_LE(n, 10);
  }
  pool.close();
  EXPECT_TRUE(pool.join());
}

TYPED_TEST(TestPoolWorkerLifetime, test_pool_worker_lifetime_early_close) {
  auto options = PoolOf<TypeParam>::options(3);
  options.maxtasksperchild = 1;
  Pool pool(options);
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 6; ++i) {
    results.push_back(pool.apply_async(sqr_wait, i, 0.02));
  }
  pool.close();
  EXPECT_TRUE(pool.join());
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(results[static_cast<size_t>(i)].get(), i * i);
  }
}

TYPED_TEST(TestPoolWorkerLifetime, test_pool_maxtasksperchild_invalid) {
  for (int64_t n : {0, -1}) {
    auto options = PoolOf<TypeParam>::options(3);
    options.maxtasksperchild = n;
    EXPECT_EQ(error_of([&] { Pool pool(options); }),
              "ValueError: maxtasksperchild must be a positive int or None");
  }
}

void increment(Value<int> counter) {
  counter.update([](int& n) { ++n; });
}

TYPED_TEST(TestPoolWorkerLifetime, test_pool_initializer) {
  Value<int> counter(0);
  auto options = PoolOf<TypeParam>::options(1);
  options.initializer = mp::bind(increment, counter);
  Pool pool(options);
  EXPECT_EQ(pool.apply(sqr, 2), 4);
  EXPECT_EQ(counter.value(), 1);
  pool.close();
  EXPECT_TRUE(pool.join());
}

}  // namespace
}  // namespace mp::testing

// What workers that end, crash, stop or fail to start do to a pool: nothing, but to what they were at.

#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/internal/base/sanitizer.h"
#include "mp/internal/park/brief_lock.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/pool/planted_pool.h"
#include "mp/internal/pool/pool_bug.h"
#include "mp/internal/shm/family.h"
#include "mp/memory.h"
#include "mp/pool.h"
#include "mp/pool_errors.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/remote_error.h"
#include "mp/semaphore.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"
#include "mp/value.h"

namespace mp::testing {

// How a task ends its worker.
enum class End : int {
  kNothing,
  kThrow,
  kExit,
  kMpExit,
  kSegv,
  kKill,
  kAbort,
  kQuickExit,
  kStop,  // until it is continued
};

inline int end_by(End end) {
  switch (end) {
    case End::kNothing:
      break;
    case End::kThrow:
      throw std::out_of_range("thrown");
    case End::kExit:
      std::exit(3);
    case End::kMpExit:
      mp::exit(4);
    case End::kSegv:
      ::signal(SIGSEGV, SIG_DFL);
      ::raise(SIGSEGV);
      break;
    case End::kKill:
      ::raise(SIGKILL);
      break;
    case End::kAbort:
      ::raise(SIGABRT);
      break;
    case End::kQuickExit:
      _exit(5);
    case End::kStop:
      ::raise(SIGSTOP);
      break;
  }
  return 0;
}

// An argument that does `end` when it is decoded; a result when it is encoded.
struct Trap {
  End end = End::kNothing;
};
struct ResultTrap {
  End end = End::kNothing;
  int value = 0;
};

// Throws what is no exception as it is encoded, once it is told to.
inline std::atomic<bool> throws_once = false;
struct ThrowsOnce {};

// A result that cannot be encoded, and is long when it is printed.
struct LongTrap {};
inline std::ostream& operator<<(std::ostream& out, const LongTrap&) {
  return out << std::string(size_t{1} << 20, 'x');
}

}  // namespace mp::testing

template <>
struct mp::Codec<mp::testing::Trap> {
  static Encoder::Ref encode(Encoder& e, const testing::Trap& t) {
    return e.integer(static_cast<int>(t.end));
  }
  static testing::Trap decode(const Reader& r) {
    testing::end_by(static_cast<testing::End>(r.integer<int>()));
    return {};
  }
};
template <>
struct mp::Codec<mp::testing::ResultTrap> {
  static Encoder::Ref encode(Encoder& e, const testing::ResultTrap& t) {
    testing::end_by(t.end);
    return e.integer(t.value);
  }
  static testing::ResultTrap decode(const Reader& r) {
    return {testing::End::kNothing, r.integer<int>()};
  }
};

template <>
struct mp::Codec<mp::testing::ThrowsOnce> {
  static Encoder::Ref encode(Encoder& e, const testing::ThrowsOnce&) {
    if (testing::throws_once.exchange(false)) {
      throw 5;
    }
    return e.integer(0);
  }
  static testing::ThrowsOnce decode(const Reader&) { return {}; }
};

template <>
struct mp::Codec<mp::testing::LongTrap> {
  static Encoder::Ref encode(Encoder& e, const testing::LongTrap&) {
    return e.integer(testing::end_by(testing::End::kThrow));
  }
  static testing::LongTrap decode(const Reader&) { return {}; }
};

namespace mp::testing {
namespace {

class PoolCrash : public Fixture {
 private:
  Watchdog dog_{internal::patience(std::chrono::seconds(120))};
};

int square(int x) { return x * x; }

std::string outcome(const std::function<void()>& call) {
  try {
    call();
    return "value";
  } catch (const WorkerDied& e) {
    return "died " + std::to_string(e.exitcode());
  } catch (...) {
    return describe(std::current_exception());
  }
}

const std::pair<End, std::string> kEnds[] = {
    {End::kThrow, "std::out_of_range: thrown"},
    {End::kExit, "died 3"},
    {End::kMpExit, "died 4"},
    {End::kSegv, "died -11"},
    {End::kKill, "died -9"},
    {End::kAbort, "died -6"},
    {End::kQuickExit, "died 5"},
};

TEST_F(PoolCrash, ATaskThatEndsItsWorkerEndsItself) {
  Pool pool(2);
  for (const auto& [end, expected] : kEnds) {
    EXPECT_EQ(outcome([&, e = end] { pool.apply(end_by, e); }), expected);
    EXPECT_EQ(pool.apply(square, 5), 25);
  }
}

TEST_F(PoolCrash, SoDoesAnArgument) {
  Pool pool(2);
  for (const auto& [end, expected] : kEnds) {
    EXPECT_EQ(outcome([&, e = end] { pool.apply([](Trap) { return 1; }, Trap{e}); }), expected);
    EXPECT_EQ(pool.apply(square, 5), 25);
  }
}

TEST_F(PoolCrash, SoDoesAResult) {
  Pool pool(2);
  for (const auto& [end, expected] : kEnds) {
    std::string found =
        outcome([&, e = end] { pool.apply([](End x) { return ResultTrap{x}; }, e); });
    if (end == End::kThrow) {
      EXPECT_NE(found.find("Reason: 'std::out_of_range('thrown')'"), std::string::npos) << found;
    } else {
      EXPECT_EQ(found, expected);
    }
    EXPECT_EQ(pool.apply(square, 5), 25);
  }
}

TEST_F(PoolCrash, OnlyTheTaskThatWasBegunIsLost) {
  Pool pool(2);
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 200; ++i) {
    results.push_back(i % 50 == 10 ? pool.apply_async(end_by, End::kKill)
                                   : pool.apply_async(square, i));
  }
  for (int i = 0; i < 200; ++i) {
    if (i % 50 == 10) {
      EXPECT_THROW(results[static_cast<size_t>(i)].get(), WorkerDied);
    } else {
      EXPECT_EQ(results[static_cast<size_t>(i)].get(), i * i);
    }
  }
}

int count_and_die(Value<int> attempts, int deaths) {
  if (attempts.update([](int& n) { return ++n; }) <= deaths) {
    ::raise(SIGKILL);
  }
  return attempts.value();
}

TEST_F(PoolCrash, ATaskIsTriedAgainIfAsked) {
  Pool pool(2);
  Value<int> attempts(0);
  EXPECT_EQ(pool.apply_async({.retries = 2}, count_and_die, attempts, 2).get(), 3);
  Value<int> more(0);
  try {
    pool.apply_async({.retries = 1}, count_and_die, more, 5).get();
    FAIL();
  } catch (const WorkerDied& e) {
    EXPECT_EQ(e.attempt(), 2);
    EXPECT_EQ(e.signal(), SIGKILL);
    EXPECT_NE(std::string(e.what()).find("was killed by SIGKILL while it ran task"),
              std::string::npos)
        << e.what();
  }
}

// Stops a worker, and waits until it is.
void stop(const Process& worker) {
  ::kill(worker.pid(), SIGSTOP);
  while (process_state(worker.pid()) != 'T') {
    std::this_thread::yield();
  }
}

size_t take_memory(size_t bytes) { return std::vector<char>(bytes, 1).size(); }

TEST_F(PoolCrash, ALimitOfMemoryIsOneOfWhatTasksTake) {
  if (internal::kAddressSanitizer || internal::kThreadSanitizer) {
    GTEST_SKIP() << "its address space is no measure";
  }
  Pool pool({.processes = 1, .limits = {{RLIMIT_AS, size_t{512} << 20}}});
  const int pid = pool.workers().at(0).pid();
  EXPECT_EQ(pool.apply(take_memory, size_t{64} << 20), size_t{64} << 20);
  EXPECT_THROW(pool.apply(take_memory, size_t{1} << 30), std::bad_alloc);
  EXPECT_EQ(pool.apply(take_memory, size_t{64} << 20), size_t{64} << 20);
  EXPECT_EQ(pool.workers().at(0).pid(), pid);
}

void leave_by_pthread_exit() { pthread_exit(nullptr); }

TEST_F(PoolCrash, PthreadExitEndsTheWorker) {
  Pool pool(1);
  try {
    pool.apply(leave_by_pthread_exit);
    FAIL();
  } catch (const WorkerDied& e) {
    EXPECT_NE(std::string(e.what()).find("ended with exit code 0 while it ran task"),
              std::string::npos)
        << e.what();
  }
  Pool broken({.processes = 1, .initializer = leave_by_pthread_exit});
  try {
    broken.apply(square, 2);
    FAIL();
  } catch (const WorkerDied& e) {
    EXPECT_NE(std::string(e.what()).find("ended with exit code 0 before it took a task"),
              std::string::npos)
        << e.what();
  }
}

TEST_F(PoolCrash, AWorkerThatIsStoppedIdleDelaysNothing) {
  Pool pool(2);
  EXPECT_EQ(pool.map(square, std::vector{1, 2}, 1), (std::vector{1, 4}));
  const Process stopped = pool.workers().at(0);
  stop(stopped);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(pool.apply(square, i), i * i);
  }
  EXPECT_EQ(pool.map(square, std::vector{1, 2, 3, 4}, 1), (std::vector{1, 4, 9, 16}));
  ::kill(stopped.pid(), SIGCONT);
  EXPECT_EQ(pool.map(square, std::vector{1, 2, 3, 4}, 1), (std::vector{1, 4, 9, 16}));
}

int tell_and_wait(Event begun, Event e) {
  begun.set();
  e.wait();
  return 7;
}
int set_it(Event e) {
  e.set();
  return 7;
}

int tell_pid_and_wait(Queue<int> pids, Event go) {
  pids.put(getpid());
  go.wait();
  return 7;
}

int set_it_then(Event go, Event e) {
  go.wait();
  return set_it(e);
}

// A pool of two workers and two tasks, one of which went to a worker that is stopped: none ends before both have gone.
struct HalfStopped {
  HalfStopped() {
    EXPECT_EQ(pool.map(square, std::vector{1, 2}, 1), (std::vector{1, 4}));
    stopped = pool.workers().at(0).pid();
    stop(pool.workers().at(0));
    Event both_have_gone;
    for (const Event& e : done) {
      results.push_back(pool.apply_async(set_it_then, both_have_gone, e));
    }
    both_have_gone.set();
  }
  ~HalfStopped() { go_on(); }
  void go_on() const { ::kill(stopped, SIGCONT); }

  Pool pool{2};
  int stopped = 0;
  Event done[2];
  std::vector<AsyncResult<int>> results;
};

TEST_F(PoolCrash, WhoLooksNowAndThenSeesWhatAStoppedWorkerHasNotBegun) {
  HalfStopped half;
  while (!half.results[0].ready() || !half.results[1].ready()) {
    std::this_thread::yield();
  }
}

TEST_F(PoolCrash, WhoWaitsAgainAndAgainSeesWhatAStoppedWorkerHasNotBegun) {
  HalfStopped half;
  while (!half.results[0].wait(0.001) || !half.results[1].wait(0.001)) {
  }
}

TEST_F(PoolCrash, WhatAStoppedWorkerHasNotBegunIsDoneThoughNobodyWaits) {
  HalfStopped half;
  half.done[0].wait();
  half.done[1].wait();
}

TEST_F(PoolCrash, WhatAStoppedWorkerHasNotBegunIsDoneWhateverElseIs) {
  HalfStopped half;
  while (!half.done[0].is_set() || !half.done[1].is_set()) {
    EXPECT_EQ(half.pool.apply(square, 3), 9);
  }
}

TEST_F(PoolCrash, WhatIsTriedAgainIsDoneThoughItGoesToAStoppedWorker) {
  Pool pool(2);
  EXPECT_EQ(pool.map(square, std::vector{1, 2}, 1), (std::vector{1, 4}));
  Queue<int> pids;
  Event go;
  auto tried = pool.apply_async({.retries = 3}, tell_pid_and_wait, pids, go);
  const int runs = pids.get();
  EXPECT_FALSE(go.wait(0.3));  // all is begun, so that nobody looks any more
  const std::vector<Process> workers = pool.workers();
  const Process& idle = workers.at(workers.at(0).pid() == runs ? 1 : 0);
  const int stopped = idle.pid();
  stop(idle);
  ::kill(runs, SIGKILL);
  EXPECT_NE(pids.get(), stopped);
  go.set();
  EXPECT_EQ(tried.get(), 7);
  ::kill(stopped, SIGCONT);
}

TEST_F(PoolCrash, AWorkerThatGoesOnTakesOverWhatIsQueuedBehindALongTask) {
  HalfStopped half;
  for (const AsyncResult<int>& r : half.results) {
    EXPECT_EQ(r.get(), 7);
  }
  // It gets no more, so both go to the other one.
  Event begun, go, done;
  auto longer = half.pool.apply_async(tell_and_wait, begun, go);
  begun.wait();
  auto behind = half.pool.apply_async(set_it, done);
  half.go_on();
  done.wait();
  go.set();
  EXPECT_EQ(longer.get(), 7);
  EXPECT_EQ(behind.get(), 7);
}

TEST_F(PoolCrash, WhatOnlyAWorkerHasThatIsStoppedIdleIsCancelledOrWaits) {
  Pool pool(1);
  EXPECT_EQ(pool.apply(square, 2), 4);
  const Process stopped = pool.workers().at(0);
  stop(stopped);
  auto cancelled = pool.apply_async(square, 3);
  auto waits = pool.apply_async(square, 4);
  cancelled.cancel();
  EXPECT_THROW(cancelled.get(), CancelledError);
  EXPECT_FALSE(waits.ready());
  ::kill(stopped.pid(), SIGCONT);
  EXPECT_EQ(waits.get(), 16);
}

TEST_F(PoolCrash, TerminateEndsWhoIsStoppedIdle) {
  Pool pool(2);
  EXPECT_EQ(pool.map(square, std::vector{1, 2}, 1), (std::vector{1, 4}));
  stop(pool.workers().at(1));
  pool.terminate();
  EXPECT_TRUE(pool.workers().empty());
}

int wait_for(Event e) {
  e.wait();
  return 7;
}

TEST_F(PoolCrash, ATimeoutEndsOneWorkerAndNoOtherTask) {
  Pool pool(2);
  Event never;
  std::vector<AsyncResult<int>> results;
  results.push_back(pool.apply_async({.timeout = 0.05}, wait_for, never));
  for (int i = 1; i < 20; ++i) {
    results.push_back(pool.apply_async(square, i));
  }
  EXPECT_THROW(results[0].get(), TimeoutError);
  for (int i = 1; i < 20; ++i) {
    EXPECT_EQ(results[static_cast<size_t>(i)].get(), i * i);
  }
}

TEST_F(PoolCrash, CancelEndsARunningTask) {
  Pool pool(1);
  Event begun;
  Event never;
  auto running = pool.apply_async(tell_and_wait, begun, never);
  auto queued = pool.apply_async(square, 3);
  auto dropped = pool.apply_async(square, 4);
  begun.wait();
  dropped.cancel();
  EXPECT_THROW(dropped.get(), CancelledError);
  running.cancel();
  EXPECT_THROW(running.get(), CancelledError);
  EXPECT_EQ(queued.get(), 9);
}

// Where on a task's way its worker stops.
enum class Stage { kDecode, kRun, kEncode };

// The worker that has stopped.
Process stopped_one(const Pool& pool) {
  for (;;) {
    for (const Process& p : pool.workers()) {
      if (process_state(p.pid()) == 'T') {
        return p;
      }
    }
    std::this_thread::yield();
  }
}

class PoolStop : public PoolCrash, public ::testing::WithParamInterface<Stage> {
 protected:
  // x * x, by a worker that stops on its way there.
  static AsyncResult<ResultTrap> square_and_stop(const Pool& pool, double timeout, int x) {
    auto end_at = [](Stage stage) { return stage == GetParam() ? End::kStop : End::kNothing; };
    return pool.apply_async(
        {.timeout = timeout},
        [](Trap, End as_it_runs, End as_it_is_encoded, int n) {
          end_by(as_it_runs);
          return ResultTrap{as_it_is_encoded, n * n};
        },
        Trap{end_at(Stage::kDecode)}, end_at(Stage::kRun), end_at(Stage::kEncode), x);
  }
  static constexpr double kNoTimeout = 3600;
};

TEST_P(PoolStop, DelaysWhatTheWorkerHasBegunOnly) {
  Pool pool(2);
  auto stopped = square_and_stop(pool, kNoTimeout, 7);
  const Process worker = stopped_one(pool);
  // Each worker has one task: half of the others are queued behind the stopped one.
  Event begun, go;
  auto gate = pool.apply_async(tell_and_wait, begun, go);
  begun.wait();
  std::vector<AsyncResult<int>> others;
  for (int i = 0; i < 50; ++i) {
    others.push_back(pool.apply_async(square, i));
  }
  go.set();
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(others[static_cast<size_t>(i)].get(), i * i);
  }
  EXPECT_EQ(gate.get(), 7);
  EXPECT_FALSE(stopped.ready());
  ::kill(worker.pid(), SIGCONT);
  EXPECT_EQ(stopped.get().value, 49);
}

TEST_P(PoolStop, ATimeoutEndsTheTask) {
  Pool pool(1);
  EXPECT_THROW(square_and_stop(pool, 0.2, 7).get(), TimeoutError);
  EXPECT_EQ(pool.apply(square, 5), 25);
}

TEST_P(PoolStop, CancelEndsTheTask) {
  Pool pool(1);
  auto stopped = square_and_stop(pool, kNoTimeout, 7);
  stopped_one(pool);
  auto behind = pool.apply_async(square, 5);
  stopped.cancel();
  EXPECT_THROW(stopped.get(), CancelledError);
  EXPECT_EQ(behind.get(), 25);
}

void take_the_allocator() {
  internal::Family& family = internal::Family::get();
  internal::acquire_brief(family.header().alloc_lock, internal::self(), family);
}
void stop_in_the_allocator() {
  take_the_allocator();
  ::raise(SIGSTOP);
  internal::park_release(internal::Family::get().header().alloc_lock);
}
// As if a debugger held it: whoever lets it go on finds it stopped at once.
[[noreturn]] void stay_in_the_allocator() {
  take_the_allocator();
  for (;;) {
    ::raise(SIGSTOP);
  }
}
size_t size_of(const std::string& text) { return text.size(); }

TEST_F(PoolCrash, GoesOnBesideOneThatIsStoppedAsItAllocates) {
  Pool pool(2);
  auto stopped = pool.apply_async(stop_in_the_allocator);
  const Process worker = stopped_one(pool);
  // More than fits into what is there: a segment of its own.
  EXPECT_EQ(pool.apply(size_of, std::string(size_t{8} << 20, 'x')), size_t{8} << 20);
  while (process_state(worker.pid()) != 'T') {
    std::this_thread::yield();
  }
  kill(worker.pid(), SIGCONT);
  stopped.get();
}

// Nobody in the family gets memory then; who submits waits for it.
TEST_F(PoolCrash, TerminateEndsWhoStaysInTheAllocator) {
  Pool pool(2);
  auto stopped = pool.apply_async(stay_in_the_allocator);
  stopped_one(pool);
  std::atomic<int> tid = 0;
  std::thread caller([&] {
    tid = gettid();
    EXPECT_THROW(pool.apply(size_of, std::string(size_t{8} << 20, 'x')), CancelledError);
  });
  // It waits for memory, and looks now and then.
  for (uint64_t turns = 0;
       tid == 0 || !asleep_in_futex(tid) || std::exchange(turns, switches(tid)) != switches(tid);) {
    std::this_thread::yield();
  }
  pool.terminate();
  EXPECT_THROW(stopped.get(), CancelledError);
  caller.join();
}

TEST_P(PoolStop, TerminateEndsTheWorker) {
  Pool pool(2);
  auto stopped = square_and_stop(pool, kNoTimeout, 7);
  stopped_one(pool);
  pool.terminate();
  EXPECT_TRUE(pool.workers().empty());
  EXPECT_THROW(stopped.get(), CancelledError);
}

std::string stage_name(const ::testing::TestParamInfo<Stage>& info) {
  constexpr const char* kNames[] = {"decode", "run", "encode"};
  return kNames[static_cast<int>(info.param)];
}
INSTANTIATE_TEST_SUITE_P(In, PoolStop,
                         ::testing::Values(Stage::kDecode, Stage::kRun, Stage::kEncode),
                         stage_name);

TEST_F(PoolCrash, WhatTasksCarryThatWereTakenBackIsFreed) {
  Pool pool(1);
  Event begun;
  Event go;
  auto running = pool.apply_async(tell_and_wait, begun, go);
  begun.wait();
  auto dropped = pool.apply_async(count_and_die, Value<int>(0), 1);
  dropped.cancel();
  EXPECT_THROW(dropped.get(), CancelledError);
  go.set();
  // The worker passes over the message of the one that was dropped.
  EXPECT_EQ(pool.apply(square, 5), 25);
}

TEST_F(PoolCrash, AllWorkersAreKilledAtOnce) {
  Pool pool(4);
  for (int round = 0; round < 5; ++round) {
    Semaphore begun(0);
    Event go;
    std::vector<int> in(2000);
    std::iota(in.begin(), in.end(), 0);
    auto gated = mp::bind(
        [](Semaphore b, Event g, int x) {
          if (!g.is_set()) {
            b.release();
          }
          g.wait();
          return x * x;
        },
        begun, go);
    auto results = pool.map_async({.chunksize = 10, .retries = 1}, gated, in);
    for (int i = 0; i < 4; ++i) {
      begun.acquire();
    }
    // Each is at a task, and has others.
    std::vector<Process> workers = pool.workers();
    ASSERT_EQ(workers.size(), 4u);
    for (const Process& p : workers) {
      ::kill(p.pid(), SIGKILL);
    }
    for (const Process& p : workers) {
      p.join();
    }
    go.set();
    std::vector<int> out = results.get();
    ASSERT_EQ(out.size(), 2000u);
    for (int i = 0; i < 2000; ++i) {
      ASSERT_EQ(out[static_cast<size_t>(i)], i * i);
    }
  }
}

TEST_F(PoolCrash, IdleWorkersAreReplaced) {
  Pool pool(2);
  EXPECT_EQ(pool.apply(square, 2), 4);
  for (int round = 0; round < 5; ++round) {
    for (const Process& p : pool.workers()) {
      ::kill(p.pid(), SIGKILL);
      p.join();
    }
    EXPECT_EQ(pool.apply(square, round), round * round);
  }
}

// While it lives nobody reads results for others but the keeper, of who has ended. Before the pool.
class NoSecondLook {
 public:
  ~NoSecondLook() { internal::g_pool_circumstances.slice_ns = before_; }

 private:
  const int64_t before_ =
      std::exchange(internal::g_pool_circumstances.slice_ns, int64_t{3600} * 1'000'000'000);
};

TEST_F(PoolCrash, AResultThatWasSentCountsThoughItsWorkerHasEnded) {
  const NoSecondLook no_second_look;
  Pool pool({.processes = 1, .maxtasksperchild = 1});
  const int first = pool.workers().at(0).pid();
  auto result = pool.apply_async(square, 5);
  // Nobody waits for the result until another worker is there.
  auto is_there = [&] {
    std::vector<Process> workers = pool.workers();
    return !workers.empty() && workers[0].pid() != first;
  };
  while (!is_there()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(result.get(), 25);
}

// Lets no more descriptors be opened than there are, and some.
class FewDescriptors {
 public:
  explicit FewDescriptors(unsigned more) {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    int next = ::dup(0);
    ::close(next);
    rlimit few{static_cast<rlim_t>(next) + more, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  ~FewDescriptors() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_;
};

TEST_F(PoolCrash, test_release_unused_processes) {
  Pool(1).apply(square, 1);  // what is opened once is open
  std::string found;
  {
    FewDescriptors few(20);
    found = outcome([] { Pool pool(40); });
  }
  EXPECT_EQ(found.substr(0, 7), "OSError") << found;
  Pool pool(2);
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_F(PoolCrash, AWorkerThatCannotBeReplacedIsReplacedLater) {
  Pool pool(1);
  EXPECT_EQ(pool.apply(square, 3), 9);
  std::optional<FewDescriptors> few(std::in_place, 0);
  const Process worker = pool.workers().at(0);
  worker.kill();
  auto later = pool.apply_async(square, 4);
  EXPECT_FALSE(later.wait(0.3));
  few.reset();
  EXPECT_EQ(later.get(), 16);
}

TEST_F(PoolCrash, TerminateAfterAllWereKilled) {
  Pool pool(4);
  for (const Process& p : pool.workers()) {
    ::kill(p.pid(), SIGKILL);
  }
  pool.terminate();
}

// A worker that nothing but SIGKILL ends.
int hold_out(Event begun, Event never) {
  ::signal(SIGTERM, SIG_IGN);
  begun.set();
  never.wait();
  return 1;
}

TEST_F(PoolCrash, TerminateEndsWhoIgnoresSigterm) {
  Pool pool(2);
  Event stubborn;
  Event never;
  auto a = pool.apply_async(hold_out, stubborn, never);
  stubborn.wait();
  pool.terminate();
  EXPECT_TRUE(pool.workers().empty());
  EXPECT_THROW(a.get(), CancelledError);
}

TEST_F(PoolCrash, TerminateWakesWhoWaits) {
  Pool pool(1);
  Event begun;
  Event never;
  auto r = pool.apply_async(tell_and_wait, begun, never);
  std::string found;
  std::thread waiter([&] { found = outcome([&] { r.get(); }); });
  begun.wait();
  pool.terminate();
  waiter.join();
  EXPECT_EQ(found, "CancelledError: the pool was terminated before the task was done");
}

TEST_F(PoolCrash, JoinGivesUpAfterItsTimeout) {
  Pool pool(1);
  Event begun;
  Event go;
  auto r = pool.apply_async(tell_and_wait, begun, go);
  pool.close();
  EXPECT_FALSE(pool.join(0.02));
  go.set();
  EXPECT_TRUE(pool.join());
  EXPECT_EQ(r.get(), 7);
}

TEST_F(PoolCrash, WorkersDieWhileThePoolCloses) {
  Pool pool(2);
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 100; ++i) {
    results.push_back(i % 10 == 3 ? pool.apply_async(end_by, End::kKill)
                                  : pool.apply_async(square, i));
  }
  pool.close();
  EXPECT_TRUE(pool.join());
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(outcome([&] { results[static_cast<size_t>(i)].get(); }),
              i % 10 == 3 ? "died -9" : "value");
  }
}

// Owns a pool at work, and is killed.
void own_a_pool(Queue<int> pids, Event never) {
  Pool pool(3);
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 100; ++i) {
    results.push_back(pool.apply_async(wait_for, never));
  }
  for (const Process& p : pool.workers()) {
    pids.put(p.pid());
  }
  never.wait();
}

TEST_F(PoolCrash, WorkersEndWithTheirOwner) {
  Queue<int> pids;
  Event never;
  Process owner({.daemon = false}, own_a_pool, pids, never);
  owner.start();
  std::vector<int> watched;
  for (int i = 0; i < 3; ++i) {
    watched.push_back(static_cast<int>(syscall(SYS_pidfd_open, pids.get(), 0)));
  }
  owner.kill();
  owner.join();
  for (int fd : watched) {
    if (fd >= 0) {
      pollfd end{fd, POLLIN, 0};
      EXPECT_EQ(poll(&end, 1, -1), 1);
      ::close(fd);
    }
  }
  owner.close();
}

void leave_a_pool() {
  auto* pool = new Pool(2);
  EXPECT_EQ(pool->apply(square, 3), 9);
}

TEST_F(PoolCrash, test_worker_finalization_via_atexit_handler_of_multiprocessing) {
  Process p({.daemon = false}, leave_a_pool);
  p.start();
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
  p.close();
}

TEST_F(PoolCrash, AMapOfWhichOneChunkDiesWaitsForTheOthersAndSaysWhy) {
  Pool pool(2);
  Value<int> ran(0);
  auto item = mp::bind(
      [](Value<int> n, int x) {
        if (x == 5) {
          ::raise(SIGKILL);
        }
        n.update([](int& v) { ++v; });
        return x;
      },
      ran);
  EXPECT_EQ(outcome([&] { pool.map(item, std::vector{0, 1, 2, 3, 4, 5, 6, 7}, 1); }), "died -9");
  EXPECT_EQ(ran.value(), 7);
}

TEST_F(PoolCrash, BadWishesAreRefusedAndHarmNobody) {
  Pool pool(1);
  EXPECT_EQ(outcome([&] { pool.imap(square, std::vector{1}, 0); }),
            "ValueError: Chunksize must be 1+, not 0");
  EXPECT_EQ(outcome([&] { pool.imap(square, std::vector{1}, 1, 0); }),
            "ValueError: buffersize must be None or > 0");
  EXPECT_EQ(outcome([&] { pool.resize(0); }), "ValueError: Number of processes must be at least 1");
  EXPECT_EQ(outcome([&] { pool.join(); }), "ValueError: Pool is still running");
  EXPECT_EQ(pool.apply(square, 4), 16);
}

void fail_to_begin() { throw ValueError("no licence"); }

TEST_F(PoolCrash, AnInitializerThatFailsBreaksThePool) {
  Pool pool({.processes = 2, .initializer = fail_to_begin});
  EXPECT_EQ(outcome([&] { pool.apply(square, 2); }), "ValueError: no licence");
  EXPECT_EQ(outcome([&] { pool.apply(square, 2); }), "ValueError: no licence");
  try {
    pool.apply(square, 2);
  } catch (const ValueError& e) {
    try {
      std::rethrow_if_nested(e);
      FAIL() << "where it was thrown is not known";
    } catch (const RemoteError& cause) {
      EXPECT_EQ(cause.backtrace(), "#0 mp::testing::(anonymous namespace)::fail_to_begin()\n");
    }
  }
}

void die_at_begin() { end_by(End::kSegv); }

TEST_F(PoolCrash, SoDoesOneThatCrashes) {
  Pool pool({.processes = 2, .initializer = die_at_begin});
  EXPECT_EQ(outcome([&] { pool.apply(square, 2); }), "died -11");
}

TEST_F(PoolCrash, AnotherTakesItsPlaceThoughItsStartThrewWhatIsNoException) {
  Pool pool({.processes = 1, .initializer = mp::bind([](ThrowsOnce) {}, ThrowsOnce())});
  EXPECT_EQ(pool.apply(square, 2), 4);
  throws_once = true;
  pool.workers().at(0).kill();
  while (throws_once) {
    std::this_thread::yield();
  }
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_F(PoolCrash, AHandleOfAWorkerMayBeClosed) {
  Pool pool(1);
  // Who joins it first, its keeper or this thread, is not said.
  for (int round = 0; round < 50; ++round) {
    Event begun, never;
    auto dies = pool.apply_async(tell_and_wait, begun, never);
    begun.wait();
    Process worker = pool.workers().at(0);
    worker.kill();
    worker.join();
    try {
      worker.close();
    } catch (const Error&) {
    }
    try {
      dies.get();
      ADD_FAILURE();
    } catch (const WorkerDied& e) {
      EXPECT_EQ(e.exitcode(), -SIGKILL);
    }
  }
  EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_F(PoolCrash, TheErrorOfWhatCannotBeSentIsShort) {
  Pool pool(1);
  try {
    pool.apply([] { return LongTrap(); });
    FAIL();
  } catch (const MaybeEncodingError& e) {
    EXPECT_LT(e.value().size(), 2000u);
    EXPECT_EQ(e.value().substr(0, 3), "xxx");
    EXPECT_EQ(e.exc(), "std::out_of_range('thrown')");
  }
}

std::string large(size_t size) { return std::string(size, 'x'); }

[[noreturn]] void throw_large(size_t size) { throw std::runtime_error(large(size)); }

TEST_F(PoolCrash, ResultsAndErrorsForWhichThereIsNoMemoryAreErrors) {
  Pool pool(1);
  const int worker = pool.apply(getpid);
  const uint64_t before = memory_limit();
  set_memory_limit(memory_used() + (uint64_t{16} << 20));
  try {
    pool.apply(large, size_t{64} << 20);
    ADD_FAILURE();
  } catch (const MaybeEncodingError& e) {
    EXPECT_LT(e.value().size(), 2000u);
    EXPECT_EQ(e.exc().substr(0, 12), "MemoryError(");
  }
  EXPECT_THROW(pool.apply(throw_large, size_t{64} << 20), MaybeEncodingError);
  set_memory_limit(before);
  EXPECT_EQ(pool.apply(getpid), worker);
}

TEST_F(PoolCrash, CallbacksMaySubmitAndThrow) {
  Pool pool(2);
  Queue<int> seen;
  auto r = pool.apply_async({.callback =
                                 [&](int x) {
                                   seen.put(pool.apply(square, x));
                                   throw std::runtime_error("from a callback");
                                 }},
                            square, 3);
  EXPECT_EQ(r.get(), 9);
  EXPECT_EQ(seen.get(), 81);
  EXPECT_EQ(pool.apply(square, 5), 25);
}

TEST_F(PoolCrash, AWorkerDiesInsideOfWhatACallbackWaitsFor) {
  Pool pool(2);
  Queue<std::string> seen;
  pool.apply_async(
      {.callback = [&](int) { seen.put(outcome([&] { pool.apply(end_by, End::kKill); })); }},
      square, 3);
  EXPECT_EQ(seen.get(), "died -9");
}

TEST_F(PoolCrash, ManyThreadsUseIt) {
  Pool pool(3);
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        right += pool.apply(square, t * i) == t * i * t * i;
      }
      right += pool.map(square, std::vector<int>{1, 2, 3}) == std::vector<int>{1, 4, 9};
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(right, 6 * 201);
}

void release_and_wait(Semaphore begun, Event go) {
  begun.release();
  go.wait();
}

TEST_F(PoolCrash, ResizesWhileItWorks) {
  Pool pool(1);
  std::vector<int> in(5000);
  std::iota(in.begin(), in.end(), 0);
  auto results = pool.map_async({.chunksize = 1}, square, in);
  for (int n : {4, 1, 3, 2, 5, 1, 2}) {
    pool.resize(n);
    EXPECT_EQ(pool.size(), n);
    while (pool.workers().size() != static_cast<size_t>(n)) {
      std::this_thread::yield();
    }
    // And each of them takes tasks.
    Semaphore begun(0);
    Event go;
    std::vector<AsyncResult<void>> gated;
    for (int i = 0; i < n; ++i) {
      gated.push_back(pool.apply_async(release_and_wait, begun, go));
    }
    for (int i = 0; i < n; ++i) {
      begun.acquire();
    }
    go.set();
    for (const AsyncResult<void>& r : gated) {
      r.get();
    }
  }
  EXPECT_EQ(results.get().size(), 5000u);
}

TEST_F(PoolCrash, ASmallerPoolStillFindsItsWorkers) {
  Pool pool(4);
  Event go;
  std::vector<AsyncResult<int>> results;
  for (int i = 0; i < 4; ++i) {
    results.push_back(pool.apply_async(wait_for, go));  // one each: the fourth worker has the last
  }
  go.set();
  for (const AsyncResult<int>& result : results) {
    EXPECT_EQ(result.get(), 7);
  }
  pool.resize(1);
  while (pool.workers().size() != 1) {
    std::this_thread::yield();
  }
  EXPECT_EQ(pool.apply(square, 5), 25);
}

// A thread that waits for something: asleep once it is made.
class Sleeper {
 public:
  explicit Sleeper(const std::function<void()>& f)
      : thread_([this, f] {
          tid_ = gettid();
          tid_.notify_all();
          f();
        }) {
    tid_.wait(0);
    EXPECT_TRUE(await_asleep(tid_));
  }
  void join() { thread_.join(); }

 private:
  std::atomic<int> tid_{0};
  std::thread thread_;
};

// Whoever leads ends with a result of his, and asks one who may have got his own by then: that one asks the next.
TEST_F(PoolCrash, WhoIsAskedToReadResultsAndHasHisOwnAsksTheNext) {
  const NoSecondLook no_second_look;
  Pool pool(1);
  for (int round = 0; round < 100; ++round) {
    Event first, second, go;
    auto two = pool.apply_async(wait_for, first);
    auto one = pool.apply_async(wait_for, first);
    auto last = pool.apply_async(tell_and_wait, second, go);
    Sleeper a([&] { EXPECT_EQ(one.get(), 7); });   // leads
    Sleeper b([&] { EXPECT_EQ(last.get(), 7); });  // follows
    Sleeper c([&] { EXPECT_EQ(two.get(), 7); });   // so does this one, and is the first to be asked
    first.set();
    second.wait();
    a.join();
    c.join();
    go.set();
    b.join();
  }
}

int nest(int depth) {
  if (depth == 0) {
    return 1;
  }
  Pool inner(1);
  return 1 + inner.apply(nest, depth - 1);
}

TEST_F(PoolCrash, test_pool_in_process) {
  Pool pool(1);
  EXPECT_EQ(pool.apply(nest, 3), 4);
  std::string found = outcome([&] { pool.apply(nest, 12); });
  EXPECT_EQ(found.substr(0, 33), "RuntimeError: mp: this process is") << found;
}

int wait_in_queue(Queue<int> q) { return q.get(); }

TEST_F(PoolCrash, HandlesTravelAndComeBack) {
  Pool pool(2);
  Queue<int> answer = pool.apply([] {
    Queue<int> q;
    q.put(42);
    return q;
  });
  EXPECT_EQ(answer.get(), 42);
  Queue<int> gate;
  auto waiting = pool.apply_async(wait_in_queue, gate);
  gate.put(7);
  EXPECT_EQ(waiting.get(), 7);
}

TEST_F(PoolCrash, LargeResultsComeWhole) {
  Pool pool(2);
  auto big = [](int n) { return std::string(static_cast<size_t>(n), 'x'); };
  for (const std::string& s : pool.map(big, std::vector<int>(4, 20'000'000), 1)) {
    EXPECT_EQ(s.size(), 20'000'000u);
  }
}

}  // namespace
}  // namespace mp::testing

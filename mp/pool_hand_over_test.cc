// Which task is meant when several of a worker's are done and not read, and who gets what is queued behind a long one.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/internal/pool/planted_pool.h"
#include "mp/internal/pool/pool_bug.h"
#include "mp/internal/shm/family.h"
#include "mp/pool.h"
#include "mp/pool_errors.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/semaphore.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

class PoolHandOver : public Fixture {
 private:
  Watchdog dog_{internal::patience(std::chrono::seconds(60))};
};

int square(int x) { return x * x; }

int tell_and_wait(Event begun, Event go) {
  begun.set();
  go.wait();
  return 7;
}

// How often other threads of this process have gone to sleep.
uint64_t turns_of_others() {
  uint64_t turns = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    const std::string key = "voluntary_ctxt_switches:";
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(key) && task.path().filename() != std::to_string(gettid())) {
        turns += std::stoull(line.substr(key.size()));
      }
    }
  }
  return turns;
}

// A thread of TSan's own naps.
bool sleeps(int tid) {
  const long call = blocked_in(tid);
  return asleep_in_futex(tid) || call == SYS_poll || call == SYS_nanosleep ||
         call == SYS_clock_nanosleep;
}

// Waits until all other threads of this process sleep, and none had a turn between two looks.
void await_others_asleep() {
  for (uint64_t turns = 0;;) {
    bool asleep = true;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      const int tid = std::stoi(task.path().filename());
      asleep = asleep && (tid == gettid() || sleeps(tid));
    }
    const uint64_t before = std::exchange(turns, turns_of_others());
    if (asleep && before == turns) {
      return;
    }
    std::this_thread::yield();
  }
}

// Who sleeps as it reads results does not look again by itself, nor does the pool.
class NoSecondLook {
 public:
  explicit NoSecondLook(int64_t slice_ns = kHour) {
    internal::g_pool_circumstances.slice_ns = slice_ns;
    family_slice() = kHour;
  }
  ~NoSecondLook() {
    internal::g_pool_circumstances.slice_ns = before_;
    family_slice() = family_before_;
  }

 private:
  static constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;
  static std::atomic<int64_t>& family_slice() {
    return internal::Family::get().arena().header().slice_ns;
  }
  const int64_t before_ = internal::g_pool_circumstances.slice_ns;
  const int64_t family_before_ = family_slice();
};

int set_it(Event e) {
  e.set();
  return 1;
}

int tell_pid_and_wait(Queue<int> pids, Event go) {
  pids.put(getpid());
  go.wait();
  return 7;
}

// A pool whose results nobody reads: the thread that would is in a callback until read().
class Unread {
 public:
  explicit Unread(int processes = 1) : pool(processes) {
    held_ = pool.apply_async({.callback =
                                  [this](int) {
                                    in_callback_.set();
                                    go_on_.wait();
                                  }},
                             square, 1);
    in_callback_.wait();
  }
  ~Unread() { let_read(); }
  void let_read() { go_on_.set(); }
  void read() {
    let_read();
    held_->wait();
  }

 private:
  Event in_callback_;
  Event go_on_;
  std::optional<AsyncResult<int>> held_;

 public:
  Pool pool;
};

TEST_F(PoolHandOver, CancellingWhatIsDoneAndNotReadEndsNobody) {
  Unread u;
  Event begun, go;
  auto done = u.pool.apply_async(square, 2);
  auto runs = u.pool.apply_async(tell_and_wait, begun, go);
  begun.wait();
  done.cancel();
  go.set();
  u.read();
  EXPECT_EQ(runs.get(), 7);
  EXPECT_EQ(done.get(), 4);
}

TEST_F(PoolHandOver, CancellingWhatRunsEndsItThoughAnotherIsNotRead) {
  Unread u;
  Event begun, never;
  auto done = u.pool.apply_async(square, 2);
  auto runs = u.pool.apply_async(tell_and_wait, begun, never);
  begun.wait();
  runs.cancel();
  u.read();
  EXPECT_THROW(runs.get(), CancelledError);
  EXPECT_EQ(done.get(), 4);
}

TEST_F(PoolHandOver, TheTimeOfWhatIsDoneAndNotReadEndsNobody) {
  Unread u;
  Event begun, go, never;
  auto done = u.pool.apply_async({.timeout = 0.03}, square, 2);
  auto runs = u.pool.apply_async(tell_and_wait, begun, go);
  begun.wait();
  EXPECT_FALSE(never.wait(0.2));  // its time passes
  go.set();
  u.read();
  EXPECT_EQ(runs.get(), 7);
  EXPECT_EQ(done.get(), 4);
}

TEST_F(PoolHandOver, TheTimeOfWhatRunsCountsThoughAnotherIsNotRead) {
  Unread u;
  Event begun, never;
  const Process worker = u.pool.workers().at(0);
  auto done = u.pool.apply_async(square, 2);
  auto runs = u.pool.apply_async({.timeout = 0.03}, tell_and_wait, begun, never);
  EXPECT_TRUE(worker.join());
  u.read();
  EXPECT_THROW(runs.get(), TimeoutError);
  EXPECT_EQ(done.get(), 4);
}

TEST_F(PoolHandOver, WhoTakesADeadOnesPlaceGetsWhatIsQueuedBehindOthers) {
  NoSecondLook no;
  Pool pool(2);
  Event begun, go, never;
  Queue<int> pids;
  auto waits = pool.apply_async(tell_and_wait, begun, go);
  auto dies = pool.apply_async(tell_pid_and_wait, pids, never);
  begun.wait();
  const int pid = pids.get();
  auto sets = pool.apply_async(set_it, go);  // behind the first
  ::kill(pid, SIGKILL);
  EXPECT_THROW(dies.get(), WorkerDied);
  EXPECT_EQ(waits.get(), 7);
  EXPECT_EQ(sets.get(), 1);
}

TEST_F(PoolHandOver, SoDoesAWorkerThatIsAdded) {
  NoSecondLook no;
  Pool pool(1);
  Event begun, go;
  auto waits = pool.apply_async(tell_and_wait, begun, go);
  begun.wait();
  auto sets = pool.apply_async(set_it, go);
  pool.resize(2);
  EXPECT_EQ(waits.get(), 7);
  EXPECT_EQ(sets.get(), 1);
}

void release(Semaphore done) { done.release(); }

TEST_F(PoolHandOver, SoDoAllThatBecomeIdleAtOnce) {
  NoSecondLook no;
  Unread u(3);
  Semaphore done(0);
  std::vector<AsyncResult<void>> before;
  for (int i = 0; i < 12; ++i) {
    before.push_back(u.pool.apply_async(release, done));
  }
  for (int i = 0; i < 12; ++i) {
    done.acquire();
  }
  // Three workers have four results each that are not read, and a fourth has nothing yet.
  u.pool.resize(4);
  while (u.pool.workers().size() != 4) {
    std::this_thread::yield();
  }
  std::vector<Event> begun(4);
  Event go;
  std::vector<AsyncResult<int>> results;
  for (const Event& e : begun) {
    results.push_back(u.pool.apply_async(tell_and_wait, e, go));
  }
  u.let_read();
  // Nobody waits for a result: that each of them begins is the pool's own doing.
  for (const Event& e : begun) {
    e.wait();
  }
  go.set();
  for (const AsyncResult<int>& r : results) {
    EXPECT_EQ(r.get(), 7);
  }
}

TEST_F(PoolHandOver, APoolHasAtMostSoManyWorkers) {
  Pool pool(1);
  try {
    pool.resize(1025);
    FAIL();
  } catch (const ValueError& e) {
    EXPECT_STREQ(e.what(), "mp: a pool has at most 1024 workers");
  }
  EXPECT_EQ(pool.size(), 1);
  EXPECT_THROW(Pool(1025), ValueError);
}

TEST_F(PoolHandOver, WhoReadsResultsSeesWorkersThatCameLater) {
  NoSecondLook no;
  Pool pool(1);
  constexpr int kWorkers = 66;  // more than one word of the board
  Queue<int> pids;
  std::vector<Event> go(kWorkers);
  std::vector<AsyncResult<int>> results;
  results.push_back(pool.apply_async(tell_pid_and_wait, pids, go[0]));
  pids.get();
  std::thread reader([&] { EXPECT_EQ(results[0].get(), 7); });
  await_others_asleep();
  pool.resize(kWorkers);
  while (pool.workers().size() != kWorkers) {
    std::this_thread::yield();
  }
  const int last = pool.workers().at(kWorkers - 1).pid();
  std::optional<AsyncResult<int>> of_last;
  Event go_last;
  for (int i = 1; i < kWorkers; ++i) {
    Queue<int> pid;
    auto r = pool.apply_async(tell_pid_and_wait, pid, go[static_cast<size_t>(i)]);
    if (pid.get() == last) {
      go_last = go[static_cast<size_t>(i)];
      of_last = std::move(r);
    }
  }
  ASSERT_TRUE(of_last.has_value());
  go_last.set();
  EXPECT_EQ(of_last->get(), 7);
  for (Event& e : go) {
    e.set();
  }
  reader.join();
}

TEST_F(PoolHandOver, AMapIsDoneThoughNobodyIsToldOfItsResultsOneByOne) {
  NoSecondLook no;
  Pool pool(1);
  Event begun, go;
  Event first_begun, first_goes;
  first_goes.set();
  auto map = pool.starmap_async(
      {.chunksize = 1}, tell_and_wait,
      std::vector<std::tuple<Event, Event>>{{first_begun, first_goes}, {begun, go}});
  std::thread reader([&] { EXPECT_EQ(map.get(), (std::vector{7, 7})); });
  begun.wait();
  await_others_asleep();
  go.set();
  reader.join();
}

TEST_F(PoolHandOver, AMapIsDoneThoughItsWorkerGoesOnWithWhatIsAnothers) {
  NoSecondLook no;
  Pool pool(1);
  Event map_begun, map_goes, second_begun, begun, go;
  auto map = pool.starmap_async(
      {.chunksize = 1}, tell_and_wait,
      std::vector<std::tuple<Event, Event>>{{map_begun, map_goes}, {second_begun, map_goes}});
  auto busy = pool.apply_async(tell_and_wait, begun, go);
  std::vector<AsyncResult<int>> more;
  for (int i = 0; i < 100; ++i) {
    more.push_back(pool.apply_async(square, i));
  }
  std::thread reader([&] { EXPECT_EQ(map.get(), (std::vector{7, 7})); });
  map_begun.wait();
  await_others_asleep();
  map_goes.set();
  reader.join();
  go.set();
  EXPECT_EQ(busy.get(), 7);
}

TEST_F(PoolHandOver, NobodyLooksForResultsOnceWhatWaitsIsCancelled) {
  NoSecondLook often(1'000'000);
  Pool pool(1);
  Event begun, go;
  auto busy = pool.apply_async(tell_and_wait, begun, go);
  begun.wait();
  auto map = pool.map_async({.chunksize = 1}, square, std::vector<int>(1000));
  map.cancel();
  EXPECT_THROW(map.get(), CancelledError);
  go.set();
  EXPECT_EQ(busy.get(), 7);
  await_others_asleep();
  const uint64_t before = turns_of_others();
  EXPECT_FALSE(Event().wait(0.3));
  EXPECT_LT(turns_of_others(), before + 50);  // it would be 300
}

// A range of one item that cannot be read.
struct Unreadable {
  struct iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = int*;
    using reference = int;
    int n = 0;
    int operator*() const { throw std::out_of_range("unreadable"); }
    iterator& operator++() {
      ++n;
      return *this;
    }
    void operator++(int) { ++n; }
    friend bool operator==(const iterator&, const iterator&) = default;
  };
  iterator begin() const { return {0}; }
  iterator end() const { return {1}; }
  size_t size() const { return 1; }
};

TEST_F(PoolHandOver, ACallbackOfWhatWasGivenUpWakesWhoSleepsAsItReadsResults) {
  NoSecondLook no;
  Pool pool(1);
  Event begun, go;
  auto held = pool.apply_async({.callback = [](int) {}}, tell_and_wait, begun, go);
  begun.wait();
  for (int i = 0; i < 20; ++i) {
    Event called;
    await_others_asleep();
    EXPECT_THROW(pool.map_async({.error_callback = [called](std::exception_ptr) { called.set(); },
                                 .chunksize = 1},
                                square, Unreadable()),
                 std::out_of_range);
    called.wait();
  }
  go.set();
  EXPECT_EQ(held.get(), 7);
}

uint64_t shared_bytes() {
  uint64_t bytes = 0;
  internal::Family::get().arena().each_live(
      [&](uint64_t, const internal::Block& block) { bytes += block.size; });
  return bytes;
}

size_t length(const std::string& s) { return s.size(); }

TEST_F(PoolHandOver, WhatIsTakenBackFromABusyWorkerDoesNotPileUp) {
  Pool pool(2);
  Event begun, go;
  auto busy = pool.apply_async(tell_and_wait, begun, go);
  begun.wait();
  const std::vector<std::string> in(100, std::string(2000, 'x'));
  const std::vector<size_t> out(in.size(), 2000);
  const uint64_t before = shared_bytes();
  for (int round = 0; round < 200; ++round) {
    ASSERT_EQ(pool.map(length, in, 1), out);
  }
  EXPECT_LT(shared_bytes(), before + (uint64_t{4} << 20));
  go.set();
  EXPECT_EQ(busy.get(), 7);
  // And what it gets once it has passed over that.
  EXPECT_EQ(pool.map(length, in, 1), out);
}

TEST_F(PoolHandOver, ABusyWorkerThatIsFullOfWhatWasTakenBackGetsMoreLater) {
  Pool pool(1);
  Event begun, go;
  auto busy = pool.apply_async(tell_and_wait, begun, go);
  begun.wait();
  for (int i = 0; i < 1000; ++i) {
    pool.apply_async(square, i).cancel();
  }
  auto later = pool.apply_async(square, 5);
  go.set();
  EXPECT_EQ(later.get(), 25);
  EXPECT_EQ(busy.get(), 7);
}

TEST_F(PoolHandOver, SoDoesOneThatWasStoppedAndHasNoResult) {
  Pool pool(1);
  EXPECT_EQ(pool.apply(square, 2), 4);
  const int worker = pool.workers().at(0).pid();
  ::kill(worker, SIGSTOP);
  while (process_state(worker) != 'T') {
    std::this_thread::yield();
  }
  for (int i = 0; i < 1000; ++i) {
    pool.apply_async(square, i).cancel();
  }
  auto later = pool.apply_async(square, 5);
  ::kill(worker, SIGCONT);
  EXPECT_EQ(later.get(), 25);
}

TEST_F(PoolHandOver, TerminateEndsWorkersThoughOneThatHasEndedCannotBeBuried) {
  Pool pool(2);
  Event never;
  Queue<int> pids;
  auto dies = pool.apply_async(tell_pid_and_wait, pids, never);
  auto runs = pool.apply_async(tell_pid_and_wait, pids, never);
  ::kill(pids.get(), SIGKILL);
  pids.get();
  internal::g_pool_circumstances.unreadable = true;
  pool.terminate();
  internal::g_pool_circumstances.unreadable = false;
  EXPECT_TRUE(pool.workers().empty());
  EXPECT_FALSE(dies.successful());
  EXPECT_FALSE(runs.successful());
}

TEST_F(PoolHandOver, WhoCouldNotBeAskedToLeaveIsAskedAgain) {
  Pool pool(2);
  EXPECT_EQ(pool.apply(square, 3), 9);
  internal::g_pool_circumstances.refused_leaves = 3;
  pool.close();
  EXPECT_TRUE(pool.join());
  EXPECT_LE(internal::g_pool_circumstances.refused_leaves.exchange(0), 0);
}

}  // namespace
}  // namespace mp::testing

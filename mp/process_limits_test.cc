// Where there is no room for a process, a descriptor or memory: an error, nothing left, and the next
// call works once there is room.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "mp/errors.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/internal/shm/family.h"
#include "mp/lock.h"
#include "mp/pipe.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/testing/fixture.h"
#include "mp/testing/proc.h"
#include "mp/testing/watchdog.h"

namespace mp {
namespace {

using std::chrono_literals::operator""s;
using testing::Watchdog;

void nothing(std::string) {}

int open_fds() {
  auto entries = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<int>(std::distance(begin(entries), end(entries))) - 1;
}

// No new descriptor while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &limit_);
    rlimit none{0, limit_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { give_back(); }
  void give_back() const { setrlimit(RLIMIT_NOFILE, &limit_); }

 private:
  rlimit limit_;
};

// First, while this process has no family.
TEST(Limits, TheFirstUseWithoutDescriptorsIsAnErrorAndTheNextWorks) {
  ASSERT_EQ(internal::Family::current(), nullptr);
  int before = open_fds();
  {
    NoDescriptors none;
    EXPECT_THROW(Lock(), OSError);
    EXPECT_THROW(Queue<int>(), OSError);
  }
  EXPECT_EQ(open_fds(), before);
  Queue<int> queue;
  queue.put(1);
  EXPECT_EQ(queue.get(), 1);
}

TEST(Limits, WhatExistsNeedsNoDescriptor) {
  Watchdog dog(60s);
  Queue<std::string> queue;
  Lock lock;
  auto [a, b] = Pipe();
  NoDescriptors none;
  queue.put("text");
  EXPECT_EQ(queue.get(), "text");
  std::string large(size_t{1} << 21, 'x');
  queue.put(large);
  EXPECT_TRUE(queue.get() == large);
  a.send(5);
  EXPECT_EQ(b.recv<int>(), 5);
  lock.acquire();
  lock.release();
  Queue<int> another;
  another.put(3);
  EXPECT_EQ(another.get(), 3);
}

TEST(Limits, AChildForkedWithoutDescriptorsJoinsAtItsFirstUse) {
  Watchdog dog(60s);
  Queue<int> queue;
  NoDescriptors none;
  pid_t child = fork();
  if (child == 0) {
    bool refused = false;
    try {
      queue.put(1);
    } catch (const OSError&) {
      refused = true;
    }
    none.give_back();
    queue.put(refused ? 2 : 3);
    _exit(0);
  }
  EXPECT_EQ(queue.get(), 2);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Limits, WithoutMemoryEverythingFailsAndWorksAgainOnceThereIsSome) {
  Watchdog dog(60s);
  internal::Family& family = internal::Family::get();
  Queue<std::string> queue;
  queue.put("before");
  auto [a, b] = Pipe();
  uint64_t budget = family.header().budget;
  int64_t blocks = 0;
  family.arena().each_live([&](uint64_t, const internal::Block&) { ++blocks; });
  family.header().budget = 1;
  {
    std::vector<Queue<int>> queues;
    EXPECT_THROW(
        for (;;) { queues.emplace_back(); }, MemoryError);
    // The last free block is taken: nothing new, and what is there works as far as it has room.
    EXPECT_THROW(Pipe(), MemoryError);
    EXPECT_THROW(queue.put(std::string(size_t{64} << 20, 'x')), MemoryError);
    EXPECT_THROW(a.send(std::string(size_t{64} << 20, 'x')), MemoryError);
    for (const Queue<int>& q : queues) {
      q.put(1);
      EXPECT_EQ(q.get(), 1);
    }
    queue.put("during");
  }
  family.header().budget = budget;
  EXPECT_EQ(queue.get(), "before");
  EXPECT_EQ(queue.get(), "during");
  a.send(std::string(size_t{1} << 20, 'x'));
  EXPECT_EQ(b.recv<std::string>().size(), size_t{1} << 20);
  int64_t after = 0;
  family.arena().each_live([&](uint64_t, const internal::Block& block) {
    after += block.kind != internal::Kind::kHolders ? 1 : 0;
  });
  // The pipe has gone on to another segment.
  EXPECT_LE(after, blocks + 1);
}

class ProcessLimits : public testing::Fixture, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    Fixture::SetUp();
    start_and_join();
    internal::stop_fork_server();
  }
  Process make(std::string text = {}) const {
    return Process({.context = get_context(GetParam())}, nothing, text);
  }
  void start_and_join() const {
    Process p = make();
    p.start();
    EXPECT_TRUE(p.join());
    EXPECT_EQ(p.exitcode(), 0);
  }

  Watchdog dog_{120s};
};

INSTANTIATE_TEST_SUITE_P(Process, ProcessLimits, ::testing::Values("fork", "spawn", "forkserver"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(ProcessLimits, WithoutDescriptorsStartFailsAndLeavesNothing) {
  int before = open_fds();
  int failed = 0;
  int worked = 0;
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  for (int room = 0; room < 16; ++room) {
    Process p = make();
    rlimit tight{static_cast<rlim_t>(before + room), limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &tight);
    absl::Status status = p.try_start();
    setrlimit(RLIMIT_NOFILE, &limit);
    if (status.ok()) {
      ++worked;
    } else {
      ++failed;
      EXPECT_NE(std::string(status.message()).find("[Errno 24]"), std::string::npos) << status;
      // The same object, once there is room.
      p.start();
    }
    p.join();
    p.close();
    internal::stop_fork_server();
    EXPECT_EQ(open_fds(), before) << "with room for " << room;
    EXPECT_TRUE(testing::children_of(getpid()).empty());
  }
  EXPECT_GT(failed, 0);
  EXPECT_GT(worked, 0);
}

TEST_P(ProcessLimits, WithoutSharedMemoryStartFailsAndLeavesNothing) {
  auto& header = internal::Family::get().header();
  uint64_t budget = header.budget;
  uint64_t used = header.used;
  // More than the arena keeps of free memory.
  Process p = make(std::string(internal::Arena::kCacheLimit + 1, 'x'));
  header.budget = used;
  absl::Status status = p.try_start();
  header.budget = budget;
  if (std::string(GetParam()) == "fork") {
    EXPECT_TRUE(status.ok()) << "a forked child has its arguments already: " << status;
  } else {
    EXPECT_NE(std::string(status.message()).find("MP_MEMORY_LIMIT"), std::string::npos) << status;
    // Room was looked for: what was cached may have gone.
    EXPECT_LE(header.used, used);
    EXPECT_FALSE(p.is_alive());
    p.start();
  }
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
  internal::stop_fork_server();
}

}  // namespace
}  // namespace mp

// Process::start() where there is no room for a process: an error, nothing left, and the next start
// works.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>

#include "mp/errors.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"
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
    EXPECT_EQ(header.used, used);
    EXPECT_FALSE(p.is_alive());
    p.start();
  }
  p.join();
  EXPECT_EQ(p.exitcode(), 0);
  internal::stop_fork_server();
}

}  // namespace
}  // namespace mp

// Each bug planted in the pool is caught by a test of pool_crash_test: that one fails, or hangs and is ended by its watchdog.

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "mp/internal/pool/pool_bug.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

using internal::PoolBug;

struct Planted {
  PoolBug bug;
  const char* caught_by;
};

const Planted kPlanted[] = {
    {PoolBug::kDeathUnnoticed, "ATaskThatEndsItsWorkerEndsItself"},
    {PoolBug::kNobodyTakesItsPlace, "IdleWorkersAreReplaced"},
    {PoolBug::kResultOfTheDeadLost, "AResultThatWasSentCountsThoughItsWorkerHasEnded"},
    {PoolBug::kUnbegunTasksLost, "OnlyTheTaskThatWasBegunIsLost"},
    {PoolBug::kBegunTasksRunAgain, "AMapOfWhichOneChunkDiesWaitsForTheOthersAndSaysWhy"},
    {PoolBug::kNothingIsTakenBack, "AStoppedWorkerDelaysWhatItHasBegunOnly"},
    {PoolBug::kHandlesLeftInMessage, "WhatTasksCarryThatWereTakenBackIsFreed"},
    {PoolBug::kPlaceForgotten, "ASmallerPoolStillFindsItsWorkers"},
    {PoolBug::kMercy, "TerminateEndsWhoIgnoresSigtermAndWhoIsStopped"},
};

// How pool_crash_test ends with `filter`, as wait() says.
int run_tests(const std::string& filter, PoolBug bug) {
  std::string bug_text = "MP_POOL_BUG=" + std::to_string(static_cast<int>(bug));
  std::string filter_text = "--gtest_filter=PoolCrash." + filter;
  std::string program = "mp/pool_crash_test";
  char* arguments[] = {program.data(), filter_text.data(), nullptr};
  std::vector<char*> environment;
  for (char** at = environ; *at != nullptr; ++at) {
    // Bazel's say where this test's own report goes.
    if (std::string(*at).find("XML_OUTPUT_FILE") == std::string::npos) {
      environment.push_back(*at);
    }
  }
  environment.push_back(bug_text.data());
  environment.push_back(nullptr);
  pid_t pid = 0;
  int error = posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environment.data());
  EXPECT_EQ(error, 0) << program;
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

TEST(PoolPlanted, EachBugIsCaught) {
  Watchdog dog(std::chrono::minutes(4));
  for (const Planted& planted : kPlanted) {
    SCOPED_TRACE(planted.caught_by);
    EXPECT_EQ(run_tests(planted.caught_by, PoolBug::kNone), 0);
    EXPECT_NE(run_tests(planted.caught_by, planted.bug), 0);
  }
}

}  // namespace
}  // namespace mp::testing

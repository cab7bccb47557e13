// The short form of kill_report: the same rows, killed around each change of the shared bytes, each
// system call, and at every 5000th instruction in between.

#include <gtest/gtest.h>

#include <chrono>

#include "mp/testing/kill_suite.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

using namespace std::chrono_literals;

TEST(Kill, NothingHangsTearsLosesOrLeaksAndEveryPlantedBugIsCaught) {
  Watchdog dog(800s);
  Totals totals =
      kill_suite().run({.stride = 5000, .jobs = 2, .progress = false, .row_limit = 300s});
  EXPECT_GT(totals.points, 300);
  EXPECT_EQ(totals.violations, 0);
  EXPECT_GT(totals.bugs, 0);
  EXPECT_EQ(totals.caught, totals.bugs);
}

}  // namespace
}  // namespace mp::testing

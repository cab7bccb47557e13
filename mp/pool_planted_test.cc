// Each bug planted in the pool is caught by a test of another program: that one fails, or hangs and is ended by its watchdog.

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "mp/internal/pool/pool_bug.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

using internal::PoolBug;

struct Planted {
  PoolBug bug;
  const char* caught_by;
  const char* program = "mp/pool_crash_test";
};
std::ostream& operator<<(std::ostream& out, const Planted& planted) {
  return out << static_cast<int>(planted.bug) << " in " << planted.caught_by;
}
constexpr const char* kHandOver = "mp/pool_hand_over_test";
constexpr const char* kCallback = "mp/pool_callback_test";
constexpr const char* kImap = "mp/pool_imap_test";
constexpr const char* kStorm = "mp/pool_kills_test";
constexpr const char* kBasics = "mp/pool_test";

const Planted kPlanted[] = {
    {PoolBug::kDeathUnnoticed, "PoolCrash.ATaskThatEndsItsWorkerEndsItself"},
    {PoolBug::kNobodyTakesItsPlace, "PoolCrash.IdleWorkersAreReplaced"},
    {PoolBug::kNobodyTakesItsPlace, "PoolCrash.AllWorkersAreKilledAtOnce"},
    {PoolBug::kNobodyTakesItsPlace, "PoolCrash.ResizesWhileItWorks"},
    {PoolBug::kResultOfTheDeadLost, "PoolCrash.AResultThatWasSentCountsThoughItsWorkerHasEnded"},
    {PoolBug::kUnbegunTasksLost, "PoolCrash.OnlyTheTaskThatWasBegunIsLost"},
    {PoolBug::kUnbegunTasksLost, "PoolCrash.AllWorkersAreKilledAtOnce"},
    {PoolBug::kAllIsBegun, "PoolCrash.OnlyTheTaskThatWasBegunIsLost"},
    {PoolBug::kAllIsBegun, "Methods/PoolStorm.EveryCallEndsWithItsValueOrWorkerDied/fork", kStorm},
    {PoolBug::kUnbegunTasksLost, "Methods/PoolStorm.EveryCallEndsWithItsValueOrWorkerDied/fork",
     kStorm},
    {PoolBug::kInheritedCounts, "PoolTest.WhatItInheritsIsNotItsGrowth", kBasics},
    {PoolBug::kLowestRuns, "PoolHandOver.CancellingWhatRunsEndsItThoughAnotherIsNotRead",
     kHandOver},
    {PoolBug::kLowestRuns, "PoolHandOver.TheTimeOfWhatIsDoneAndNotReadEndsNobody", kHandOver},
    {PoolBug::kLateWorkersUnseen, "PoolHandOver.WhoReadsResultsSeesWorkersThatCameLater",
     kHandOver},
    {PoolBug::kCallsUntold, "PoolHandOver.ACallbackOfWhatWasGivenUpWakesWhoSleepsAsItReadsResults",
     kHandOver},
    {PoolBug::kCallsOneByOne, "PoolCallback/0.MayWaitForWhatHasACallback", kCallback},
    {PoolBug::kRingsGrow, "PoolHandOver.WhatIsTakenBackFromABusyWorkerDoesNotPileUp", kHandOver},
    {PoolBug::kCloggedForGood, "PoolHandOver.SoDoesOneThatWasStoppedAndHasNoResult", kHandOver},
    {PoolBug::kAskedToLeaveOnce, "PoolHandOver.WhoCouldNotBeAskedToLeaveIsAskedAgain", kHandOver},
    {PoolBug::kLastUntold, "PoolHandOver.AMapIsDoneThoughNobodyIsToldOfItsResultsOneByOne",
     kHandOver},
    {PoolBug::kOthersFirst, "PoolHandOver.AMapIsDoneThoughItsWorkerGoesOnWithWhatIsAnothers",
     kHandOver},
    {PoolBug::kStreamsCut, "PoolImap/0.GoesOnAfterClose", kImap},
    {PoolBug::kJoinReadsOn, "PoolImap/0.JoinReadsNoLongerThanItsTimeout", kImap},
    {PoolBug::kBuriedFirst, "PoolHandOver.TerminateEndsWorkersThoughOneThatHasEndedCannotBeBuried",
     kHandOver},
    {PoolBug::kUnwatched, "PoolCrash.WhoLooksNowAndThenSeesWhatAStoppedWorkerHasNotBegun"},
    {PoolBug::kUnwatched, "PoolCrash.WhoWaitsAgainAndAgainSeesWhatAStoppedWorkerHasNotBegun"},
    {PoolBug::kUnwatched, "PoolCrash.WhatAStoppedWorkerHasNotBegunIsDoneThoughNobodyWaits"},
    {PoolBug::kUnwatched, "PoolCrash.WhatAStoppedWorkerHasNotBegunIsDoneWhateverElseIs"},
    {PoolBug::kUnwatched, "PoolCrash.AWorkerThatGoesOnTakesOverWhatIsQueuedBehindALongTask"},
    {PoolBug::kBegunTasksRunAgain, "PoolCrash.AMapOfWhichOneChunkDiesWaitsForTheOthersAndSaysWhy"},
    {PoolBug::kNothingIsTakenBack, "In/PoolStop.DelaysWhatTheWorkerHasBegunOnly/decode"},
    {PoolBug::kNothingIsTakenBack, "In/PoolStop.DelaysWhatTheWorkerHasBegunOnly/run"},
    {PoolBug::kNothingIsTakenBack, "In/PoolStop.DelaysWhatTheWorkerHasBegunOnly/encode"},
    {PoolBug::kNothingIsTakenBack,
     "PoolCrash.WhatOnlyAWorkerHasThatIsStoppedIdleIsCancelledOrWaits"},
    {PoolBug::kNewcomersIdle, "PoolHandOver.WhoTakesADeadOnesPlaceGetsWhatIsQueuedBehindOthers",
     kHandOver},
    {PoolBug::kNewcomersIdle, "PoolHandOver.SoDoesAWorkerThatIsAdded", kHandOver},
    {PoolBug::kLevelledOnce, "PoolHandOver.SoDoAllThatBecomeIdleAtOnce", kHandOver},
    {PoolBug::kHandlesLeftInMessage, "PoolCrash.WhatTasksCarryThatWereTakenBackIsFreed"},
    {PoolBug::kPlaceForgotten, "PoolCrash.ASmallerPoolStillFindsItsWorkers"},
    {PoolBug::kMercy, "PoolCrash.TerminateEndsWhoIgnoresSigterm"},
    {PoolBug::kMercy, "PoolCrash.TerminateEndsWhoIsStoppedIdle"},
    {PoolBug::kMercy, "PoolCrash.TerminateEndsWhoStaysInTheAllocator"},
    {PoolBug::kMercy, "In/PoolStop.TerminateEndsTheWorker/decode"},
    {PoolBug::kMercy, "In/PoolStop.TerminateEndsTheWorker/run"},
    {PoolBug::kMercy, "In/PoolStop.TerminateEndsTheWorker/encode"},
    {PoolBug::kAskedToEnd, "In/PoolStop.ATimeoutEndsTheTask/decode"},
    {PoolBug::kAskedToEnd, "In/PoolStop.ATimeoutEndsTheTask/run"},
    {PoolBug::kAskedToEnd, "In/PoolStop.ATimeoutEndsTheTask/encode"},
    {PoolBug::kAskedToEnd, "In/PoolStop.CancelEndsTheTask/decode"},
    {PoolBug::kAskedToEnd, "In/PoolStop.CancelEndsTheTask/run"},
    {PoolBug::kAskedToEnd, "In/PoolStop.CancelEndsTheTask/encode"},
    {PoolBug::kAskedKeepsQuiet, "PoolCrash.WhoIsAskedToReadResultsAndHasHisOwnAsksTheNext"},
};

// How the program ends when it runs the test, as wait() says.
int run_test(const Planted& planted, PoolBug bug, std::chrono::seconds patience) {
  std::string bug_text = "MP_POOL_BUG=" + std::to_string(static_cast<int>(bug));
  std::string filter_text = std::string("--gtest_filter=") + planted.caught_by;
  std::string patience_text = "MP_POOL_PATIENCE=" + std::to_string(patience.count());
  std::string program = planted.program;
  char* arguments[] = {program.data(), filter_text.data(), nullptr};
  std::vector<char*> environment;
  for (char** at = environ; *at != nullptr; ++at) {
    // Some of Bazel's are this test's own: where its report goes, and which part of it is to be run.
    const std::string_view one = *at;
    if (one.find("XML_OUTPUT_FILE") == one.npos && one.find("_SHARD_") == one.npos &&
        one.find("_TOTAL_SHARDS") == one.npos) {
      environment.push_back(*at);
    }
  }
  environment.push_back(bug_text.data());
  environment.push_back(patience_text.data());
  environment.push_back(nullptr);
  pid_t pid = 0;
  int error = posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, environment.data());
  EXPECT_EQ(error, 0) << program;
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  return status;
}

class PoolPlanted : public ::testing::TestWithParam<Planted> {
 private:
  Watchdog dog_{std::chrono::minutes(4)};
};

TEST_P(PoolPlanted, IsCaught) {
  using std::chrono::seconds;
  using std::chrono::steady_clock;
  const auto start = steady_clock::now();
  EXPECT_EQ(run_test(GetParam(), PoolBug::kNone, seconds(0)), 0);
  // Who takes ten times as long hangs: nothing is caught by a machine that is slow.
  const auto usual = std::chrono::duration_cast<seconds>(steady_clock::now() - start);
  // On a machine with much to do, what the bug harms may not be reached in time: once of five is enough.
  int status = 0;
  for (int attempt = 0; attempt < 5 && status == 0; ++attempt) {
    status = run_test(GetParam(), GetParam().bug, std::max(seconds(3), 10 * usual));
  }
  EXPECT_NE(status, 0);
}

std::string planted_name(const ::testing::TestParamInfo<Planted>& info) {
  std::string name = std::to_string(static_cast<int>(info.param.bug)) + "_by_";
  for (char c : std::string_view(info.param.caught_by)) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
}
INSTANTIATE_TEST_SUITE_P(Bug, PoolPlanted, ::testing::ValuesIn(kPlanted), planted_name);

}  // namespace
}  // namespace mp::testing

// Freeing by reachability: FamilyModel with handles. MP_MODEL_LONG=1 runs the larger casts.

#include <gtest/gtest.h>

#include "mp/internal/model/explorer.h"
#include "mp/internal/shm/family_model.h"

namespace mp::internal {
namespace {

TEST(ReachabilityModel, OneProcessAlone) {
  EXPECT_EQ(run_family({.processes = {"p12 d2 g1 d2 d1"}, .holds = {"12"}}), "");
  EXPECT_EQ(run_family({.processes = {"p12 d2 d1"}, .holds = {"12"}, .kills = 1}), "");
  EXPECT_EQ(run_family({.processes = {"p12 p13 d2 d3 d1"}, .holds = {"123"}, .kills = 1}), "");
  EXPECT_EQ(run_family({.processes = {"c c"}, .holds = {""}, .kills = 1}), "");
}

TEST(ReachabilityModel, AHandleInAMessageKeepsItsObject) {
  EXPECT_EQ(run_family({.processes = {"p12 d2", "g1 d2"}, .holds = {"12", "1"}, .kills = 2}), "");
  EXPECT_EQ(
      run_family({.processes = {"p12 d2", "g1 d2", "w"}, .holds = {"12", "1", ""}, .kills = 2}),
      "");
  EXPECT_EQ(run_family({.processes = {"g1 d2 d1", "g1 d2 d1", "w"},
                        .holds = {"1", "1", ""},
                        .kills = 2,
                        .sent = "12"}),
            "");
}

TEST(ReachabilityModel, AnObjectOfOnesOwnIsSharedWhenItIsSentOrForked) {
  EXPECT_EQ(run_family({.processes = {"k p12 d2", "g1 d2"}, .holds = {"1", "1"}, .kills = 2}), "");
  EXPECT_EQ(run_family({.processes = {"k f d1", "*d1"}, .holds = {"", ""}, .kills = 2}), "");
}

TEST(ReachabilityModel, AHandleThatIsSentOnKeepsItsObject) {
  EXPECT_EQ(
      run_family(
          {.processes = {"p12 d2", "g1 p32 d2", "g3 d2"}, .holds = {"12", "13", "3"}, .kills = 2}),
      "");
}

TEST(ReachabilityModel, AMessageWhoseSenderDiedKeepsNothing) {
  EXPECT_EQ(run_family({.processes = {"p12 d2", "w", "w"}, .holds = {"12", "1", "1"}, .kills = 2}),
            "");
  EXPECT_EQ(
      run_family({.processes = {"p12 d2", "p12 d2", "w"}, .holds = {"12", "12", ""}, .kills = 2}),
      "");
}

TEST(ReachabilityModel, AForkHoldsWhatItsParentHeld) {
  EXPECT_EQ(run_family({.processes = {"f d2 d1", "*d2 d1"}, .holds = {"12", ""}, .kills = 2}), "");
  EXPECT_EQ(run_family({.processes = {"f d1", "*g1 d2 d1", "g1 d2"},
                        .holds = {"1", "", "1"},
                        .kills = 2,
                        .sent = "12"}),
            "");
  // Into the slot of a dead process, which others sweep.
  EXPECT_EQ(run_family({.processes = {"w f d2 d1", "*d2 d1", "w"},
                        .holds = {"12", "", ""},
                        .kills = 2,
                        .dead = "2"}),
            "");
}

TEST(ReachabilityModel, WhoeverComesBySweepsWhatAKilledSweeperLeft) {
  EXPECT_EQ(
      run_family(
          {.processes = {"w", "w"}, .holds = {"", ""}, .kills = 2, .dead = "12", .sent = "12"}),
      "");
  // What is freed is given out again meanwhile.
  EXPECT_EQ(
      run_family({.processes = {"w", "w", "c"}, .holds = {"", "", ""}, .kills = 2, .dead = "12"}),
      "");
}

TEST(ReachabilityModel, AChannelGoesWithTheMessageThatCarriesIt) {
  EXPECT_EQ(run_family({.processes = {"p11 d1", "g1 d1"}, .holds = {"1", "1"}, .kills = 2}), "");
  EXPECT_EQ(
      run_family({.processes = {"p12 p12 d2 d1", "g1 d2 d1"}, .holds = {"12", "1"}, .kills = 2}),
      "");
  // 1 carries 2, which carries 3.
  EXPECT_EQ(
      run_family({.processes = {"p12 d2 d1", "p23 d3 d2"}, .holds = {"12", "23"}, .kills = 2}), "");
  EXPECT_EQ(run_family({.processes = {"p23 d3 d2 d1", "g1 d2 d1", "w"},
                        .holds = {"123", "1", ""},
                        .kills = 2,
                        .sent = "12"}),
            "");
}

void run_long(const FamilyCast& cast) {
  if (!model::long_runs()) {
    GTEST_SKIP() << "set MP_MODEL_LONG=1";
  }
  EXPECT_EQ(run_family(cast), "");
}

TEST(ReachabilityModelLong, SenderTwoReceiversAndASweeper) {
  run_long(
      {.processes = {"p12 d2", "g1 d2", "g1 d2", "w"}, .holds = {"12", "1", "1", ""}, .kills = 3});
}

TEST(ReachabilityModelLong, AForkWhileOneSendsAndOneSweeps) {
  run_long({.processes = {"f g1 d2 d1", "*d1", "p12 d2 d1", "w"},
            .holds = {"1", "", "12", ""},
            .kills = 2});
}

TEST(ReachabilityModelLong, SweepersAndWhatIsFreedGivenOutAgain) {
  run_long({.processes = {"w", "w", "k c"}, .holds = {"", "", ""}, .kills = 2, .dead = "12"});
}

TEST(ReachabilityModelLong, AMessageIsSentInWhatIsFreedAndGivenOutAgain) {
  run_long(
      {.processes = {"p12 d2 d1", "g1 d2 d1", "c", "w"}, .holds = {"12", "1", "", ""}, .kills = 2});
}

TEST(ReachabilityModelLong, AChannelInAMessageIsReadOut) {
  run_long({.processes = {"p23 d3 d2 d1", "g1 d1 g2 d2 d3", "w"},
            .holds = {"123", "1", ""},
            .kills = 3,
            .sent = "12"});
}

TEST(ReachabilityModelLong, AChannelInAMessageAndAFork) {
  run_long({.processes = {"g1 f d2 d1", "*g2 d3 d2 d1", "p23 d3 d2 d1", "w"},
            .holds = {"1", "", "123", ""},
            .kills = 2,
            .sent = "12"});
}

TEST(ReachabilityModel, FindsAnEntryWrittenAfterTheCommit) {
  EXPECT_EQ(violation_with<Bug::kDropBeforeUseEnds>(
                {.processes = {"d2", "g1"}, .holds = {"2", "1"}, .sent = "12"}),
            kFreedTooEarly);
}

TEST(ReachabilityModel, FindsAScanOfTheListsBeforeTheMessages) {
  EXPECT_EQ(violation_with<Bug::kListsBeforeMessages>(
                {.processes = {"d2", "g1"}, .holds = {"2", "1"}, .sent = "12"}),
            kFreedTooEarly);
}

TEST(ReachabilityModel, FindsADropWithoutTheLock) {
  EXPECT_EQ(violation_with<Bug::kFreeWithoutLock>(
                {.processes = {"d2", "g1 p12 d2"}, .holds = {"2", "1"}, .sent = "12"}),
            kFreedTooEarly);
}

TEST(ReachabilityModel, FindsASweepOfASlotThatIsSomebodyElsesByThen) {
  EXPECT_EQ(violation_with<Bug::kSweepWithoutSecondLook>(
                {.processes = {"w f d2", "*", "w"}, .holds = {"2", "", ""}, .dead = "2"}),
            kFreedTooEarly);
}

TEST(ReachabilityModel, FindsAForkThatCopiesTheListOnceTheChildRuns) {
  EXPECT_EQ(violation_with<Bug::kCopyAfterFork>(
                {.processes = {"f", "*", "w"}, .holds = {"2", "", ""}, .kills = 1}),
            kFreedTooEarly);
}

TEST(ReachabilityModel, FindsAnEntryThatIsClearedBeforeItsObjectIsFreed) {
  EXPECT_EQ(
      violation_with<Bug::kClearEntryBeforeFree>({.processes = {"d2"}, .holds = {"2"}, .kills = 1}),
      kLeftOver);
}

TEST(ReachabilityModel, FindsAnUnpublishedMessageThatNobodySettles) {
  EXPECT_EQ(violation_with<Bug::kLeaveUnpublished>(
                {.processes = {"p12 d2", ""}, .holds = {"12", "1"}, .kills = 1}),
            kLeftOver);
}

}  // namespace
}  // namespace mp::internal

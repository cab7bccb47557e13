// Descriptors inside messages: FamilyModel with deposits. MP_MODEL_LONG=1 runs the larger casts.

#include <gtest/gtest.h>

#include "mp/internal/model/explorer.h"
#include "mp/internal/shm/family_model.h"

namespace mp::internal {
namespace {

TEST(DepositsModel, OneProcessAlone) {
  EXPECT_EQ(run_family({.processes = {"s1 g1 d1"}, .holds = {"1"}, .kills = 1}), "");
  EXPECT_EQ(run_family({.processes = {"s1 x1 l1 d1"}, .holds = {"1"}, .kills = 1}), "");
}

TEST(DepositsModel, ADescriptorIsItsReceiversOrNobodys) {
  EXPECT_EQ(run_family({.processes = {"s1", "g1"}, .holds = {"1", "1"}, .kills = 2}), "");
  EXPECT_EQ(run_family({.processes = {"s1", "g1", "g1"}, .holds = {"1", "1", "1"}, .kills = 2}),
            "");
  EXPECT_EQ(run_family({.processes = {"s1", "g1", "w"}, .holds = {"1", "1", ""}, .kills = 2}), "");
}

TEST(DepositsModel, AMessageThatIsNotSentLeavesNoDescriptor) {
  EXPECT_EQ(run_family({.processes = {"x1 s1", "g1"}, .holds = {"1", "1"}, .kills = 2}), "");
  EXPECT_EQ(run_family({.processes = {"s1", "s1", "w"}, .holds = {"1", "1", ""}, .kills = 2}), "");
}

TEST(DepositsModel, ADescriptorThatIsNotFetchedIsThrownAway) {
  EXPECT_EQ(run_family({.processes = {"s1", "l1", "w"}, .holds = {"1", "1", ""}, .kills = 2}), "");
  // Who only looks leaves it to the next.
  EXPECT_EQ(run_family({.processes = {"s1", "b1", "g1"}, .holds = {"1", "1", "1"}, .kills = 2}),
            "");
}

TEST(DepositsModel, ADescriptorGoesWithItsChannel) {
  EXPECT_EQ(run_family({.processes = {"s1 d1", "g1 d1"}, .holds = {"1", "1"}, .kills = 2}), "");
  EXPECT_EQ(run_family({.processes = {"s1 d1", "d1"}, .holds = {"1", "1"}, .kills = 2}), "");
  EXPECT_EQ(run_family({.processes = {"s1 d1", "w"}, .holds = {"1", ""}, .kills = 2}), "");
  // Its channel is in a message of another.
  EXPECT_EQ(run_family({.processes = {"s2 p12 d2 d1", "w"}, .holds = {"12", ""}, .kills = 2}), "");
}

void run_long(const FamilyCast& cast) {
  if (!model::long_runs()) {
    GTEST_SKIP() << "set MP_MODEL_LONG=1";
  }
  EXPECT_EQ(run_family(cast), "");
}

TEST(DepositsModelLong, SenderReceiverAndTwoSweepers) {
  run_long({.processes = {"s1", "g1", "w", "w"}, .holds = {"1", "1", "", ""}, .kills = 2});
}

TEST(DepositsModelLong, TwoSendersAndTwoReceivers) {
  run_long({.processes = {"s1", "x1 s1", "g1", "g1"}, .holds = {"1", "1", "1", "1"}, .kills = 2});
}

TEST(DepositsModelLong, AChannelThatGoesWhileOthersSweep) {
  run_long({.processes = {"s1 d1", "d1", "w"}, .holds = {"1", "1", ""}, .kills = 2});
}

TEST(DepositsModelLong, AChannelThatGoesWhileOthersReceiveAndSweep) {
  run_long({.processes = {"s1 d1", "g1 d1", "w"}, .holds = {"1", "1", ""}, .kills = 2});
}

TEST(DepositsModelLong, AChannelInAMessageIsReadOut) {
  run_long(
      {.processes = {"s2 p12 d2 d1", "g1 d1 g2 d2", "w"}, .holds = {"12", "1", ""}, .kills = 2});
}

TEST(DepositsModelLong, WhatIsFreedIsGivenOutAgain) {
  run_long({.processes = {"s1 d1", "c", "w"}, .holds = {"1", "", ""}, .kills = 2});
}

TEST(DepositsModel, FindsADepositAfterThePublication) {
  EXPECT_EQ(
      violation_with<Bug::kDepositAfterPublish>({.processes = {"s1", "g1"}, .holds = {"1", "1"}}),
      kThrownAway);
}

TEST(DepositsModel, FindsAClaimAfterTheCommit) {
  EXPECT_EQ(violation_with<Bug::kClaimAfterCommit>(
                {.processes = {"s1", "g1"}, .holds = {"1", "1"}, .kills = 1}),
            kForgotten);
}

TEST(DepositsModel, FindsAnEntryThatEndsBeforeItsDescriptorIsThrownAway) {
  EXPECT_EQ(violation_with<Bug::kEndBeforeDiscard>(
                {.processes = {"s1", "w"}, .holds = {"1", ""}, .kills = 2}),
            kForgotten);
}

TEST(DepositsModel, FindsALookAtTheTakerBeforeTheCommit) {
  EXPECT_EQ(violation_with<Bug::kTakerBeforeCommit>(
                {.processes = {"s1 w", "g1", "g1"}, .holds = {"1", "1", "1"}, .kills = 1}),
            kThrownAway);
}

TEST(DepositsModel, FindsAnUnpublishedMessageThatNobodySettles) {
  EXPECT_EQ(violation_with<Bug::kLeaveUnpublished>(
                {.processes = {"s1", ""}, .holds = {"1", "1"}, .kills = 1}),
            kForgotten);
}

}  // namespace
}  // namespace mp::internal

#include "mp/internal/model/explorer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "mp/internal/model/model_atomics.h"

namespace mp::internal::model {
namespace {

struct Shared {
  ModelAtomic<uint32_t> a;
  ModelAtomic<uint32_t> b;
  ModelAtomic<uint32_t> sum;
};

class ExplorerTest : public ::testing::Test {
 protected:
  ExplorerTest() {
    scenario_.shared = &shared_;
    scenario_.size = sizeof shared_;
    scenario_.begin = [] {};
    scenario_.names = {{&shared_.a, "a"}, {&shared_.b, "b"}, {&shared_.sum, "sum"}};
  }

  alignas(16) Shared shared_;
  Scenario scenario_;
};

TEST_F(ExplorerTest, ASceneWithoutActorsEndsAtOnce) {
  Outcome o = explore(scenario_);
  EXPECT_EQ(o.violation, "");
  EXPECT_EQ(o.states, 1u);
  EXPECT_EQ(o.ends, 1u);
}

TEST_F(ExplorerTest, OneActorHasOneOrder) {
  scenario_.actors = {[&] {
    shared_.a.store(1);
    shared_.a.store(2);
  }};
  scenario_.end = [&] { require(shared_.a.raw() == 2, "a is not 2"); };
  Outcome o = explore(scenario_);
  EXPECT_EQ(o.violation, "");
  EXPECT_EQ(o.ends, 1u);
}

TEST_F(ExplorerTest, AtomicAdditionsLoseNothing) {
  auto add = [&] { shared_.sum.fetch_add(1); };
  scenario_.actors = {add, add, add};
  scenario_.end = [&] { require(shared_.sum.raw() == 3, "an addition was lost"); };
  EXPECT_EQ(explore(scenario_).violation, "");
}

TEST_F(ExplorerTest, ALostUpdateIsFoundWithItsPath) {
  auto add = [&] { shared_.sum.store(shared_.sum.load() + 1); };
  scenario_.actors = {add, add};
  scenario_.end = [&] { require(shared_.sum.raw() == 2, "an addition was lost"); };
  std::string v = explore(scenario_).violation;
  EXPECT_EQ(v.substr(0, v.find('\n')), "an addition was lost");
  EXPECT_NE(v.find("0: stores sum+0"), std::string::npos) << v;
}

// Two flags and a turn-less doorway: both see the other's flag or one of them does, never neither.
TEST_F(ExplorerTest, EveryOutcomeOfTwoFlagsIsSeenAndNoOther) {
  auto flag = [&](ModelAtomic<uint32_t>& mine, ModelAtomic<uint32_t>& other) {
    mine.store(1);
    if (other.load() == 0) {
      shared_.sum.fetch_add(1);
    }
  };
  int seen[3] = {};
  scenario_.actors = {[&] { flag(shared_.a, shared_.b); }, [&] { flag(shared_.b, shared_.a); }};
  scenario_.end = [&] {
    require(shared_.sum.raw() < 2, "both were first");
    ++seen[shared_.sum.raw()];
  };
  EXPECT_EQ(explore(scenario_).violation, "");
  EXPECT_NE(seen[0], 0);
  EXPECT_NE(seen[1], 0);
}

TEST_F(ExplorerTest, ChooseTriesEveryNumber) {
  int seen[3] = {};
  scenario_.actors = {[&] { shared_.a.store(static_cast<uint32_t>(choose(3))); }};
  scenario_.end = [&] { ++seen[shared_.a.raw()]; };
  EXPECT_EQ(explore(scenario_).violation, "");
  EXPECT_EQ(seen[0] * seen[1] * seen[2], 1);
}

TEST_F(ExplorerTest, AnActorIsKilledBeforeEachOfItsSteps) {
  int seen[4] = {};
  scenario_.actors = {[&] {
    shared_.a.store(1);
    shared_.a.store(2);
    shared_.a.store(3);
  }};
  scenario_.kills = 1;
  scenario_.end = [&] { ++seen[shared_.a.raw()]; };
  EXPECT_EQ(explore(scenario_).violation, "");
  for (int n : seen) {
    EXPECT_NE(n, 0);
  }
}

TEST_F(ExplorerTest, ASleeperNobodyWakesIsFound) {
  using P = Parking<ModelAtomics<>>;
  // The store and the wake in the wrong order.
  scenario_.actors = {[&] { P::wait(shared_.a, 0, Deadline::never()); },
                      [&] {
                        P::wake(shared_.a, 1);
                        shared_.a.store(1);
                      }};
  std::string v = explore(scenario_).violation;
  EXPECT_EQ(v.substr(0, v.find('\n')), "asleep for ever: 0 on a+0");
}

TEST_F(ExplorerTest, ASleeperIsWokenByAWakeAfterTheChange) {
  using P = Parking<ModelAtomics<>>;
  scenario_.actors = {[&] { P::wait(shared_.a, 0, Deadline::never()); },
                      [&] {
                        shared_.a.store(1);
                        P::wake(shared_.a, 1);
                      }};
  EXPECT_EQ(explore(scenario_).violation, "");
}

TEST_F(ExplorerTest, AWakeOfOneMayReachAnyOfTheSleepers) {
  using P = Parking<ModelAtomics<>>;
  int first[2] = {};
  auto sleep = [&] {
    P::wait(shared_.a, 0, Deadline::never());
    uint32_t nobody = 0;
    shared_.b.compare_exchange_strong(nobody, static_cast<uint32_t>(self()) + 1);
    P::wake(shared_.a, 1);
  };
  scenario_.actors = {sleep, sleep, [&] {
                        shared_.a.store(1);
                        P::wake(shared_.a, 1);
                      }};
  scenario_.end = [&] { ++first[shared_.b.raw() - 1]; };
  EXPECT_EQ(explore(scenario_).violation, "");
  EXPECT_NE(first[0], 0);
  EXPECT_NE(first[1], 0);
}

TEST_F(ExplorerTest, SlicesEndAfterADeathAlone) {
  using P = Parking<ModelAtomics<>>;
  scenario_.actors = {[&] { P::wait(shared_.a, 0, Deadline::never()); },
                      [&] {
                        shared_.a.store(1);
                        P::wake(shared_.a, 1);
                      }};
  scenario_.kills = 1;
  EXPECT_EQ(explore(scenario_).violation, "");
}

TEST_F(ExplorerTest, ATimedSleepEndsByItself) {
  using P = Parking<ModelAtomics<>>;
  int timeouts = 0;
  scenario_.actors = {
      [&] { timeouts += P::wait(shared_.a, 0, any_time()) == FutexResult::kTimeout ? 1 : 0; }};
  EXPECT_EQ(explore(scenario_).violation, "");
  EXPECT_EQ(timeouts, 1);
}

TEST_F(ExplorerTest, ALoopThatForgetsItsPassesIsFinite) {
  scenario_.actors = {[&] {
                        ModelAtomics<>::LoopHead head;
                        do {
                          head.again();
                        } while (shared_.a.load() == 0);
                      },
                      [&] { shared_.a.store(1); }};
  Outcome o = explore(scenario_);
  EXPECT_EQ(o.violation, "");
  EXPECT_LT(o.states, 20u);
}

}  // namespace
}  // namespace mp::internal::model

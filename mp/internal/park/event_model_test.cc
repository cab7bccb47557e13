// Every order of the steps of those who set, clear and await an event, with up to two of them
// killed. What the explorer does not model: memory orders weaker than seq_cst, spinning, wake-ups
// without a reason. MP_MODEL_LONG=1 runs the larger ones.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mp/internal/model/explorer.h"
#include "mp/internal/model/model_atomics.h"
#include "mp/internal/park/event_word.h"

namespace mp::internal {
namespace {

using model::Outcome;
using model::Scenario;

// What each actor does, one letter after the other: s sets, c clears, w waits, t waits and may give
// up at any moment while it sleeps, p polls; and a lets somebody register before it goes on.
struct Cast {
  std::vector<std::string> actors;
  int kills = 0;
  int early_slices = 0;
};

template <class A>
struct Shared {
  EventWord<A> event;
  uint64_t padding = 0;
};

template <class A = model::ModelAtomics<>>
Outcome run(const char* name, const Cast& cast) {
  alignas(16) static Shared<A> shared;
  static_assert(sizeof shared % 16 == 0);
  model::ModelFamily family(true);

  auto use = [&](char how, size_t = 0) {
    switch (how) {
      case 's':
        park_set(shared.event);
        break;
      case 'c':
        shared.event.clear();
        break;
      case 'a': {
        [[maybe_unused]] typename A::LoopHead head;
        do {
          head.again();
        } while (shared.event.sleepers.asked.load() == 0);
        break;
      }
      default: {
        Deadline deadline = how == 't'   ? model::any_time()
                            : how == 'p' ? Deadline::past()
                                         : Deadline::never();
        bool got = park_wait(shared.event, deadline, family);
        uint64_t changes = shared.event.changes.raw();
        model::require(got || how != 'w', "gave up without a timeout");
        model::require(!got || changes > 0, "true, and nobody has set it");
      }
    }
  };

  Scenario s;
  s.shared = &shared;
  s.size = sizeof shared;
  s.begin = [] {};
  model::cast(s, cast.actors, use);
  // Whatever happened: a set by a survivor wakes everybody, and is seen.
  s.end = [&] {
    use('s');
    use('w');
    use('c');
    model::require(!EventWord<A>::is_set(shared.event.look()), "still set after clear()");
    use('p');
  };
  // A waiter may wait for ever for one that died before it set the flag.
  s.may_stay = [](int, const void*) { return !EventWord<A>::is_set(shared.event.changes.raw()); };
  s.names = {{&shared.event.changes, "changes"},
             {&shared.event.sleepers.seq, "seq"},
             {&shared.event.sleepers.asked, "asked"},
             {&shared.event.sleepers.served, "served"}};
  s.kills = cast.kills;
  s.early_slices = cast.early_slices;
  Outcome o = model::explore(s);
  model::report(name, o);
  return o;
}

TEST(EventModel, NoWakeUpIsLostWithoutDeaths) {
  EXPECT_EQ(run("w s", {.actors = {"w", "s"}}).violation, "");
  EXPECT_EQ(run("w w s", {.actors = {"w", "w", "s"}}).violation, "");
  EXPECT_EQ(run("w s s", {.actors = {"w", "s", "s"}}).violation, "");
  EXPECT_EQ(run("ww t scs", {.actors = {"ww", "t", "scs"}}).violation, "");
}

TEST(EventModel, WhoWaitedWhenItWasSetReturnsTrueThoughItIsClearAgain) {
  EXPECT_EQ(run("w asc", {.actors = {"w", "asc"}}).violation, "");
  EXPECT_EQ(run("w asc c", {.actors = {"w", "asc", "c"}}).violation, "");
}

TEST(EventModel, AnEarlySliceLosesNothing) {
  EXPECT_EQ(run("w w s, 2 early slices", {.actors = {"w", "w", "s"}, .early_slices = 2}).violation,
            "");
}

TEST(EventModel, TheLivingGetThroughAfterTwoDeaths) {
  EXPECT_EQ(run("w w s, 1 kill", {.actors = {"w", "w", "s"}, .kills = 1}).violation, "");
  EXPECT_EQ(run("w s s, 2 kills", {.actors = {"w", "s", "s"}, .kills = 2}).violation, "");
  EXPECT_EQ(run("w t scs, 2 kills", {.actors = {"w", "t", "scs"}, .kills = 2}).violation, "");
}

TEST(EventModel, LongRuns) {
  if (!model::long_runs()) {
    GTEST_SKIP() << "set MP_MODEL_LONG=1";
  }
  EXPECT_EQ(run("w w s s, 2 kills", {.actors = {"w", "w", "s", "s"}, .kills = 2}).violation, "");
  EXPECT_EQ(run("w t s scs, 2 kills", {.actors = {"w", "t", "s", "scs"}, .kills = 2}).violation,
            "");
  EXPECT_EQ(run("ww w scs s, 3 kills", {.actors = {"ww", "w", "scs", "s"}, .kills = 3}).violation,
            "");
}

template <Bug B>
std::string violation_with(const Cast& cast) {
  std::string v = run<model::ModelAtomics<B>>("planted bug", cast).violation;
  return v.substr(0, v.find('\n'));
}

TEST(EventModel, FindsAWakeBeforeTheChange) {
  EXPECT_NE(violation_with<Bug::kWakeBeforeChange>({.actors = {"w", "s"}}), "");
}

TEST(EventModel, FindsThatAWokenOneIsSettledTwice) {
  const Cast cast = {.actors = {"ww", "s", "scs"}};
  EXPECT_EQ(run("ww s scs", cast).violation, "");
  EXPECT_NE(violation_with<Bug::kAddTheWoken>(cast), "");
}

TEST(EventModel, FindsThatAWaiterForgetsTheSet) {
  EXPECT_NE(violation_with<Bug::kForgetTheSet>({.actors = {"w", "asc"}}), "");
}

}  // namespace
}  // namespace mp::internal

// Every order of the steps of two to four users of a lock, with up to two of them killed. What the
// explorer does not model: memory orders weaker than seq_cst, spinning, wake-ups without a reason.
// MP_MODEL_LONG=1 runs the larger ones.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mp/internal/model/explorer.h"
#include "mp/internal/model/model_atomics.h"
#include "mp/internal/park/lock.h"

namespace mp::internal {
namespace {

using model::Outcome;
using model::Scenario;

// What each actor does, one letter per acquisition: a waits, t gives up at any moment while it
// sleeps, p polls, v waits and does not want to know of a death: it leaves that to the next; w does
// so too, and forgets to leave it. Of a lock that refuses: A waits, and when it is refused repairs
// what it guards, calls recover() and waits again; c does no more than the repair and recover(); x
// releases it by mistake.
struct Cast {
  std::vector<std::string> actors;
  int kills = 0;
  bool life_words = true;
  bool slow_exit = false;
  int early_slices = 0;
  // Only holders are killed. Then nobody may sleep over a free lock, slices or not.
  bool holders_only = false;
  bool refuse = false;
  // A dead process, the last actor of all, holds it at first.
  bool inherited = false;
};

// Nobody recovers it, so nobody may be let in.
const Cast kMistake = {.actors = {"x", "p", "a"}, .kills = 2, .refuse = true, .inherited = true};

template <class A>
struct Shared {
  LockWord<A> lock;
  uint32_t inside = 0;  // actor + 1, also of a dead one
  uint32_t padding = 0;
  uint64_t entered = 0;  // a bit per actor and turn
};

template <class A = model::ModelAtomics<>>
Outcome run(const char* name, const Cast& cast) {
  alignas(16) static Shared<A> shared;
  static_assert(sizeof shared % 16 == 0);
  model::ModelFamily family(cast.life_words);

  auto recover = [&] {
    if (shared.lock.word.load() == LockWord<A>::kDirty) {
      shared.inside = 0;
      shared.lock.forgive();
    }
  };
  auto use = [&](char how, size_t round) {
    if (how == 'c') {
      recover();
      return;
    }
    if (how == 'x') {
      model::require(!park_release_if_held(shared.lock), "a lock is released that nobody holds");
      return;
    }
    Deadline deadline = how == 't'   ? model::any_time()
                        : how == 'p' ? Deadline::past()
                                     : Deadline::never();
    auto acquire = [&] {
      return park_acquire(shared.lock, model::self_owner(), deadline, family, !cast.refuse);
    };
    Acquired a = acquire();
    while (a == Acquired::kRefused && how == 'A') {
      recover();
      a = acquire();
    }
    if (a == Acquired::kNo || a == Acquired::kRefused) {
      return;
    }
    model::require(!cast.refuse || shared.inside == 0,
                   "let in before what a dead one left was repaired");
    if (shared.inside != 0) {
      model::require(model::is_dying(static_cast<int>(shared.inside) - 1), "two are inside");
      model::require(a == Acquired::kOwnerDied, "a death inside was not reported");
    }
    uint32_t me = static_cast<uint32_t>(model::self()) + 1;
    // Whom the next is to be told of.
    uint32_t dead = how == 'v' || how == 'w' ? shared.inside : 0;
    bool pass_on = how == 'v' && a == Acquired::kOwnerDied;
    shared.inside = me;
    shared.entered |= uint64_t{1} << (model::self() * 8 + static_cast<int>(round));
    model::pause();
    model::require(shared.inside == me, "two were inside");
    shared.inside = dead;
    uint32_t free = pass_on ? LockWord<A>::kDirty : 0;
    model::require(park_release(shared.lock, free) != 0, "somebody else released it");
  };

  Scenario s;
  s.shared = &shared;
  s.size = sizeof shared;
  s.begin = [&] {
    if (cast.inherited) {
      shared.lock.word.set_raw(LockWord<A>::kDirty);
      shared.inside = model::kMostActors + 1;
    }
  };
  model::cast(s, cast.actors, use);
  s.end = [&] {
    for (size_t i = 0; i < cast.actors.size() && cast.kills == 0; ++i) {
      for (size_t r = 0; r < cast.actors[i].size(); ++r) {
        model::require(cast.actors[i][r] != 'a' || (shared.entered >> (i * 8 + r) & 1) != 0,
                       "somebody did not get in");
      }
    }
    // Whatever happened, the lock works.
    use(cast.refuse ? 'A' : 'a', 7);
  };
  if (cast.holders_only) {
    s.may_kill = [](int i) { return static_cast<int>(shared.inside) == i + 1; };
    s.may_rest = [] { return static_cast<bool>(LockWord<A>::owner_of(shared.lock.word.raw())); };
  }
  s.names = {{&shared.lock.word, "word"},
             {&shared.lock.sleepers.seq, "seq"},
             {&shared.lock.sleepers.asked, "asked"},
             {&shared.lock.sleepers.served, "served"}};
  s.kills = cast.kills;
  s.slow_exit = cast.slow_exit;
  s.early_slices = cast.early_slices;
  Outcome o = model::explore(s);
  model::report(name, o);
  return o;
}

TEST(LockModel, OneUserAlone) { EXPECT_EQ(run("aa", {.actors = {"aa"}}).violation, ""); }

TEST(LockModel, NoWakeUpIsLostWithoutDeaths) {
  EXPECT_EQ(run("aa aa", {.actors = {"aa", "aa"}}).violation, "");
  EXPECT_EQ(run("a a a", {.actors = {"a", "a", "a"}}).violation, "");
}

TEST(LockModel, WhoGivesUpPassesTheWakeOn) {
  EXPECT_EQ(run("t a a", {.actors = {"t", "a", "a"}}).violation, "");
  EXPECT_EQ(run("p a a", {.actors = {"p", "a", "a"}}).violation, "");
}

TEST(LockModel, AnEarlySliceLosesNothing) {
  EXPECT_EQ(run("aa aa, 2 early slices", {.actors = {"aa", "aa"}, .early_slices = 2}).violation,
            "");
}

TEST(LockModel, TheLivingGetThroughAfterOneDeath) {
  EXPECT_EQ(run("aa aa, 1 kill", {.actors = {"aa", "aa"}, .kills = 1}).violation, "");
  EXPECT_EQ(
      run("aa aa, 1 slow kill", {.actors = {"aa", "aa"}, .kills = 1, .slow_exit = true}).violation,
      "");
}

TEST(LockModel, NobodySleepsOverAFreeLockAfterTheDeathOfAHolder) {
  EXPECT_EQ(
      run("p a a, 1 holder killed", {.actors = {"p", "a", "a"}, .kills = 1, .holders_only = true})
          .violation,
      "");
}

TEST(LockModel, TheNewsOfADeathReachesTheFirstWhoWantsToKnow) {
  EXPECT_EQ(run("vv aa, 1 kill", {.actors = {"vv", "aa"}, .kills = 1}).violation, "");
  EXPECT_EQ(
      run("v v a, 1 holder killed", {.actors = {"v", "v", "a"}, .kills = 1, .holders_only = true})
          .violation,
      "");
}

TEST(LockModel, NewsThatIsNotPassedOnIsMissed) {
  EXPECT_NE(run("w a a, 1 kill", {.actors = {"w", "a", "a"}, .kills = 1}).violation, "");
}

TEST(LockModel, OneThatRefusesLetsNobodyInBeforeRecover) {
  EXPECT_EQ(
      run("aa Aa, refuse, 1 kill", {.actors = {"aa", "Aa"}, .kills = 1, .refuse = true}).violation,
      "");
  EXPECT_EQ(run("a a A, refuse, 2 kills", {.actors = {"a", "a", "A"}, .kills = 2, .refuse = true})
                .violation,
            "");
}

TEST(LockModel, ARefusalIsNotHiddenByAReleaseThatIsAMistake) {
  EXPECT_EQ(run("x p a, refuse, 2 kills", kMistake).violation, "");
}

TEST(LockModel, TheLivingGetThroughAfterTwoDeathsTheRecoverersAmongThem) {
  EXPECT_EQ(run("a a a, 2 kills", {.actors = {"a", "a", "a"}, .kills = 2}).violation, "");
}

TEST(LockModel, LongRuns) {
  if (!model::long_runs()) {
    GTEST_SKIP() << "set MP_MODEL_LONG=1";
  }
  EXPECT_EQ(
      run("ap a a, 1 holder killed", {.actors = {"ap", "a", "a"}, .kills = 1, .holders_only = true})
          .violation,
      "");
  EXPECT_EQ(run("v v a, 2 kills", {.actors = {"v", "v", "a"}, .kills = 2}).violation, "");
  EXPECT_EQ(run("t t a", {.actors = {"t", "t", "a"}}).violation, "");
  EXPECT_EQ(run("aa aa a", {.actors = {"aa", "aa", "a"}}).violation, "");
  EXPECT_EQ(run("a a a, 2 kills, no life words",
                {.actors = {"a", "a", "a"}, .kills = 2, .life_words = false})
                .violation,
            "");
  EXPECT_EQ(run("a a a, 2 slow kills", {.actors = {"a", "a", "a"}, .kills = 2, .slow_exit = true})
                .violation,
            "");
  EXPECT_EQ(run("t a a, 1 kill", {.actors = {"t", "a", "a"}, .kills = 1}).violation, "");
  EXPECT_EQ(run("p a a, 2 kills", {.actors = {"p", "a", "a"}, .kills = 2}).violation, "");
  EXPECT_EQ(run("aa a a, 1 kill", {.actors = {"aa", "a", "a"}, .kills = 1}).violation, "");
}

template <Bug B>
std::string violation_with(const Cast& cast) {
  std::string v = run<model::ModelAtomics<B>>("planted bug", cast).violation;
  return v.substr(0, v.find('\n'));
}

TEST(LockModel, FindsThatWaitersAreForgottenOnUnlock) {
  EXPECT_NE(violation_with<Bug::kClearWaitersOnUnlock>({.actors = {"a", "a", "a"}}), "");
}

TEST(LockModel, FindsThatADeadOnesLockIsMarkedLate) {
  EXPECT_NE(violation_with<Bug::kMarkLate>({.actors = {"a", "a", "A"}, .kills = 1, .refuse = true}),
            "");
}

TEST(LockModel, FindsThatRecoverFreesTheLockOfALiveOne) {
  EXPECT_NE(violation_with<Bug::kRecoverByStore>(
                {.actors = {"c", "A", "p"}, .refuse = true, .inherited = true}),
            "");
}

TEST(LockModel, FindsThatAReleaseThatIsAMistakeHidesARefusal) {
  EXPECT_NE(violation_with<Bug::kReleaseUnasked>(kMistake), "");
}

TEST(LockModel, FindsThatTheDeadAreCountedDown) {
  EXPECT_NE(violation_with<Bug::kCountDownForDead>(
                {.actors = {"ap", "a", "a"}, .kills = 1, .holders_only = true}),
            "");
}

// What a repair promises to whoever is about to sleep over the dead owner's word, having seen him
// alive.
template <class A>
std::string repair_beside_one_about_to_sleep() {
  alignas(16) static Shared<A> shared;
  static constexpr int kDeadOne = 2;
  model::ModelFamily family(false);
  Scenario s;
  s.shared = &shared;
  s.size = sizeof shared;
  s.begin = [] { shared.lock.word.set_raw(model::owner_of(kDeadOne).bits); };
  s.actors = {[&] { repair_and_wake(shared.lock, model::owner_of(kDeadOne).bits); },
              [&] {
                uint32_t seq = shared.lock.sleepers.ask();
                if (shared.lock.word.load() == model::owner_of(kDeadOne).bits) {
                  Parking<A>::wait(shared.lock.sleepers.seq, seq, Deadline::never());
                }
              }};
  Outcome o = model::explore(s);
  model::report("repair beside one about to sleep", o);
  return o.violation.substr(0, o.violation.find('\n'));
}

TEST(LockModel, ARepairLeavesNobodyAsleep) {
  EXPECT_EQ(repair_beside_one_about_to_sleep<model::ModelAtomics<>>(), "");
}

TEST(LockModel, FindsAWakeBeforeTheChange) {
  EXPECT_NE(repair_beside_one_about_to_sleep<model::ModelAtomics<Bug::kWakeBeforeChange>>(), "");
}

}  // namespace
}  // namespace mp::internal

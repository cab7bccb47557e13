// Every order of the steps of those who meet at a barrier, abort and reset it, with up to two of
// them killed. What the explorer does not model: memory orders weaker than seq_cst, spinning,
// wake-ups without a reason. MP_MODEL_LONG=1 runs the larger ones.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mp/internal/model/explorer.h"
#include "mp/internal/model/model_atomics.h"
#include "mp/internal/park/barrier.h"

namespace mp::internal {
namespace {

using model::Outcome;
using model::Scenario;

constexpr uint32_t kMostParties = 3;
constexpr uint32_t kRounds = 8;  // noted

// What each actor does, one letter after the other: w waits; t waits and may give up at any moment
// while it sleeps; p waits no time at all; a aborts, r resets; q looks.
struct Cast {
  uint32_t parties = 0;
  std::vector<std::string> actors;
  int kills = 0;
  bool action = false;
  bool life_words = true;
  bool slow_exit = false;
  int early_slices = 0;
  // Kills happen in full rounds alone: nothing may break.
  bool full_only = false;
  // Nobody is late, gives up or dies: all must pass.
  bool all_pass = false;
};

template <class A>
struct Shared {
  BarrierWord<A> word;
  uint64_t stayed;  // somebody sleeps for ever, rightly: then nobody can tell it from the living
  BarrierPlace<A> places[2 * kMostParties];
  // What the actors note, for the checks.
  uint8_t passed[kRounds];  // a bit for each place whose party passed
  uint8_t broken[kRounds];  // whose round was broken for it
  uint8_t acted[kRounds];   // how often the action ran
  uint8_t doomed[kRounds];  // a party was dead, and then another one called wait()
};

template <class A = model::ModelAtomics<>>
Outcome run(const char* name, const Cast& cast) {
  using Call = BarrierCall<A>;
  using Hall = BarrierHall<A>;
  using Place = BarrierPlace<A>;
  alignas(16) static Shared<A> shared;
  static_assert(sizeof shared % 16 == 0);
  model::ModelFamily family(cast.life_words);

  auto row = [&](uint32_t hall) { return shared.places + hall * cast.parties; };
  // Without steps: the current round, and whether all its places are taken.
  auto now = [] {
    uint64_t a = shared.word.halls[0].st.raw();
    uint64_t b = shared.word.halls[1].st.raw();
    return BarrierWord<A>::later(Hall::round(a), Hall::round(b)) ? std::pair(0u, a)
                                                                 : std::pair(1u, b);
  };
  auto is_full = [&](uint32_t hall, uint32_t round) {
    return Place::taken(row(hall)[cast.parties - 1].st.raw(), round);
  };
  auto note_doomed = [&] {
    auto [h, st] = now();
    uint32_t round = Hall::round(st);
    if (Hall::over(st) || is_full(h, round)) {
      return;
    }
    for (uint32_t i = 0; i + 1 < cast.parties; ++i) {
      uint64_t p = row(h)[i].st.raw();
      if (Place::taken(p, round) && model::is_dying(model::actor_of(Place::owner(p))) &&
          !cast.slow_exit) {
        shared.doomed[round % kRounds] = 1;
      }
    }
  };

  auto wait = [&](Deadline deadline) {
    note_doomed();
    Call call(shared.word, shared.places, model::self_owner(), family);
    bool was_doomed[kRounds];
    for (uint32_t r = 0; r < kRounds; ++r) {
      was_doomed[r] = shared.doomed[r] != 0;
    }
    auto seat = call.arrive(deadline);
    if (seat.cause != BarrierCause::kNone) {
      model::require(!cast.all_pass, "broken, and nobody has broken it");
      return;
    }
    uint8_t bit = static_cast<uint8_t>(1u << seat.index);
    uint32_t r = seat.round % kRounds;
    if (call.must_act(seat)) {
      model::require(shared.passed[r] == 0, "somebody passed before the action");
      ++shared.acted[r];
      model::pause();
    }
    auto result = call.depart(seat, deadline);
    if (result.passed) {
      model::require(result.index == seat.index && (shared.passed[r] & bit) == 0,
                     "a number was given twice");
      model::require(shared.broken[r] == 0, "passed, and broken for another");
      model::require(!cast.action || shared.acted[r] == 1, "passed without the action");
      model::require(seat.index + 1 != cast.parties || !was_doomed[r],
                     "the last one came after a death, and all passed");
      shared.passed[r] |= bit;
    } else {
      model::require(shared.passed[r] == 0, "broken, and passed for another");
      model::require(!cast.full_only && !cast.all_pass, "broken, and nobody has broken it");
      shared.broken[r] |= bit;
    }
  };

  auto use = [&](char how, size_t = 0) {
    Call call(shared.word, shared.places, model::self_owner(), family);
    switch (how) {
      case 'a':
        call.break_off(BarrierCause::kAbort);
        break;
      case 'r':
        call.reset();
        break;
      case 'q':
        call.state();
        break;
      default:
        wait(how == 't' ? model::any_time() : how == 'p' ? Deadline::past() : Deadline::never());
    }
  };

  Scenario s;
  s.shared = &shared;
  s.size = sizeof shared;
  s.begin = [&] { shared.word.start(cast.parties, cast.action); };
  model::cast(s, cast.actors, use);
  // Whatever happened, it can be broken, mended, and passed.
  s.end = [&] {
    Call call(shared.word, shared.places, model::self_owner(), family);
    call.break_off(BarrierCause::kAbort);
    model::require(call.state().broken, "not broken after abort()");
    model::require(call.arrive(Deadline::never()).cause != BarrierCause::kNone,
                   "a broken barrier lets somebody in");
    call.reset();
    model::require(!call.state().broken, "broken after reset()");
    if (shared.stayed != 0) {
      return;
    }
    for (int round = 0; round < 2; ++round) {
      typename Call::Seat seats[kMostParties];
      for (uint32_t i = 0; i < cast.parties; ++i) {
        model::require(call.state().waiting == i, "a wrong number of waiters");
        seats[i] = call.arrive(Deadline::never());
        model::require(seats[i].cause == BarrierCause::kNone && seats[i].index == i,
                       "no place in the mended barrier");
      }
      for (uint32_t i = cast.parties; i-- > 0;) {
        model::require(call.depart(seats[i], Deadline::never()).passed,
                       "the mended barrier is not passed");
      }
    }
  };
  if (cast.full_only) {
    s.may_kill = [&](int i) {
      auto [h, st] = now();
      uint32_t round = Hall::round(st);
      bool full = Hall::over(st) ? Hall::passed(st) : is_full(h, round);
      bool has_place = false;
      for (uint32_t k = 0; k < cast.parties; ++k) {
        uint64_t p = row(h)[k].st.raw();
        has_place |= Place::taken(p, round) && Place::owner(p) == model::owner_of(i);
      }
      return full && has_place;
    };
  }
  // Who waits for one that died before it came waits rightly.
  auto waits_rightly = [&] {
    auto [h, st] = now();
    if (Hall::over(st) || is_full(h, Hall::round(st))) {
      return false;
    }
    for (uint32_t k = 0; k < cast.parties; ++k) {
      uint64_t p = row(h)[k].st.raw();
      if (Place::taken(p, Hall::round(st)) && model::is_dying(model::actor_of(Place::owner(p)))) {
        return false;
      }
    }
    return true;
  };
  s.may_stay = [&](int, const void*) {
    bool yes = waits_rightly();
    shared.stayed |= yes ? 1 : 0;
    return yes;
  };
  if (!cast.life_words) {
    // Slices alone notice a death: the few that are granted are not spent where there is nothing to
    // notice, as a later death would find none left.
    s.may_rest = [&] { return !waits_rightly(); };
  }
  s.names = {{&shared.word.halls[0].st, "hall0"},
             {&shared.word.halls[0].ended, "hall0.ended"},
             {&shared.word.halls[0].left, "hall0.left"},
             {&shared.word.halls[1].st, "hall1"},
             {&shared.word.halls[1].ended, "hall1.ended"},
             {&shared.word.halls[1].left, "hall1.left"},
             {shared.places, "places"}};
  s.kills = cast.kills;
  s.slow_exit = cast.slow_exit;
  s.early_slices = cast.early_slices;
  Outcome o = model::explore(s);
  model::report(name, o);
  return o;
}

TEST(BarrierModel, OnePartyNeverWaits) {
  EXPECT_EQ(run("1: www", {.parties = 1, .actors = {"www"}, .all_pass = true}).violation, "");
  EXPECT_EQ(run("1: ww w", {.parties = 1, .actors = {"ww", "w"}, .all_pass = true}).violation, "");
}

TEST(BarrierModel, AllPassAndNoWakeUpIsLostWithoutDeaths) {
  EXPECT_EQ(run("2: w w", {.parties = 2, .actors = {"w", "w"}, .all_pass = true}).violation, "");
  EXPECT_EQ(run("2: www www", {.parties = 2, .actors = {"www", "www"}, .all_pass = true}).violation,
            "");
}

TEST(BarrierModel, TheActionRunsOnceBeforeAnybodyPasses) {
  EXPECT_EQ(run("2: ww ww, action",
                {.parties = 2, .actors = {"ww", "ww"}, .action = true, .all_pass = true})
                .violation,
            "");
}

TEST(BarrierModel, WhoGivesUpAbortsOrResetsBreaksTheRoundForAll) {
  EXPECT_EQ(run("2: t t", {.parties = 2, .actors = {"t", "t"}}).violation, "");
  EXPECT_EQ(run("2: p tt", {.parties = 2, .actors = {"p", "tt"}}).violation, "");
  EXPECT_EQ(run("2: t t a", {.parties = 2, .actors = {"t", "t", "a"}}).violation, "");
  EXPECT_EQ(run("2: t t ar", {.parties = 2, .actors = {"t", "t", "ar"}}).violation, "");
}

TEST(BarrierModel, ADeathBreaksTheRoundAndTheSurvivorsKnow) {
  EXPECT_EQ(run("2: w w, 1 kill", {.parties = 2, .actors = {"w", "w"}, .kills = 1}).violation, "");
  EXPECT_EQ(run("2: w w, 1 slow kill",
                {.parties = 2, .actors = {"w", "w"}, .kills = 1, .slow_exit = true})
                .violation,
            "");
  EXPECT_EQ(run("2: ww ww, 1 kill", {.parties = 2, .actors = {"ww", "ww"}, .kills = 1}).violation,
            "");
}

TEST(BarrierModel, TheOneInTheActionIsMissed) {
  EXPECT_EQ(run("2: w w, action, 1 kill",
                {.parties = 2, .actors = {"w", "w"}, .kills = 1, .action = true})
                .violation,
            "");
}

TEST(BarrierModel, TheSurvivorsGetThroughAfterTwoDeaths) {
  EXPECT_EQ(
      run("2: w w q, 2 kills", {.parties = 2, .actors = {"w", "w", "q"}, .kills = 2}).violation,
      "");
  // Here somebody may be left alone: who waits gives up.
  EXPECT_EQ(
      run("2: t t r, 2 kills", {.parties = 2, .actors = {"t", "t", "r"}, .kills = 2}).violation,
      "");
}

TEST(BarrierModel, ADeathInAFullRoundBreaksNothing) {
  EXPECT_EQ(run("2: w w q, killed when full",
                {.parties = 2, .actors = {"w", "w", "q"}, .kills = 2, .full_only = true})
                .violation,
            "");
}

TEST(BarrierModel, AnEarlySliceLosesNothing) {
  EXPECT_EQ(run("2: ww ww, 2 early slices",
                {.parties = 2, .actors = {"ww", "ww"}, .early_slices = 2, .all_pass = true})
                .violation,
            "");
}

// The larger ones, each a test of its own: docs/design.md says how long they are.
class BarrierModelLong : public testing::Test {
 protected:
  void SetUp() override {
    if (!model::long_runs()) {
      GTEST_SKIP() << "set MP_MODEL_LONG=1";
    }
  }
};

TEST_F(BarrierModelLong, ThreePartiesPass) {
  EXPECT_EQ(run("3: w w w", {.parties = 3, .actors = {"w", "w", "w"}, .all_pass = true}).violation,
            "");
}

TEST_F(BarrierModelLong, OneTooManyAndTwoDeaths) {
  EXPECT_EQ(
      run("2: t t t, 2 kills", {.parties = 2, .actors = {"t", "t", "t"}, .kills = 2}).violation,
      "");
}

TEST_F(BarrierModelLong, TwoRoundsAndTwoDeaths) {
  EXPECT_EQ(run("2: ww ww, 2 kills", {.parties = 2, .actors = {"ww", "ww"}, .kills = 2}).violation,
            "");
}

TEST_F(BarrierModelLong, OneTooManyAnActionAndTwoDeaths) {
  EXPECT_EQ(run("2: t t t, action, 2 kills",
                {.parties = 2, .actors = {"t", "t", "t"}, .kills = 2, .action = true})
                .violation,
            "");
}

TEST_F(BarrierModelLong, AResetAndTwoSlowDeaths) {
  EXPECT_EQ(run("2: t t r, 2 slow kills",
                {.parties = 2, .actors = {"t", "t", "r"}, .kills = 2, .slow_exit = true})
                .violation,
            "");
}

TEST_F(BarrierModelLong, AnAbortAResetAndTwoDeaths) {
  EXPECT_EQ(
      run("2: t t ar, 2 kills", {.parties = 2, .actors = {"t", "t", "ar"}, .kills = 2}).violation,
      "");
}

TEST_F(BarrierModelLong, ThreePartiesAndADeath) {
  EXPECT_EQ(
      run("3: w w w, 1 kill", {.parties = 3, .actors = {"w", "w", "w"}, .kills = 1}).violation, "");
}

TEST_F(BarrierModelLong, ThreePartiesAndTwoDeathsThatWakeNobody) {
  EXPECT_EQ(run("3: w w w, 2 kills, no life words",
                {.parties = 3, .actors = {"w", "w", "w"}, .kills = 2, .life_words = false})
                .violation,
            "");
}

TEST_F(BarrierModelLong, ThreePartiesAndTwoDeaths) {
  EXPECT_EQ(
      run("3: w w w, 2 kills", {.parties = 3, .actors = {"w", "w", "w"}, .kills = 2}).violation,
      "");
}

template <Bug B>
std::string violation_with(const Cast& cast) {
  std::string v = run<model::ModelAtomics<B>>("planted bug", cast).violation;
  return v.substr(0, v.find('\n'));
}

TEST(BarrierModel, FindsAWakeBeforeTheChange) {
  EXPECT_NE(violation_with<Bug::kWakeBeforeChange>({.parties = 2, .actors = {"w", "w"}}), "");
}

TEST(BarrierModel, FindsThatTheLastOnePassesWithTheDead) {
  EXPECT_NE(violation_with<Bug::kPassWithTheDead>({.parties = 2, .actors = {"w", "w"}, .kills = 1}),
            "");
}

TEST(BarrierModel, FindsThatADeathBreaksAFullRound) {
  EXPECT_NE(violation_with<Bug::kBreakAFullRound>(
                {.parties = 2, .actors = {"w", "w", "q"}, .kills = 1, .full_only = true}),
            "");
}

TEST(BarrierModel, FindsThatAPlaceIsGivenTwiceInARound) {
  EXPECT_NE(violation_with<Bug::kLeaveAFreePlace>({.parties = 2, .actors = {"w", "w", "t"}}), "");
}

TEST(BarrierModel, FindsThatTheNextRoundOpensOverTheLate) {
  EXPECT_NE(violation_with<Bug::kOpenOverTheLate>(
                {.parties = 2, .actors = {"w", "www", "ww"}, .all_pass = true}),
            "");
}

}  // namespace
}  // namespace mp::internal

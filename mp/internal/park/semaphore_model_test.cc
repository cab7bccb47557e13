// Every order of the steps of two or three users of a semaphore, with up to two of them killed. What
// the explorer does not model: memory orders weaker than seq_cst, spinning, wake-ups without a
// reason. MP_MODEL_LONG=1 runs the larger ones.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mp/internal/model/explorer.h"
#include "mp/internal/model/model_atomics.h"
#include "mp/internal/park/semaphore.h"

namespace mp::internal {
namespace {

using model::Outcome;
using model::Scenario;

// A word that has room for two permits of its mover, so that a cell has to hold the others.
constexpr uint32_t kMostInWord = 2;

// What each actor does, a letter per call: a acquires and waits, t gives up at any moment while it
// sleeps, p polls, r releases if it holds a permit, R releases whether or not, h gives back what the
// dead hold, c says that it has repaired what a dead one left, A is a, and when it is refused c and
// once more.
struct Cast {
  std::vector<std::string> actors;
  uint32_t value = 1;
  int kills = 0;
  // Threads of one process, by the number of its first: {0, 0, 2}. Empty: each is a process.
  std::vector<int> processes = {};
  // So many permits are held, at first, by a dead process that had the slot of actor 0.
  uint32_t inherited = 0;
  bool inherited_in_word = false;
  bool life_words = true;
  bool slow_exit = false;
  int early_slices = 0;
  bool fixed = false;
  // Fixed too. The first way in is the short one.
  bool refuse = false;
  // Cells are claimed from the start.
  bool claimed = true;
  // A look at both halves of the word is one step.
  bool whole_looks = false;
  // What the value must be in the end; -1: what it was, the inherited included.
  int end = -1;
  // In the end nobody is to be told of a death any more.
  bool settled = false;
};

constexpr int kCells = model::kMostActors + 2;

template <class A>
struct Shared {
  SemWord<A, kMostInWord> word;
  SemCell<A> cells[kCells];
  uint32_t held[model::kMostActors + 1];
  uint32_t inside;  // of a semaphore of one permit: actor + 1, also of a dead one
  uint32_t padding[2];
  uint64_t entered;  // a bit per actor and turn
  uint64_t padding2;
};

template <class A>
struct Cells {
  SemCell<A>* cells;
  uint32_t count;
  SemCell<A>* find(uint32_t slot) const { return &cells[slot]; }
  template <class See>
  void each(const See& see) const {
    for (uint32_t i = 1; i < count; ++i) {
      see(i, cells[i]);
    }
  }
};

// Where there have been processes of an earlier generation, who are dead.
class Lives final : public Liveness {
 public:
  explicit Lives(bool life_words) noexcept : family_(life_words) {}
  bool is_dead(Owner owner) noexcept override {
    return owner.generation() == 0 || family_.is_dead(owner);
  }
  const FutexWord* arm_life_word(Owner owner, uint32_t* alive_value) noexcept override {
    return owner.generation() == 0 ? nullptr : family_.arm_life_word(owner, alive_value);
  }
  bool is_dying(Owner owner) noexcept override {
    return owner.generation() == 0 || family_.is_dying(owner);
  }
  void relay_death(Owner owner) noexcept override {
    if (owner.generation() != 0) {
      family_.relay_death(owner);
    }
  }
  int64_t slice_ns() const noexcept override { return family_.slice_ns(); }
  void count_rescue() noexcept override {}

 private:
  model::ModelFamily family_;
};

template <class A = model::ModelAtomics<>>
Outcome run(const char* name, const Cast& cast) {
  using Word = SemWord<A, kMostInWord>;
  using Cell = SemCell<A>;
  alignas(16) static Shared<A> shared;
  static_assert(sizeof shared % 16 == 0);
  Lives family(cast.life_words);
  Cells<A> cells{shared.cells, static_cast<uint32_t>(cast.actors.size()) + 2};
  model::ModelPair::g_torn_looks = !cast.whole_looks;
  constexpr uint32_t kBound = 1000;

  auto owner = [&] {
    int me = model::self();
    bool thread = static_cast<size_t>(me) < cast.processes.size();
    return model::owner_of(thread ? cast.processes[static_cast<size_t>(me)] : me);
  };
  auto semaphore = [&] {
    SemRules rules = {.fixed = cast.fixed || cast.refuse, .refuse = cast.refuse};
    return Semaphore<Word, A, Cells<A>>(shared.word, kBound, rules, owner(), family, cells);
  };
  auto check_sum = [&] {
    uint32_t sum = 0;
    for (size_t i = 0; i < cast.actors.size(); ++i) {
      sum += model::is_dying(static_cast<int>(i)) ? 0 : shared.held[i];
    }
    // A dead one's permits may be back, or not.
    model::require(cast.end >= 0 || sum <= cast.value + cast.inherited, "a permit too many");
  };
  const bool one_by_one = cast.refuse && cast.value + cast.inherited == 1;
  auto recover = [&] {
    if (shared.word.died()) {
      bool dead = shared.inside != 0 && model::is_dying(static_cast<int>(shared.inside) - 1);
      shared.inside = dead ? 0 : shared.inside;
      shared.word.forgive();
    }
  };
  auto acquire = [&](Deadline deadline) {
    Acquired a = !cast.refuse || !shared.word.take_as_mover(owner()) ? semaphore().acquire(deadline)
                 : shared.word.died()                                ? semaphore().admitted()
                                                                     : Acquired::kClean;
    if (a == Acquired::kClean) {
      ++shared.held[model::self()];
      check_sum();
      if (one_by_one) {
        model::require(shared.inside == 0, "let in before what a dead one left was repaired");
        shared.inside = static_cast<uint32_t>(model::self()) + 1;
        model::pause();
        model::require(shared.inside == static_cast<uint32_t>(model::self()) + 1,
                       "two were inside");
      }
    }
    return a;
  };
  auto use = [&](char how, size_t turn) {
    uint32_t& held = shared.held[model::self()];
    switch (how) {
      case 'h':
        semaphore().heal();
        break;
      case 'c':
        recover();
        break;
      case 'r':
        if (held == 0) {
          break;
        }
        [[fallthrough]];
      case 'R':
        held -= held > 0 ? 1 : 0;
        shared.inside = 0;
        model::require(semaphore().release(), "the bound was met");
        break;
      default: {
        Deadline deadline = how == 't'   ? model::any_time()
                            : how == 'p' ? Deadline::past()
                                         : Deadline::never();
        Acquired a = acquire(deadline);
        while (a == Acquired::kRefused && how == 'A') {
          recover();
          a = acquire(deadline);
        }
        if (a == Acquired::kClean) {
          shared.entered |= uint64_t{1} << (model::self() * 8 + static_cast<int>(turn));
        }
      }
    }
  };

  Scenario s;
  s.shared = &shared;
  s.size = sizeof shared;
  s.begin = [&] {
    shared.word.state.lo.set_raw(Word::make_lo(cast.value, 0, 0));
    for (size_t i = 0; i <= cast.actors.size() && cast.claimed; ++i) {
      Owner owner = model::owner_of(static_cast<int>(i));
      shared.cells[owner.slot()].owner.set_raw(owner.bits);
    }
    if (cast.inherited > 0) {
      Owner old = Owner::of(1, 0);
      shared.cells[1].owner.set_raw(old.bits);
      if (cast.inherited_in_word) {
        shared.word.state.lo.set_raw(Word::make_lo(cast.value, 1, cast.inherited));
        shared.word.state.hi.set_raw(uint64_t{7} << 32 | old.bits);
      } else {
        shared.cells[1].held.set_raw(Cell::make(7, cast.inherited));
        shared.word.state.hi.set_raw(uint64_t{7} << 32);
      }
    }
  };
  model::cast(s, cast.actors, use);
  s.end = [&] {
    int living = 0;
    int doubtful = 0;  // permits that one was about to add who died
    for (size_t i = 0; i < cast.actors.size(); ++i) {
      for (size_t r = 0; r < cast.actors[i].size() && cast.kills == 0; ++r) {
        model::require(cast.actors[i][r] != 'a' || (shared.entered >> (i * 8 + r) & 1) != 0,
                       "somebody did not get in");
      }
      if (!model::is_dying(static_cast<int>(i))) {
        living += static_cast<int>(shared.held[i]);
      } else {
        doubtful += static_cast<int>(std::count(cast.actors[i].begin(), cast.actors[i].end(), 'R'));
      }
    }
    model::require(!cast.settled || !shared.word.died(), "a death was settled, and is told again");
    if (one_by_one && living == 0) {
      use('A', 7);
      use('r', 0);
    }
    // All that is not held by the living is there, and not one more.
    int most = (cast.end >= 0 ? cast.end : static_cast<int>(cast.value + cast.inherited)) - living;
    int n = 0;
    while (n <= most && acquire(Deadline::past()) == Acquired::kClean) {
      ++n;
      shared.inside = 0;
    }
    model::require(n >= most - doubtful, "a permit is gone");
    model::require(n <= most, "a permit came back twice");
    for (int i = 0; i < n; ++i) {
      use('r', 0);
    }
    model::require(shared.word.value() == static_cast<uint32_t>(n), "the value is wrong");
  };
  s.names = {{&shared.word.state.lo, "lo"},
             {&shared.word.state.hi, "hi"},
             {&shared.word.sleepers.seq, "seq"},
             {&shared.word.sleepers.asked, "asked"},
             {&shared.word.sleepers.served, "served"},
             {&shared.cells[1], "cell 0"},
             {&shared.cells[2], "cell 1"},
             {&shared.cells[3], "cell 2"},
             {&shared.cells[4], "cell 3"},
             {&shared.cells[5], "cell 4"}};
  // A cell that has an owner keeps it: no slot is given out twice here.
  s.owns = [&](int, const void* at) {
    for (const Cell& cell : shared.cells) {
      if (at == &cell.owner) {
        return Owner{cell.owner.raw()}.generation() != 0;
      }
    }
    return false;
  };
  s.kills = cast.kills;
  s.slow_exit = cast.slow_exit;
  s.early_slices = cast.early_slices;
  Outcome o = model::explore(s);
  model::report(name, o);
  return o;
}

std::string violation(const char* name, const Cast& cast) { return run(name, cast).violation; }

TEST(SemaphoreModel, OneUserAlone) {
  EXPECT_EQ(violation("arar", {.actors = {"arar"}}), "");
  EXPECT_EQ(violation("aaaaarrrrr, 5 permits", {.actors = {"aaaaarrrrr"}, .value = 5}), "");
  EXPECT_EQ(violation("pr, none", {.actors = {"pr"}, .value = 0}), "");
}

TEST(SemaphoreModel, NoWakeUpIsLostWithoutDeaths) {
  EXPECT_EQ(violation("arar ar", {.actors = {"arar", "ar"}}), "");
  EXPECT_EQ(violation("ar ar ar", {.actors = {"ar", "ar", "ar"}, .whole_looks = true}), "");
  EXPECT_EQ(violation("ar ar, 2 early slices", {.actors = {"ar", "ar"}, .early_slices = 2}), "");
}

TEST(SemaphoreModel, WhoGivesUpPassesTheWakeOn) {
  EXPECT_EQ(violation("pr tr ar", {.actors = {"pr", "tr", "ar"}, .whole_looks = true}), "");
}

TEST(SemaphoreModel, ThreadsOfOneProcessShareWhatItHolds) {
  EXPECT_EQ(violation("pr pr | pr, 2 permits",
                      {.actors = {"pr", "pr", "pr"}, .value = 2, .processes = {0, 0, 2}}),
            "");
  EXPECT_EQ(violation("ar ar | ar",
                      {.actors = {"ar", "ar", "ar"}, .processes = {0, 0, 2}, .whole_looks = true}),
            "");
}

TEST(SemaphoreModel, WhatDoesNotFitIntoTheWordIsInTheCell) {
  EXPECT_EQ(violation("pppprrrr pr, 5 permits", {.actors = {"pppprrrr", "pr"}, .value = 5}), "");
}

TEST(SemaphoreModel, PermitsComeBackOnceAfterOneDeath) {
  EXPECT_EQ(violation("arar ar, 1 kill", {.actors = {"arar", "ar"}, .kills = 1}), "");
  EXPECT_EQ(
      violation("ar ar, 1 slow kill", {.actors = {"ar", "ar"}, .kills = 1, .slow_exit = true}), "");
  EXPECT_EQ(violation("pppprr pr, 5 permits, 1 kill",
                      {.actors = {"pppprr", "pr"}, .value = 5, .kills = 1}),
            "");
}

TEST(SemaphoreModel, PermitsComeBackOnceAfterTwoDeathsTheRecoverersAmongThem) {
  EXPECT_EQ(violation("pr pr pr, 2 permits, 2 kills",
                      {.actors = {"pr", "pr", "pr"}, .value = 2, .kills = 2, .whole_looks = true}),
            "");
  EXPECT_EQ(violation("pp h h, 2 permits, 2 kills",
                      {.actors = {"pp", "h", "h"}, .value = 2, .kills = 2, .whole_looks = true}),
            "");
  EXPECT_EQ(
      violation("ppp ph, 4 permits, 2 kills", {.actors = {"ppp", "ph"}, .value = 4, .kills = 2}),
      "");
}

TEST(SemaphoreModel, TheLivingGetThroughAfterTwoDeaths) {
  EXPECT_EQ(violation("ar ar ar, 2 kills",
                      {.actors = {"ar", "ar", "ar"}, .kills = 2, .whole_looks = true}),
            "");
}

TEST(SemaphoreModel, ANewProcessInADeadOnesSlotHoldsNothingOfHis) {
  for (bool in_word : {false, true}) {
    EXPECT_EQ(violation("p p, 1 permit and 1 of a dead one, 1 kill", {.actors = {"p", "p"},
                                                                      .kills = 1,
                                                                      .inherited = 1,
                                                                      .inherited_in_word = in_word,
                                                                      .claimed = false}),
              "");
    EXPECT_EQ(violation("p and p, threads, 2 permits of a dead one", {.actors = {"p", "p"},
                                                                      .value = 0,
                                                                      .processes = {0, 0},
                                                                      .inherited = 2,
                                                                      .inherited_in_word = in_word,
                                                                      .claimed = false,
                                                                      .whole_looks = true}),
              "");
  }
}

TEST(SemaphoreModel, WhoReleasesMoreThanItHoldsMakesASignal) {
  EXPECT_EQ(violation("a R, no permit", {.actors = {"a", "R"}, .value = 0, .end = 1}), "");
  EXPECT_EQ(violation("a R R, 1 permit",
                      {.actors = {"a", "R", "R"}, .value = 1, .whole_looks = true, .end = 3}),
            "");
  // What is held then is nobody's any more.
  EXPECT_EQ(violation("p R p, 2 permits",
                      {.actors = {"p", "R", "p"}, .value = 2, .whole_looks = true, .end = 3}),
            "");
}

// One permit is free and one with a dead process, before anybody comes.
Cast beside_a_dead_one(std::vector<std::string> actors, bool in_word) {
  return {.actors = std::move(actors),
          .kills = 2,
          .inherited = 1,
          .inherited_in_word = in_word,
          .whole_looks = true,
          .end = 3};
}

TEST(SemaphoreModel, WhatADeadOneHeldComesBackBeforeItIsASignal) {
  for (bool in_word : {false, true}) {
    EXPECT_EQ(violation("h R beside a dead one, 2 kills", beside_a_dead_one({"h", "R"}, in_word)),
              "");
  }
  EXPECT_EQ(
      violation("h R h beside a dead one, 2 kills", beside_a_dead_one({"h", "R", "h"}, false)), "");
}

TEST(SemaphoreModel, OneThatRefusesLetsNobodyInBeforeRecover) {
  EXPECT_EQ(violation("ar Ar, refuse, 1 kill, torn looks",
                      {.actors = {"ar", "Ar"}, .kills = 1, .refuse = true}),
            "");
  EXPECT_EQ(
      violation("p p hcp, refuse, 2 kills",
                {.actors = {"p", "p", "hcp"}, .kills = 2, .refuse = true, .whole_looks = true}),
      "");
}

TEST(SemaphoreModel, NobodyIsToldAgainOfADeathThatWasSettled) {
  EXPECT_EQ(
      violation(
          "h hc, refuse, 1 permit of a dead one",
          {.actors = {"h", "hc"}, .value = 0, .inherited = 1, .refuse = true, .settled = true}),
      "");
  EXPECT_EQ(
      violation(
          "h hc, refuse, 2 permits of a dead one",
          {.actors = {"h", "hc"}, .value = 0, .inherited = 2, .refuse = true, .settled = true}),
      "");
}

TEST(SemaphoreModel, AFixedOneGoesOnCounting) {
  EXPECT_EQ(
      violation("pr R, 1 permit", {.actors = {"pr", "R"}, .value = 1, .fixed = true, .end = 2}),
      "");
  EXPECT_EQ(
      violation(
          "ar R ar, no permit",
          {.actors = {"ar", "R", "ar"}, .value = 0, .fixed = true, .whole_looks = true, .end = 1}),
      "");
}

TEST(SemaphoreModel, LongRuns) {
  if (!model::long_runs()) {
    GTEST_SKIP() << "set MP_MODEL_LONG=1";
  }
  EXPECT_EQ(violation("h R h beside a dead one, in the word, 2 kills",
                      beside_a_dead_one({"h", "R", "h"}, true)),
            "");
  EXPECT_EQ(
      violation("pr pr Ar, refuse, 2 kills",
                {.actors = {"pr", "pr", "Ar"}, .kills = 2, .refuse = true, .whole_looks = true}),
      "");
  EXPECT_EQ(violation("h h hc, refuse, 2 permits of a dead one", {.actors = {"h", "h", "hc"},
                                                                  .value = 0,
                                                                  .inherited = 2,
                                                                  .refuse = true,
                                                                  .whole_looks = true,
                                                                  .settled = true}),
            "");
  EXPECT_EQ(violation("pr pr pr, 2 permits, 2 kills, torn looks",
                      {.actors = {"pr", "pr", "pr"}, .value = 2, .kills = 2}),
            "");
  EXPECT_EQ(
      violation(
          "ar ar ar, 2 kills, no life words",
          {.actors = {"ar", "ar", "ar"}, .kills = 2, .life_words = false, .whole_looks = true}),
      "");
  EXPECT_EQ(
      violation("ar ar ar, 2 slow kills",
                {.actors = {"ar", "ar", "ar"}, .kills = 2, .slow_exit = true, .whole_looks = true}),
      "");
  EXPECT_EQ(
      violation("prpr pr pr, 2 permits, 2 kills",
                {.actors = {"prpr", "pr", "pr"}, .value = 2, .kills = 2, .whole_looks = true}),
      "");
  EXPECT_EQ(violation("ar ar ar, 2 permits, 2 kills",
                      {.actors = {"ar", "ar", "ar"}, .value = 2, .kills = 2, .whole_looks = true}),
            "");
  EXPECT_EQ(
      violation("ppr ppr pr, 3 permits, 2 kills",
                {.actors = {"ppr", "ppr", "pr"}, .value = 3, .kills = 2, .whole_looks = true}),
      "");
  EXPECT_EQ(violation("tr tr ar, 1 kill",
                      {.actors = {"tr", "tr", "ar"}, .kills = 1, .whole_looks = true}),
            "");
}

template <Bug B>
std::string violation_with(const Cast& cast) {
  std::string v = run<model::ModelAtomics<B>>("planted bug", cast).violation;
  return v.substr(0, v.find('\n'));
}

TEST(SemaphoreModel, FindsThatAMoverIsForgotten) {
  EXPECT_NE(
      violation_with<Bug::kMoveWithoutRecord>({.actors = {"ph", "p"}, .value = 2, .kills = 1}), "");
}

TEST(SemaphoreModel, FindsThatPermitsComeBackTwice) {
  EXPECT_NE(
      violation_with<Bug::kGiveBackTwice>({.actors = {"p", "ph", "h"}, .value = 2, .kills = 2}),
      "");
}

TEST(SemaphoreModel, FindsThatAMoverWasNotFrozen) {
  EXPECT_NE(violation_with<Bug::kNoFreeze>({.actors = {"ppr", "p", "p"}, .value = 3, .kills = 1}),
            "");
}

TEST(SemaphoreModel, FindsThatADeathBeforeItBecameASignalIsLost) {
  EXPECT_NE(violation_with<Bug::kTurnBeforeSweep>(
                {.actors = {"h", "R"}, .inherited = 1, .inherited_in_word = true, .end = 3}),
            "");
}

TEST(SemaphoreModel, FindsThatWhatADeadOneHeldIsMarkedLate) {
  EXPECT_NE(violation_with<Bug::kMarkLate>(
                {.actors = {"p", "h", "p"}, .kills = 1, .refuse = true, .whole_looks = true}),
            "");
  EXPECT_NE(
      violation_with<Bug::kMarkLate>(
          {.actors = {"h", "hc"}, .value = 0, .inherited = 1, .refuse = true, .settled = true}),
      "");
}

TEST(SemaphoreModel, FindsThatTheMarkIsNotLookedAtWithAPermit) {
  EXPECT_NE(violation_with<Bug::kTakeUnasked>(
                {.actors = {"pr", "pr", "h"}, .kills = 1, .refuse = true, .whole_looks = true}),
            "");
}

TEST(SemaphoreModel, FindsThatWhoWasRefusedIsLetInWhenRecoverComes) {
  EXPECT_NE(violation_with<Bug::kAskAgain>(
                {.actors = {"pr", "pr", "hc"}, .kills = 1, .refuse = true, .whole_looks = true}),
            "");
}

TEST(SemaphoreModel, FindsThatWaitersAreForgottenOnUnlock) {
  EXPECT_NE(violation_with<Bug::kClearWaitersOnUnlock>(
                {.actors = {"ar", "ar", "ar"}, .whole_looks = true}),
            "");
}

TEST(SemaphoreModel, FindsAWakeBeforeTheChange) {
  EXPECT_NE(violation_with<Bug::kWakeBeforeChange>({.actors = {"ar", "ar"}}), "");
}

}  // namespace
}  // namespace mp::internal

// Every order of the steps of an owner and the workers that it hands tasks to, with a worker killed before any of them: each
// task is run once, or is known to have been begun by the one that died.
//
// The rings are modelled as what they promise: messages come in the order in which they were sent, and what a dead worker
// had sent can still be read. The owner's bookkeeping is what pool_core does: it reads the results of a dead worker, then
// asks each word.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "mp/internal/model/explorer.h"
#include "mp/internal/model/model_atomics.h"
#include "mp/internal/pool/ledger_word.h"

namespace mp::internal {
namespace {

using model::Outcome;
using model::Scenario;

using Word = LedgerWord<model::ModelAtomics<>>;

// What a planted bug does in the place of the word's own step.
struct TakenBackUnasked : Word {  // the owner does not look whether the task was begun
  bool take_back(uint64_t ticket) noexcept {
    word.store(ticket << 2 | kTakenBack);
    return true;
  }
};
struct BegunUnasked : Word {  // the worker does not look whether it was taken back
  bool begin(uint64_t ticket) noexcept {
    word.store(ticket << 2 | kRunning);
    return true;
  }
};
struct BegunInTwoSteps : Word {  // it looks, then says
  bool begin(uint64_t ticket) noexcept {
    if (word.load() != (ticket << 2 | kQueued)) {
      return false;
    }
    word.store(ticket << 2 | kRunning);
    return true;
  }
};
struct NoTicket : Word {  // the word says in which state its task is, not which task
  void queue(uint64_t) noexcept { Word::queue(0); }
  bool take_back(uint64_t) noexcept { return Word::take_back(0); }
  bool begin(uint64_t) noexcept { return Word::begin(0); }
  bool is_running(uint64_t) const noexcept { return Word::is_running(0); }
};

constexpr int kOwner = 0;  // the actor; the workers are 1 and 2
constexpr int kWorkers = 2;
constexpr int kSlots = 2;
constexpr uint64_t kMostTasks = 2;
constexpr size_t kMostMessages = 5;
constexpr uint64_t kLeave = ~uint64_t{0};

enum class End : uint64_t { kNone, kResult, kDied };

template <class W>
struct Shared {
  W words[kWorkers][kSlots];
  // The rings: tickets and slots of the tasks that a worker was sent, and tickets of those that it has answered.
  model::ModelAtomic<uint64_t> sent[kWorkers][kMostMessages];
  model::ModelAtomic<uint64_t> answered[kWorkers][kMostMessages];
  // For the checks: by ticket.
  uint64_t runs[kMostTasks + 1];
  uint64_t taken_back[kMostTasks + 1];
  End ends[kMostTasks + 1];
  uint64_t padding[1];
};

// What the owner does of what it may do.
struct Play {
  bool takes_back = true;   // the first task, as soon as it was sent
  bool same_again = false;  // and gives it to the same worker; else to the other
  bool another = false;     // the slot then gets another task
  int kills = 0;            // of workers
  // Bugs of its own: asks a dead worker's word before it has read its results; takes all that the dead one had for begun,
  // or none of it.
  bool asks_first = false;
  bool all_begun = false;
  bool none_begun = false;
};

template <class W = Word>
Outcome run(const char* name, const Play& play) {
  alignas(16) static Shared<W> shared;
  static_assert(sizeof shared % 16 == 0);

  auto work = [](int me) {
    size_t answers = 0;
    for (size_t i = 0; i < kMostMessages; ++i) {
      uint64_t message = 0;
      [[maybe_unused]] model::ModelAtomics<>::LoopHead head;
      do {
        head.again();
        message = shared.sent[me][i].load();
      } while (message == 0);
      if (message == kLeave) {
        return;
      }
      const uint64_t ticket = message / kSlots;
      if (!shared.words[me][message % kSlots].begin(ticket)) {
        model::require(shared.taken_back[ticket] != 0, "passes over what nobody took back");
        continue;
      }
      model::require(++shared.runs[ticket] == 1, "a task is run twice");
      shared.answered[me][answers++].store(ticket);
    }
  };

  auto own = [&play] {
    size_t sent[kWorkers] = {};
    bool used[kWorkers][kSlots] = {};
    // The slot that it gets: the first that is free.
    auto hand_over = [&](int worker, uint64_t ticket) {
      const int slot = used[worker][0] ? 1 : 0;
      used[worker][slot] = true;
      shared.words[worker][slot].queue(ticket);
      shared.sent[worker][sent[worker]++].store(ticket * kSlots + static_cast<uint64_t>(slot));
      return slot;
    };
    auto end = [&](int worker, int slot) {
      shared.words[worker][slot].end();
      used[worker][slot] = false;
    };
    auto has_answered = [](int worker, uint64_t ticket) {
      for (const model::ModelAtomic<uint64_t>& answer : shared.answered[worker]) {
        if (const uint64_t of = answer.load(); of == 0 || of == ticket) {
          return of == ticket;
        }
      }
      return false;
    };
    // None: its worker has died, and had not begun it.
    auto await = [&](int worker, int slot, uint64_t ticket) {
      [[maybe_unused]] model::ModelAtomics<>::LoopHead head;
      for (;;) {
        head.again();
        const bool early = play.asks_first && has_answered(worker, ticket);
        const bool dead = model::is_dead(1 + worker);
        if (early || (!play.asks_first && has_answered(worker, ticket))) {
          return End::kResult;
        }
        if (dead) {
          const bool begun = shared.words[worker][slot].is_running(ticket);
          return (begun || play.all_begun) && !play.none_begun ? End::kDied : End::kNone;
        }
      }
    };
    auto finish = [&](int worker, int slot, uint64_t ticket) {
      End how = await(worker, slot, ticket);
      end(worker, slot);
      if (how == End::kNone) {
        worker = 1 - worker;
        slot = hand_over(worker, ticket);
        how = await(worker, slot, ticket);
        end(worker, slot);
      }
      shared.ends[ticket] = how;
    };

    hand_over(0, 1);
    if (play.takes_back && shared.words[0][0].take_back(1)) {
      shared.taken_back[1] = 1;
      end(0, 0);
      const int other = play.another ? hand_over(0, 2) : 0;
      const int with = play.same_again ? 0 : 1;
      finish(with, hand_over(with, 1), 1);
      if (play.another) {
        finish(0, other, 2);
      }
    } else {
      finish(0, 0, 1);
    }
    for (int worker = 0; worker < kWorkers; ++worker) {
      shared.sent[worker][sent[worker]].store(kLeave);
    }
  };

  Scenario s;
  s.shared = &shared;
  s.size = sizeof shared;
  s.begin = [] {};
  s.actors = {own, [&work] { work(0); }, [&work] { work(1); }};
  s.may_kill = [](int actor) { return actor != kOwner; };
  s.end = [] {
    for (uint64_t ticket = 1; ticket <= kMostTasks; ++ticket) {
      bool answered = false;
      for (const auto& answers : shared.answered) {
        for (const model::ModelAtomic<uint64_t>& answer : answers) {
          answered = answered || answer.raw() == ticket;
        }
      }
      const uint64_t runs = shared.runs[ticket];
      const End end = shared.ends[ticket];
      model::require(end != End::kNone || (ticket == 2 && runs == 0), "a task has no end");
      model::require(end != End::kResult || answered, "a result that nobody sent");
      model::require(end != End::kDied || runs == 1, "said to be begun, and was not");
      model::require(end != End::kDied || !answered, "a result was lost");
    }
  };
  s.names = {{&shared.words[0], "words of 0"},       {&shared.words[1], "words of 1"},
             {&shared.sent[0], "sent to 0"},         {&shared.sent[1], "sent to 1"},
             {&shared.answered[0], "answered by 0"}, {&shared.answered[1], "answered by 1"}};
  s.kills = play.kills;
  Outcome o = model::explore(s);
  model::report(name, o);
  return o;
}

TEST(LedgerWordModel, ATaskIsRunOnceWhoeverIsFirst) {
  EXPECT_EQ(run("take back", {}).violation, "");
  EXPECT_EQ(run("to the same again", {.same_again = true}).violation, "");
  EXPECT_EQ(run("slot used again", {.another = true}).violation, "");
}

TEST(LedgerWordModel, OfADeadWorkersTasksThoseItHadBegunAreKnown) {
  EXPECT_EQ(run("1 kill", {.takes_back = false, .kills = 1}).violation, "");
  EXPECT_EQ(run("take back, 1 kill", {.kills = 1}).violation, "");
  EXPECT_EQ(run("to the same again, 1 kill", {.same_again = true, .kills = 1}).violation, "");
  EXPECT_EQ(run("slot used again, 1 kill", {.another = true, .kills = 1}).violation, "");
}

template <class W = Word>
std::string violation_with(const Play& play) {
  std::string v = run<W>("planted bug", play).violation;
  return v.substr(0, v.find('\n'));
}

TEST(LedgerWordModel, FindsAnOwnerThatDoesNotAsk) {
  EXPECT_EQ(violation_with<TakenBackUnasked>({}), "a task is run twice");
}

TEST(LedgerWordModel, FindsAWorkerThatDoesNotAsk) {
  EXPECT_EQ(violation_with<BegunUnasked>({}), "a task is run twice");
  EXPECT_EQ(violation_with<BegunInTwoSteps>({}), "a task is run twice");
}

TEST(LedgerWordModel, FindsAWordThatDoesNotSayOfWhichTaskItIs) {
  EXPECT_EQ(violation_with<NoTicket>({.same_again = true}),
            "");  // of the same task nobody can tell
  EXPECT_NE(violation_with<NoTicket>({.another = true}), "");
}

TEST(LedgerWordModel, FindsAnOwnerThatMisjudgesTheDead) {
  EXPECT_EQ(violation_with({.takes_back = false, .kills = 1, .asks_first = true}),
            "a result was lost");
  EXPECT_EQ(violation_with({.takes_back = false, .kills = 1, .all_begun = true}),
            "said to be begun, and was not");
  EXPECT_EQ(violation_with({.takes_back = false, .kills = 1, .none_begun = true}),
            "a task is run twice");
}

}  // namespace
}  // namespace mp::internal

// Every order of the steps of those who wait on a condition and notify it, with up to two of them
// killed. The condition's lock is the simplest that comes back from a dead owner: the real one has a
// model of its own, and nobody sleeps on it here. What the explorer does not model: memory orders
// weaker than seq_cst, spinning, wake-ups without a reason. MP_MODEL_LONG=1 runs the larger ones.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "mp/internal/model/explorer.h"
#include "mp/internal/model/model_atomics.h"
#include "mp/internal/park/condition.h"

namespace mp::internal {

// A planted bug: a notifier does not look for those whom a dead one has marked and not woken.
struct LeavesUntold : model::ModelAtomics<> {};
template <>
struct Parking<LeavesUntold> : Parking<model::ModelAtomics<>> {};
template <>
bool CondNode<LeavesUntold>::untold(uint64_t) const noexcept {
  return false;
}

namespace {

using model::Outcome;
using model::Scenario;

constexpr int kNodes = 3;

// What each actor does, one letter after the other: w waits; t waits and may give up at any moment
// while it sleeps; n notifies one, b all; a lets one enlist before it goes on, A two.
struct Cast {
  std::vector<std::string> actors;
  int kills = 0;
  bool life_words = true;
  // Only who notifies is killed.
  bool notifiers_only = false;
};

template <class A>
struct alignas(16) Shared {
  CondWord<A> word;
  typename A::template Atomic<uint32_t> lock;  // who holds it
  // What the actors note, for the checks: a bit each.
  uint32_t notifying;  // holds the lock and notifies
  uint32_t due;        // was marked by a dead one; another has notified since, and it may not sleep
};

template <class A = model::ModelAtomics<>>
Outcome run(const char* name, const Cast& cast) {
  using Node = CondNode<A>;
  alignas(16) static Shared<A> shared;
  static_assert(sizeof shared % 16 == 0);
  model::ModelFamily family(cast.life_words);

  auto each = [](const auto& see) {
    for (int i = 0; i < kNodes; ++i) {
      if (!see(shared.word.nodes[i])) {
        return;
      }
    }
  };
  using Waiters = CondWaiters<A, decltype(each)>;
  auto lock = [&] {
    [[maybe_unused]] typename A::LoopHead head;
    uint32_t seen;
    do {
      head.again();
      seen = shared.lock.load(std::memory_order_relaxed);
    } while ((seen != 0 && !family.is_dead(Owner{seen})) ||
             !shared.lock.compare_exchange_strong(seen, model::self_owner().bits,
                                                  std::memory_order_seq_cst,
                                                  std::memory_order_relaxed));
  };
  auto unlock = [] { shared.lock.store(0, std::memory_order_release); };
  // Without steps.
  auto is_live = [](uint64_t st) { return !model::is_dying(model::actor_of(Node::owner(st))); };
  auto bit = [](int actor) { return 1u << actor; };

  // ConditionObject::wait, line by line.
  auto wait = [&](Deadline deadline) {
    lock();
    Waiters waiters(shared.word, model::self_owner(), family, each);
    Node* node = waiters.enlist();
    model::require(node != nullptr, "no node, though there are enough");
    unlock();
    bool notified = waiters.sleep(*node, deadline);
    shared.due &= ~bit(model::self());
    lock();
    if (notified) {
      model::require(Node::state(node->st.raw()) == Node::kNotified &&
                         Node::owner(node->st.raw()) == model::self_owner(),
                     "woke without a notification");
      waiters.leave(*node);
    }
    unlock();
  };

  auto notify = [&](uint64_t count) {
    lock();
    uint64_t before[kNodes];
    bool untold[kNodes];
    bool lived[kNodes];
    for (int i = 0; i < kNodes; ++i) {
      const Node& node = shared.word.nodes[i];
      before[i] = node.st.raw();
      lived[i] = is_live(before[i]);
      untold[i] = Node::state(before[i]) == Node::kNotified && node.wake.raw() != Node::kTold;
    }
    shared.notifying |= bit(model::self());
    Waiters(shared.word, model::self_owner(), family, each).notify(count);
    shared.notifying &= ~bit(model::self());
    bool somebody_waited = false;
    bool somebody_was_given = false;
    for (int i = 0; i < kNodes; ++i) {
      bool same = shared.word.nodes[i].st.raw() == before[i];
      if (Node::state(before[i]) == Node::kWaiting) {
        somebody_waited |= same && is_live(before[i]);
        somebody_was_given |= !same && lived[i];
      }
      if (untold[i] && same) {
        shared.due |= bit(model::actor_of(Node::owner(before[i])));
      }
    }
    model::require(!somebody_waited || (somebody_was_given && count == 1),
                   "who lives and waits was not notified");
    unlock();
  };

  auto use = [&](char how, size_t = 0) {
    switch (how) {
      case 'n':
        notify(1);
        break;
      case 'b':
        notify(~uint64_t{0});
        break;
      case 'a':
      case 'A': {
        [[maybe_unused]] typename A::LoopHead head;
        do {
          head.again();
        } while (shared.word.tickets.load() < (how == 'a' ? 1 : 2));
        break;
      }
      default:
        wait(how == 't' ? model::any_time() : Deadline::never());
    }
  };

  auto owed_by_dead = [&] {
    for (int i = 0; i < kNodes; ++i) {
      uint64_t st = shared.word.nodes[i].st.raw();
      if (Node::state(st) == Node::kNotified && !is_live(st)) {
        return true;
      }
    }
    return false;
  };

  bool gives_up = false;
  for (const std::string& turns : cast.actors) {
    gives_up |= turns.find('t') != turns.npos;
  }

  Scenario s;
  // Who holds the lock is alone with what only changes under it.
  s.owns = [&](int i, const void* at) {
    if (shared.lock.raw() != model::owner_of(i).bits) {
      return false;
    }
    for (const Node& node : shared.word.nodes) {
      if (at == &node.st) {
        return !gives_up || Node::state(node.st.raw()) != Node::kWaiting;
      }
      if (at == &node.wake) {
        return true;
      }
    }
    return false;
  };
  s.shared = &shared;
  s.size = sizeof shared;
  s.begin = [] {};
  model::cast(s, cast.actors, use);
  // Whatever happened: who notifies all leaves nothing of the dead.
  s.end = [&] {
    use('b');
    for (int i = 0; i < kNodes; ++i) {
      uint64_t st = shared.word.nodes[i].st.raw();
      model::require(Node::state(st) == Node::kFree || is_live(st), "a dead one's node is left");
    }
  };
  if (cast.notifiers_only) {
    s.may_kill = [&](int i) { return (shared.notifying & bit(i)) != 0; };
  }
  // Nobody needs a slice who was marked before somebody else notified.
  s.may_rest = [] { return shared.due == 0; };
  // Who was not notified waits on; unless somebody died with a notification, which is then theirs.
  s.may_stay = [&](int i, const void* at) {
    for (int n = 0; n < kNodes; ++n) {
      const Node& node = shared.word.nodes[n];
      if (at == &node.wake && Node::owner(node.st.raw()) == model::owner_of(i)) {
        return Node::state(node.st.raw()) == Node::kWaiting && !owed_by_dead();
      }
    }
    return false;
  };
  s.names = {{&shared.word.tickets, "tickets"},
             {&shared.word.nodes[0], "node0"},
             {&shared.word.nodes[1], "node1"},
             {&shared.word.nodes[2], "node2"},
             {&shared.lock, "lock"}};
  s.kills = cast.kills;
  Outcome o = model::explore(s);
  model::report(name, o);
  return o;
}

TEST(ConditionModel, ANotificationGoesToSomebodyWhoWaits) {
  // Here nobody may be left asleep.
  EXPECT_EQ(run("w an", {.actors = {"w", "an"}}).violation, "");
  EXPECT_EQ(run("w w Ab", {.actors = {"w", "w", "Ab"}}).violation, "");
  EXPECT_EQ(run("w w Ann", {.actors = {"w", "w", "Ann"}}).violation, "");
  // Here somebody may come late, or give up.
  EXPECT_EQ(run("t t n", {.actors = {"t", "t", "n"}}).violation, "");
}

TEST(ConditionModel, ADeadWaiterEatsNoNotification) {
  EXPECT_EQ(run("w an, 1 kill", {.actors = {"w", "an"}, .kills = 1}).violation, "");
  EXPECT_EQ(run("t t n, 1 kill", {.actors = {"t", "t", "n"}, .kills = 1}).violation, "");
}

TEST(ConditionModel, WhoWasMarkedByADeadNotifierIsWokenByTheNext) {
  EXPECT_EQ(run("w an an, 1 notifier killed",
                {.actors = {"w", "an", "an"}, .kills = 1, .notifiers_only = true})
                .violation,
            "");
  EXPECT_EQ(run("w w An An, 1 notifier killed",
                {.actors = {"w", "w", "An", "An"}, .kills = 1, .notifiers_only = true})
                .violation,
            "");
}

TEST(ConditionModel, TheLivingGetThroughAfterTwoDeaths) {
  EXPECT_EQ(run("w an an, 2 kills", {.actors = {"w", "an", "an"}, .kills = 2}).violation, "");
  EXPECT_EQ(run("w w Ab, 2 kills", {.actors = {"w", "w", "Ab"}, .kills = 2}).violation, "");
  EXPECT_EQ(run("t t n, 2 kills", {.actors = {"t", "t", "n"}, .kills = 2}).violation, "");
  EXPECT_EQ(run("w w An An, 2 kills", {.actors = {"w", "w", "An", "An"}, .kills = 2}).violation,
            "");
}

TEST(ConditionModelLong, TwoWhoGiveUpTwoNotifiersTwoDeaths) {
  if (!model::long_runs()) {
    GTEST_SKIP() << "set MP_MODEL_LONG=1";
  }
  EXPECT_EQ(run("t t n b, 2 kills", {.actors = {"t", "t", "n", "b"}, .kills = 2}).violation, "");
}

template <class A>
std::string violation_with(const Cast& cast) {
  std::string v = run<A>("planted bug", cast).violation;
  return v.substr(0, v.find('\n'));
}

TEST(ConditionModel, FindsThatADeadWaiterEatsANotification) {
  EXPECT_EQ(violation_with<model::ModelAtomics<Bug::kNotifyTheDead>>(
                {.actors = {"t", "t", "An"}, .kills = 1}),
            "who lives and waits was not notified");
}

TEST(ConditionModel, FindsThatTheUntoldAreLeftAsleep) {
  EXPECT_NE(violation_with<LeavesUntold>(
                {.actors = {"w", "an", "an"}, .kills = 1, .notifiers_only = true}),
            "");
}

}  // namespace
}  // namespace mp::internal

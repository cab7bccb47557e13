// mp/internal/park/condition.h
//
// Where the nodes of a condition meet the futex. See CondWord for the protocol.

#ifndef MP_INTERNAL_PARK_CONDITION_H_
#define MP_INTERNAL_PARK_CONDITION_H_

#include <cstdint>

#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/park/parking.h"
#include "mp/internal/park/spin.h"
#include "mp/internal/sync/cond_word.h"

namespace mp::internal {

// `each(see)` calls see(node) for every node of the condition until that returns false.
template <class A, class Each>
class CondWaiters {
 public:
  using Node = CondNode<A>;

  CondWaiters(CondWord<A>& word, Owner me, Liveness& family, const Each& each) noexcept
      : word_(word), me_(me), family_(family), each_(each) {}

  // -- With the condition's lock held --

  // A node for the caller, with the next ticket; null when all are taken by the living.
  Node* enlist() noexcept {
    uint32_t ticket = word_.tickets.fetch_add(1, std::memory_order_relaxed);
    Node* found = take_free(ticket);
    if (found == nullptr) {
      bury();
      found = take_free(ticket);
    }
    return found;
  }

  // Wakes up to `count` live waiters, those first that came first.
  void notify(uint64_t count) noexcept {
    if (count == 0) {
      return;
    }
    // What the dead were given and did not use comes on top, and what a notifier gave that died
    // before it woke anybody.
    each_([&](Node& node) {
      uint64_t st = node.st.load(std::memory_order_seq_cst);
      if (owed_by_dead(st)) {
        pass_on();
        node.clear(st);
      } else if (node.untold(st)) {
        tell(node);
      }
      return true;
    });
    for (; count > 0 && pass_on(); --count) {
    }
  }

  // The notification is used.
  void leave(Node& node) noexcept { node.clear(node.st.load(std::memory_order_relaxed)); }

  // -- Without it --

  // Waits until `node` is notified; false when `deadline` passed first, and the node is free then.
  bool sleep(Node& node, Deadline deadline) noexcept {
    if (spin<A>(kWakeNs, [&] { return node.notified(); })) {
      return true;
    }
    [[maybe_unused]] typename A::LoopHead head;
    for (;;) {
      head.again();
      if (node.notified()) {
        return true;
      }
      Deadline slice = Deadline::of_slice(family_.slice_ns());
      FutexResult r = Parking<A>::wait(node.wake, Node::kSleep, earlier(slice, deadline));
      if (node.notified()) {
        if (r == FutexResult::kTimeout) {
          family_.count_rescue();
        }
        return true;
      }
      if (r == FutexResult::kTimeout && inherit(node)) {
        return true;
      }
      if (deadline.passed()) {
        return !node.cancel();
      }
    }
  }

 private:
  static uint32_t age(uint32_t now, uint64_t st) noexcept {
    return (now - Node::ticket(st)) & 0x7fffffff;
  }

  bool owed_by_dead(uint64_t st) noexcept {
    return Node::state(st) == Node::kNotified && Node::owner(st) != me_ &&
           family_.is_dead(Node::owner(st));
  }

  Node* take_free(uint32_t ticket) noexcept {
    Node* found = nullptr;
    each_([&](Node& node) {
      if (node.enlist(ticket, me_)) {
        found = &node;
      }
      return found == nullptr;
    });
    return found;
  }

  // Frees the nodes of dead waiters who are owed nothing.
  void bury() noexcept {
    each_([&](Node& node) {
      uint64_t st = node.st.load(std::memory_order_seq_cst);
      if (Node::state(st) == Node::kWaiting && family_.is_dead(Node::owner(st))) {
        node.clear(st);
      }
      return true;
    });
  }

  // Notifies the live waiter with the oldest ticket; false when there is none.
  bool pass_on() noexcept {
    for (;;) {
      Node* oldest = nullptr;
      uint64_t seen = 0;
      uint32_t now = word_.tickets.load(std::memory_order_relaxed);
      each_([&](Node& node) {
        uint64_t st = node.st.load(std::memory_order_seq_cst);
        // Tickets wrap: the age decides.
        if (Node::state(st) == Node::kWaiting &&
            (oldest == nullptr || age(now, st) > age(now, seen))) {
          oldest = &node;
          seen = st;
        }
        return true;
      });
      if (oldest == nullptr) {
        return false;
      }
      if (!oldest->notify(seen)) {
        continue;
      }
      // Only one that does not sleep can be dead.
      if (tell(*oldest) || A::kBug == Bug::kNotifyTheDead || !family_.is_dead(Node::owner(seen))) {
        return true;
      }
      oldest->clear((seen & ~uint64_t{3}) | Node::kNotified);
    }
  }

  // Wakes the notified waiter, who can not leave its node while we hold the lock; false when it
  // does not sleep.
  bool tell(Node& node) noexcept {
    node.wake.store(Node::kWake, std::memory_order_seq_cst);
    bool slept = Parking<A>::wake(node.wake, 1) != 0;
    node.wake.store(Node::kTold, std::memory_order_relaxed);
    return slept;
  }

  // Takes over a notification that a dead waiter did not use.
  bool inherit(Node& mine) noexcept {
    bool got = false;
    each_([&](Node& node) {
      uint64_t st = node.st.load(std::memory_order_seq_cst);
      if (!owed_by_dead(st)) {
        return true;
      }
      // First taken, then freed: killed in between, somebody takes it again. If we were notified
      // meanwhile, what the dead one owes is another's.
      uint64_t own = mine.st.load(std::memory_order_relaxed);
      if (Node::state(own) == Node::kWaiting && mine.notify(own)) {
        node.clear(st);
      }
      got = true;
      return false;
    });
    return got;
  }

  CondWord<A>& word_;
  Owner me_;
  Liveness& family_;
  const Each& each_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_PARK_CONDITION_H_

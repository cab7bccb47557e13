// mp/internal/core/condition_object.h
//
// ConditionObject: what a Condition is in shared memory, and its operations. See CondWord for the
// protocol.

#ifndef MP_INTERNAL_CORE_CONDITION_OBJECT_H_
#define MP_INTERNAL_CORE_CONDITION_OBJECT_H_

#include <cstdint>

#include "mp/errors.h"
#include "mp/internal/core/lock_object.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/spin.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/sync/cond_word.h"

namespace mp::internal {

// Destroy function: frees the further pages.
void destroy_condition(Family& family, uint64_t object, bool redo);

template <class A = RealAtomics>
struct ConditionObject {
  using Node = CondNode<A>;
  using Page = CondPage<A>;

  Block block;
  CondWord<A> word;

  // Waits with the lock given up and taken again; false when `deadline` passed first. The caller
  // holds the lock.
  bool wait(LockObject<A>& lock, bool recursive, Deadline deadline) {
    Owner me = self();
    Family& family = *Family::current();
    Node* node = enlist(me, family);
    uint32_t levels = lock.release_all(recursive);
    bool notified = sleep(*node, deadline, me, family);
    A::step("cond.woken");
    lock.restore(levels);
    if (notified) {
      // From here on the notification is used.
      node->clear(node->st.load(std::memory_order_relaxed));
    }
    return notified;
  }

  // Wakes up to `count` live waiters, those first that came first. The caller holds the lock.
  void notify(uint64_t count) noexcept {
    Family& family = *Family::current();
    Owner me{g_self.load(std::memory_order_relaxed)};
    // What the dead were given and did not use comes on top.
    each_node([&](Node& node) {
      uint64_t st = node.st.load(std::memory_order_seq_cst);
      if (Node::state(st) == Node::kNotified && Node::owner(st) != me &&
          family.is_dead(Node::owner(st)) && count != 0) {
        pass_on(family);
        node.clear(st);
      }
      return true;
    });
    for (; count > 0 && pass_on(family); --count) {
    }
  }

  // How many wait. A snapshot.
  uint32_t waiters() noexcept {
    uint32_t n = 0;
    each_node([&](Node& node) {
      n += Node::state(node.st.load(std::memory_order_relaxed)) == Node::kWaiting;
      return true;
    });
    return n;
  }

 private:
  // Notifies the live waiter with the oldest ticket; false when there is none.
  bool pass_on(Family& family) noexcept {
    for (;;) {
      Node* oldest = nullptr;
      uint64_t seen = 0;
      uint32_t now = word.tickets.load(std::memory_order_relaxed);
      each_node([&](Node& node) {
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
      if (futex_wake(&oldest->wake, 1) != 0 || !family.is_dead(Node::owner(seen))) {
        return true;
      }
      oldest->clear((seen & ~uint64_t{3}) | Node::kNotified);
    }
  }

  static uint32_t age(uint32_t now, uint64_t st) noexcept {
    return (now - Node::ticket(st)) & 0x7fffffff;
  }

  bool sleep(Node& node, Deadline deadline, Owner me, Family& family) noexcept {
    if (spin<A>(kWaitSpins, [&] { return node.notified(); })) {
      return true;
    }
    for (;;) {
      if (node.notified()) {
        return true;
      }
      Deadline slice = Deadline::after_ns(family.slice_ns());
      FutexResult r = futex_wait(&node.wake, 0, earlier(slice, deadline));
      if (node.notified()) {
        if (r == FutexResult::kTimeout) {
          family.count_rescue();
        }
        return true;
      }
      if (r == FutexResult::kTimeout && inherit(node, me, family)) {
        return true;
      }
      if (deadline.passed()) {
        return !node.cancel();
      }
    }
  }

  // Takes over a notification that a dead waiter did not use.
  bool inherit(Node& mine, Owner me, Family& family) noexcept {
    bool got = false;
    each_node([&](Node& node) {
      uint64_t st = node.st.load(std::memory_order_seq_cst);
      if (Node::state(st) == Node::kNotified && Node::owner(st) != me &&
          family.is_dead(Node::owner(st))) {
        // First taken, then freed: killed in between, somebody takes it again.
        uint64_t own = mine.st.load(std::memory_order_relaxed);
        got = Node::state(own) == Node::kNotified || mine.notify(own) || mine.notified();
        node.clear(st);
      }
      return !got;
    });
    return got;
  }

  Node* enlist(Owner me, Family& family) {
    uint32_t ticket = word.tickets.fetch_add(1, std::memory_order_relaxed);
    for (int round = 0;; ++round) {
      Node* found = nullptr;
      each_node([&](Node& node) {
        if (node.enlist(ticket, me)) {
          found = &node;
        }
        return found == nullptr;
      });
      if (found != nullptr) {
        return found;
      }
      if (round == 0) {
        bury(family);
        continue;
      }
      add_page(family);
    }
  }

  // Frees the nodes of dead waiters who are owed nothing.
  void bury(Family& family) noexcept {
    each_node([&](Node& node) {
      uint64_t st = node.st.load(std::memory_order_seq_cst);
      if (Node::state(st) == Node::kWaiting && family.is_dead(Node::owner(st))) {
        node.clear(st);
      }
      return true;
    });
  }

  void add_page(Family& family) {
    typename A::template Atomic<uint64_t>* end = &word.more;
    while (Page* page = page_at(family, end->load(std::memory_order_acquire))) {
      end = &page->more;
    }
    raise_if_error(
        family.create_part(Kind::kSegment, sizeof(Page), family.offset_of(&block), *end).status());
  }

  Page* page_at(Family& family, uint64_t at) const noexcept {
    if (at == 0) {
      return nullptr;
    }
    const Block* b = family.arena().block(at);
    bool whole = b->state.load(std::memory_order_acquire) == Block::kLive &&
                 b->kind == Kind::kSegment &&
                 b->link.load(std::memory_order_relaxed) == family.offset_of(&block);
    return whole ? family.at<Page>(at) : nullptr;
  }

  // Calls `see` for each node until it returns false.
  template <class See>
  void each_node(const See& see) noexcept {
    for (Node& node : word.nodes) {
      if (!see(node)) {
        return;
      }
    }
    uint64_t at = word.more.load(std::memory_order_acquire);
    if (at == 0) [[likely]] {
      return;
    }
    Family& family = *Family::current();
    for (Page* page = page_at(family, at); page != nullptr;
         page = page_at(family, page->more.load(std::memory_order_acquire))) {
      for (Node& node : page->nodes) {
        if (!see(node)) {
          return;
        }
      }
    }
  }

  static constexpr int kWaitSpins = 150;
};

static_assert(sizeof(ConditionObject<>) <= 256);

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_CONDITION_OBJECT_H_

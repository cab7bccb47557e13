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
#include "mp/internal/park/condition.h"
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
    Family& family = *Family::current();
    auto each = [this](const auto& see) { this->each_node(see); };
    CondWaiters<A, decltype(each)> waiters(word, self(), family, each);
    Node* node;
    while ((node = waiters.enlist()) == nullptr) {
      add_page(family);
    }
    uint32_t levels = lock.release_all(recursive);
    bool notified = waiters.sleep(*node, deadline);
    A::step("cond.woken");
    bool held = lock.restore(levels);
    if (notified) {
      waiters.leave(*node);
    }
    if (!held) [[unlikely]] {
      raise_owner_died(lock.block.kind);
    }
    return notified;
  }

  // Wakes up to `count` live waiters, those first that came first. The caller holds the lock.
  void notify(uint64_t count) noexcept {
    auto each = [this](const auto& see) { this->each_node(see); };
    CondWaiters<A, decltype(each)>(word, self(), *Family::current(), each).notify(count);
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
};

static_assert(sizeof(ConditionObject<>) <= 256);

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_CONDITION_OBJECT_H_

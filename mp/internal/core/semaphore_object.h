// mp/internal/core/semaphore_object.h
//
// SemaphoreObject: what Semaphore and BoundedSemaphore are in shared memory, 512 bytes, and their
// operations. See SemWord for the protocol.
//
// Field     written by           rule
// word      see SemWord
// bound     creation             the value never rises above it
// bounded   creation             `bound` is the first value
// fixed     creation             permits of the dead come back whatever happens: never a signal
// refuse    creation             acquire() refuses while word.died()
// growing   see LockWord         held while a page is added
// pages     the holder of it     offset of the SemPage for slots of bit_width 5, 6, ... 12
// cells     see SemWord          of the slots below kCells
//
// Death   Killed while a page is added: the page is named and not whole, or not ready; the next
//         holder of `growing` allocates or clears it anew.

#ifndef MP_INTERNAL_CORE_SEMAPHORE_OBJECT_H_
#define MP_INTERNAL_CORE_SEMAPHORE_OBJECT_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

#include "mp/errors.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/park/semaphore.h"
#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/sync/sem_word.h"
#include "mp/timeout.h"

namespace mp::internal {

// Destroy function: frees the pages.
void destroy_semaphore(Family& family, uint64_t object, bool redo);

// The cells of the slots from 1 << n to 2 << n.
template <class A = RealAtomics>
struct SemPage {
  Block block;
  std::atomic<uint32_t> ready;  // the cells have been zeroed
  uint32_t unused[7];

  SemCell<A>* cells() noexcept { return reinterpret_cast<SemCell<A>*>(this + 1); }
};

template <class A = RealAtomics>
struct SemaphoreObject {
  using Word = SemWord<A>;
  using Cell = SemCell<A>;
  using Page = SemPage<A>;
  static constexpr uint32_t kCells = 16;
  static constexpr int kPages = Owner::kSlotBits - 4;

  Block block;
  Word word;
  uint32_t bound;
  uint8_t bounded;
  uint8_t fixed;
  uint8_t refuse;
  uint8_t unused;
  LockWord<> growing;
  std::atomic<uint64_t> pages[kPages];
  Cell cells[kCells];

  // -- What SemWord and Semaphore ask of cells --

  Cell* find(uint32_t slot) const noexcept {
    if (slot < kCells) [[likely]] {
      return const_cast<Cell*>(&cells[slot]);
    }
    Page* page = page_at(page_of(slot));
    return page != nullptr && page->ready.load(std::memory_order_acquire) != 0
               ? &page->cells()[slot - (1u << (page_of(slot) + 4))]
               : nullptr;
  }
  template <class See>
  void each(const See& see) const noexcept {
    for (uint32_t slot = 1; slot < kCells; ++slot) {
      see(slot, *find(slot));
    }
    for (int i = 0; i < kPages; ++i) {
      uint32_t first = 1u << (i + 4);
      if (Cell* cell = find(first)) {
        for (uint32_t n = 0; n < first; ++n) {
          see(first + n, cell[n]);
        }
      }
    }
  }

  // -- Operations --

  // The short ways call nothing: what the long ones need would cost them a frame.

  // False when `timeout` ran out first. Throws mp::OwnerDied when it refuses.
  bool acquire(Timeout timeout) {
    Owner me{g_self.load(std::memory_order_relaxed)};
    if (me && word.take_as_mover(me)) [[likely]] {
      return !word.died() || admitted(me);
    }
    return acquire_slow(timeout);
  }

  // False when the value would rise above the bound.
  bool release() noexcept {
    Owner me{g_self.load(std::memory_order_relaxed)};
    if (me && word.give_as_mover(me, bound)) [[likely]] {
      return !word.sleepers.pending() || wake(me);
    }
    return release_slow();
  }

  // How many permits there are, those of the dead included. A snapshot.
  uint32_t value() noexcept {
    Owner me = self();
    parked(me).heal();
    return word.value();
  }

  // "<Semaphore(value=2)>", "<BoundedSemaphore(value=2, maxvalue=3)>"
  std::string text() {
    std::string n = std::to_string(value());
    return bounded ? "<BoundedSemaphore(value=" + n + ", maxvalue=" + std::to_string(bound) + ")>"
                   : "<Semaphore(value=" + n + ")>";
  }

  bool owner_died() const noexcept { return word.died(); }
  void recover() noexcept { word.forgive(); }

 private:
  using Parked = internal::Semaphore<Word, A, SemaphoreObject>;

  static int page_of(uint32_t slot) noexcept { return std::bit_width(slot) - 5; }

  Parked parked(Owner me) noexcept {
    SemRules rules = {.fixed = fixed != 0, .refuse = refuse != 0};
    return Parked(word, bound, rules, me, *Family::current(), *this);
  }

  // True, as the release was.
  [[gnu::noinline]] bool wake(Owner me) noexcept {
    parked(me).wake(1);
    return true;
  }
  [[gnu::noinline]] bool release_slow() noexcept { return parked(self()).release(); }

  [[gnu::noinline]] bool acquire_slow(Timeout timeout) {
    Deadline deadline = Deadline::after(timeout);
    Owner me = self();
    if (find(me.slot()) == nullptr && !word.is_signal()) {
      add_page(page_of(me.slot()));
    }
    Acquired a = parked(me).acquire(deadline);
    if (a == Acquired::kNo) {
      raise_if_interrupted();
    }
    return taken(a);
  }

  // The caller has taken a permit, and somebody has died: true if it may keep it.
  [[gnu::noinline]] bool admitted(Owner me) { return taken(parked(me).admitted()); }

  bool taken(Acquired a) {
    if (a == Acquired::kRefused) [[unlikely]] {
      raise_refused();
    }
    return a == Acquired::kClean;
  }

  [[noreturn]] void raise_refused() {
    raise(OwnerDied("mp: " + text() + ": a process died holding a permit; see recover()").status());
  }

  Page* page_at(int i) const noexcept {
    uint64_t at = pages[i].load(std::memory_order_acquire);
    if (at == 0) {
      return nullptr;
    }
    Family& family = *Family::current();
    const Block* b = family.arena().block(at);
    bool whole = b->state.load(std::memory_order_acquire) == Block::kLive &&
                 b->kind == Kind::kSegment &&
                 b->link.load(std::memory_order_relaxed) == family.offset_of(&block);
    return whole ? family.at<Page>(at) : nullptr;
  }

  void add_page(int i) {
    Family& family = *Family::current();
    park_acquire(growing, self(), Deadline::never(), family);
    Page* page = page_at(i);
    absl::Status status;
    if (page == nullptr) {
      uint64_t size = sizeof(Page) + (sizeof(Cell) << (i + 4));
      status =
          family.create_part(Kind::kSegment, size, family.offset_of(&block), pages[i]).status();
      page = page_at(i);
    }
    if (page != nullptr && page->ready.load(std::memory_order_relaxed) == 0) {
      // Of a large part the allocation clears no more than the beginning.
      for (uint32_t n = 0; n < 1u << (i + 4); ++n) {
        page->cells()[n].owner.store(0, std::memory_order_relaxed);
        page->cells()[n].held.store(0, std::memory_order_relaxed);
      }
      page->ready.store(1, std::memory_order_release);
    }
    park_release(growing);
    raise_if_error(status);
  }
};

static_assert(sizeof(SemPage<>) == 64);
static_assert(sizeof(SemaphoreObject<>) <= 512);
static_assert(offsetof(SemaphoreObject<>, word) == 32);

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_SEMAPHORE_OBJECT_H_

// mp/internal/shm/deposits.h
//
// Deposits: who may still fetch a file descriptor that waits in the family's mailbox. One entry per descriptor, so that
// none stays when its sender dies before it publishes, its receiver before it fetches, or its channel with it inside.
//
// Safety   All with family_lock held, but claim(), none() and orphans(). The last two are hints, and relaxed: what a process
//          has noted or abandoned itself it sees, and of what others leave after it looked the next look sees it.
// Entries  An entry exists from before the descriptor goes into the mailbox until after it came out: it may only
//          over-estimate. It belongs to the sender while message `seq` of `channel` is not published, to the message
//          until the channel's count of received messages is above `seq`, then to `taker`. Nobody's is an orphan, whose
//          descriptor anybody throws away.
// Death    Of a sender: who takes the producers' lock next calls forget() with the number of published messages, and
//          after a sweep of the sender somebody does. Of a taker: see orphan_of_dead_takers(). Each step leaves an entry
//          that says the same or is free.

#ifndef MP_INTERNAL_SHM_DEPOSITS_H_
#define MP_INTERNAL_SHM_DEPOSITS_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "mp/internal/shm/arena.h"
#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

// `Memory` is a seam for models; everybody else has an Arena.
template <class A = RealAtomics, class Memory = Arena>
class DepositsOf {
 public:
  using Deposit = DepositOf<A>;

  explicit DepositsOf(const Memory& memory) noexcept : memory_(memory) {}

  // Nothing is there, surely.
  bool none() const noexcept {
    return memory_.header().deposits.load(std::memory_order_relaxed) == 0;
  }
  // Some are orphans, perhaps.
  bool orphans() const noexcept {
    return memory_.header().orphans.load(std::memory_order_relaxed) != 0;
  }

  // False when there is no room. `received` is the offset of the channel's count of received messages.
  bool note(uint64_t token, uint64_t channel, uint64_t seq, uint64_t received) noexcept;
  // `taker` is about to commit the receive of the message. Without family_lock, with the consumers' lock.
  void claim(uint64_t token, Owner taker) noexcept;
  // The descriptor is out of the mailbox.
  void end(uint64_t token) noexcept;
  // Nobody will fetch it.
  void abandon(uint64_t token) noexcept;
  // Messages of `channel` from `from` on were never published.
  void forget(uint64_t channel, uint64_t from) noexcept;
  // Message `seq` of `channel` is about to be received as a lease: it keeps its descriptors until end_message().
  void lease(uint64_t channel, uint64_t seq) noexcept;
  // Messages from `from` on were not received that way after all.
  void unlease(uint64_t channel, uint64_t from, uint64_t received) noexcept;
  // Message `seq`, which was leased, is done with: its descriptors are orphans.
  void end_message(uint64_t channel, uint64_t seq) noexcept;
  // `channel` is being destroyed: its messages are lost, but those that were received.
  void channel_ends(uint64_t channel) noexcept;

  // Received by somebody dead, and not fetched.
  void orphan_of_dead_takers(absl::FunctionRef<bool(Owner)> is_dead) noexcept;
  // Channels with a message that was not received, published or not, of a sender who is dead; some more than once.
  void each_channel_of_dead_senders(absl::FunctionRef<bool(Owner)> is_dead,
                                    absl::FunctionRef<void(uint64_t channel)> see) const noexcept;
  // The token of some orphan, or 0: then orphans() is false until there is a new one.
  uint64_t some_orphan() noexcept;

 private:
  bool committed(const Deposit& d) const noexcept;
  void make_orphan(Deposit& d) noexcept;
  Deposit* find(uint64_t token) const noexcept;
  template <class See>
  void each(const See& see) const noexcept;

  const Memory& memory_;
};
using Deposits = DepositsOf<>;

extern template class DepositsOf<RealAtomics, Arena>;

}  // namespace mp::internal

#endif  // MP_INTERNAL_SHM_DEPOSITS_H_

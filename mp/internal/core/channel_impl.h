// mp/internal/core/channel_impl.h
//
// The bodies of ChannelWriter, ChannelReader and ChannelLeases, for channel.cc and for tests that bring an atomics
// policy of their own.

#ifndef MP_INTERNAL_CORE_CHANNEL_IMPL_H_
#define MP_INTERNAL_CORE_CHANNEL_IMPL_H_

#include <algorithm>
#include <cstring>

#include "mp/errors.h"
#include "mp/internal/base/sanitizer.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/event.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/park/parking.h"
#include "mp/internal/park/spin.h"
#include "mp/internal/sync/event_count.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

// A call that polls still waits this long for a lock that somebody holds: being busy is not being
// full or empty.
inline constexpr int64_t kPollGraceNs = 100'000'000;

// Nanoseconds that a producer without room, and a consumer without a message, spin before they sleep. A consumer spins
// longer: waking it costs the producer a system call.
inline constexpr int64_t kRoomNs = 400;
inline constexpr int64_t kReadNs = 1'000;

// Pauses that a producer spends, once per segment, on consumers that are behind: about ten
// microseconds.
inline constexpr int kPaceSpins = 256;
inline constexpr int kPaceStep = 8;
inline constinit thread_local SpinBudget t_pace{0};

inline Deadline lock_deadline(Deadline deadline) {
  return deadline.is_past_by_construction() ? Deadline::after_ns(kPollGraceNs) : deadline;
}

// For sanitizer.h: a segment may soon be another process's; so may all from the one to the other.
template <class A, class Store>
void segment_leaves(Channel<A, Store>& channel, uint64_t segment) noexcept {
  if constexpr (kThreadSanitizer) {
    block_leaves(channel.store.template at<std::byte>(segment));
  }
}
template <class A, class Store>
void segments_leave(Channel<A, Store>& channel, uint64_t from, uint64_t to) noexcept {
  if constexpr (kThreadSanitizer) {
    for (uint64_t s = from;; s = Ring<A>::segment_at(channel.store, s).next) {
      segment_leaves(channel, s);
      if (s == to) {
        return;
      }
    }
  }
}
// What was taken is the first of a segment, which may have been another process's.
template <class A, class Store>
void segment_comes(Channel<A, Store>& channel, const typename Ring<A>::Taken& taken) noexcept {
  if constexpr (kThreadSanitizer) {
    std::byte* segment = channel.store.template at<std::byte>(taken.after.segment);
    if (taken.words == segment + Ring<A>::Segment::kFirst + 8) {
      block_comes(segment);
    }
  }
}

// Status without text: cheap; the public edge names the object.
inline absl::Status unavailable() { return absl::Status(absl::StatusCode::kUnavailable, ""); }
inline absl::Status shut_down() { return absl::Status(absl::StatusCode::kCancelled, ""); }

// A process that has taken leases is dead: they come back, and nobody watches it any more.
template <class A, class Store>
void bury_lessee(Channel<A, Store>& channel, Owner dead) noexcept {
  channel.store.liveness().relay_death(dead);
  channel.store.sweep(dead);
  ChannelLeases<A, Store>(channel).return_of_dead();
  for (auto& lessee : channel.ring->lessees) {
    uint32_t bits = dead.bits;
    lessee.compare_exchange_strong(bits, 0, std::memory_order_relaxed);
  }
}

// Who is about to say that nothing is there looks whether something has to come back: false when it
// has not. Without any lock.
template <class A, class Store>
bool dead_give_back(Channel<A, Store>& channel) noexcept {
  if (channel.ring->leases.none()) [[likely]] {
    return false;
  }
  for (auto& lessee : channel.ring->lessees) {
    Owner owner{lessee.load(std::memory_order_relaxed)};
    if (owner && channel.store.liveness().is_dead(owner)) {
      bury_lessee(channel, owner);
    }
  }
  return channel.ring->leases.maybe_back();
}

// Who is about to have a lease: sleepers are to watch it, and to learn of it before it has one.
template <class A, class Store>
void announce_lessee(Channel<A, Store>& channel) noexcept {
  if (channel.ring->add_lessee(channel.store.self())) [[unlikely]] {
    A::fence_after_rmw();
    notify(channel.ring->items, kWakeAll);
    notify(channel.ring->finished, kWakeAll);
  }
}

// Waits until `ready()`, as a consumer of a queue or one who joins it; false when `deadline` passed
// first. A sleeper also watches those who have taken leases: what they had comes back at their death.
template <class A, class Store, class Ready>
bool await_with_lessees(Channel<A, Store>& channel, EventCount<A>& ec, Deadline deadline,
                        int64_t spin_ns, const Ready& ready) noexcept {
  if (ready() || spin<A>(spin_ns, ready)) {
    return true;
  }
  Store& store = channel.store;
  Liveness& family = store.liveness();
  const int64_t slice_ns = family.slice_ns();
  int64_t nap = 0;
  [[maybe_unused]] typename A::LoopHead head;
  for (;;) {
    head.again();
    uint32_t seq = ec.ask();
    if (ready()) {
      return true;
    }
    // After ask(): who takes its first lease from here on ends our sleep.
    FutexPair lives[Ring<A>::kLessees];
    Owner owners[Ring<A>::kLessees];
    int count = 0;
    int64_t longest = slice_ns;
    bool died = false;
    for (auto& lessee : channel.ring->lessees) {
      Owner owner{lessee.load(std::memory_order_seq_cst)};
      if (!owner || owner == store.self()) {
        continue;
      }
      FutexPair& life = lives[count];
      life.word = family.arm_life_word(owner, &life.expected);
      if (life.word != nullptr) {
        owners[count++] = owner;
      } else if (family.is_dead(owner)) {
        bury_lessee(channel, owner);
        died = true;
      } else if (family.is_dying(owner)) {
        longest = nap = std::min(slice_ns, nap == 0 ? kFirstNapNs : 2 * nap);
      }
    }
    if (died) {
      continue;
    }
    Deadline slice = Deadline::of_slice(longest);
    A::step("queue.before_sleep");
    Deadline end = earlier(slice, deadline);
    FutexResult r = count == 0 ? Parking<A>::wait(ec.seq, seq, end)
                               : Parking<A>::wait_or_deaths(ec.seq, seq, lives, count, end);
    for (int i = 0; i < count; ++i) {
      if (family.is_dying(owners[i])) {
        // The kernel wakes one sleeper only.
        family.relay_death(owners[i]);
      }
    }
    const bool whole_slice = r == FutexResult::kTimeout && longest == slice_ns && slice.passed();
    if (ready()) {
      if (whole_slice) {
        family.count_rescue();
      }
      return true;
    }
    const bool too_late = deadline.passed();
    if ((whole_slice || too_late) && !channel.ring->leases.none()) {
      ChannelLeases<A, Store>(channel).return_of_dead();
    }
    if (too_late) {
      return ready();
    }
  }
}

// Waits until `ready()`; false when `deadline` passed first. In a pipe a sleeper also watches one
// holder of the end on the `other` side, and sweeps it when it is dead: that closes the pipe if it
// was the last. A holder that lets go of the end tells who sleeps here, so that they look for
// another; should it die before it has told them, its death does.
template <class A, class Store, class Ready>
bool await_change(Channel<A, Store>& channel, EventCount<A>& ec, int other, Deadline deadline,
                  int64_t spin_ns, const Ready& ready) noexcept {
  Store& store = channel.store;
  Liveness& family = store.liveness();
  const uint64_t end = channel.ring->ends[other];
  if (end == 0) {
    return other == Ring<A>::kReaders ? await(ec, deadline, family, spin_ns, ready)
                                      : await_with_lessees(channel, ec, deadline, spin_ns, ready);
  }
  if (ready() || spin<A>(spin_ns, ready)) {
    return true;
  }
  typename A::template Atomic<uint32_t>& watched = channel.ring->watched[other];
  const int64_t slice_ns = family.slice_ns();
  int64_t nap = 0;
  [[maybe_unused]] typename A::LoopHead head;
  for (;;) {
    head.again();
    uint32_t seq = ec.ask();
    if (ready()) {
      return true;
    }
    // After ask(): who lets go of the end from here on ends our sleep.
    Owner hint{watched.load(std::memory_order_relaxed)};
    Owner holder = store.holder_of(end, hint);
    if (holder != hint) {
      watched.store(holder.bits, std::memory_order_relaxed);
    }
    FutexPair life = {nullptr, 0};
    int64_t longest = slice_ns;
    if (holder != store.self()) {
      if (holder) {
        life.word = family.arm_life_word(holder, &life.expected);
        // An armed word is that of a live one, and changes with its death: that saves the question,
        // a system call. Whoever it does not change for is found by the sweep after a slice.
        if (life.word == nullptr && family.is_dead(holder)) {
          family.relay_death(holder);
          store.sweep(holder);
          continue;
        }
      }
      if (life.word == nullptr) {
        // Nothing to sleep on: it is about to be dead, or begins only, or the end is in a message.
        longest = nap = std::min(slice_ns, nap == 0 ? kFirstNapNs : 2 * nap);
      }
    }
    Deadline slice = Deadline::of_slice(longest);
    A::step("pipe.before_sleep");
    FutexResult r = Parking<A>::wait_or_death(ec.seq, seq, life, earlier(slice, deadline));
    if (life.word != nullptr && family.is_dying(holder)) {
      // The kernel wakes one sleeper only.
      family.relay_death(holder);
    }
    const bool whole_slice = r == FutexResult::kTimeout && longest == slice_ns && slice.passed();
    if (ready()) {
      if (whole_slice) {
        family.count_rescue();
      }
      return true;
    }
    const bool too_late = deadline.passed();
    if (whole_slice || too_late) {
      store.sweep_all();
    }
    if (too_late) {
      return ready();
    }
  }
}

// After publishing, with the producers' lock.
template <class A, class Store>
void ring_bells(Channel<A, Store>& channel) noexcept {
  // Relaxed: who begins to listen has the lock meanwhile.
  if (channel.ring->listeners.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    channel.store.ring_bells();
  }
}

// Who may have been woken for something that he leaves to others wakes one of them.
template <class A>
void pass_on(EventCount<A>& ec, bool something) noexcept {
  if (something) {
    notify(ec, 1);
  }
}

template <class A, class Store>
ChannelWriter<A, Store>::~ChannelWriter() {
  if (open_) {
    give_up();
  }
}

// Takes the producers' lock and settles what a dead owner has left; false when `deadline` passed. Throws when this process,
// forked by others than mp, has no room to join the family.
template <class A, class Store>
bool acquire_producers(Channel<A, Store>& channel, Deadline deadline) {
  Store& store = channel.store;
  Ring<A>& ring = *channel.ring;
  Acquired a = park_acquire(ring.put_lock, store.self(), deadline, store.liveness());
  if (a == Acquired::kOwnerDied) [[unlikely]] {
    ring.recover_put(store);
    store.forget_in_transit(ring.published());
    ring_bells(channel);
    // The dead producer may have published and not woken anybody.
    A::fence_after_rmw();
    notify(ring.items, kWakeAll);
  }
  return a != Acquired::kNo;
}

template <class A, class Store>
absl::Status ChannelWriter<A, Store>::open(Deadline deadline) {
  Store& store = channel_.store;
  Ring<A>& ring = *channel_.ring;
  deadline_ = deadline;
  [[maybe_unused]] typename A::LoopHead head;
  for (;;) {
    head.again();
    if (!acquire_producers(channel_, lock_deadline(deadline))) [[unlikely]] {
      pass_on(ring.room, ring.has_room(store));
      return unavailable();
    }
    open_ = true;
    if (ring.closed.load(std::memory_order_acquire) != 0) [[unlikely]] {
      close();
      return shut_down();
    }
    if (ring.maxsize == 0 || ring.size() < ring.maxsize) [[likely]] {
      batch_ = ring.begin_batch();
      return absl::OkStatus();
    }
    close();
    if (!await_room()) {
      return unavailable();
    }
  }
}

template <class A, class Store>
bool ChannelWriter<A, Store>::await_room() noexcept {
  Ring<A>& ring = *channel_.ring;
  return !deadline_.is_past_by_construction() &&
         await_change(channel_, ring.room, Ring<A>::kReaders, deadline_, kRoomNs, [&] {
           return ring.has_room(channel_.store) || ring.closed.load(std::memory_order_relaxed) != 0;
         });
}

template <class A, class Store>
std::byte* ChannelWriter<A, Store>::add(uint64_t size, std::span<const uint64_t> handles,
                                        std::span<const int> fds, bool raw) {
  Store& store = channel_.store;
  Ring<A>& ring = *channel_.ring;
  if (handles.size() > RecordHeader::kMaxHandles || fds.size() > RecordHeader::kMaxFds)
      [[unlikely]] {
    status_ = value_error("mp: a message carries at most 4095 handles and 255 file descriptors");
    return nullptr;
  }
  uint32_t words = static_cast<uint32_t>(handles.size() + fds.size());
  while (ring.must_wait(store, batch_, size, words)) [[unlikely]] {
      if (batch_.count != 0) {
        publish();
      } else {
        close();
      }
      status_ = await_room() ? open(deadline_) : unavailable();
      if (!status_.ok()) {
        return nullptr;
      }
    }
  typename Ring<A>::Reserved place = ring.reserve(
      store, batch_, size, static_cast<uint32_t>(handles.size()), static_cast<uint32_t>(fds.size()),
      raw ? RecordHeader::kRaw : 0, store.large_message());
  if (place.words == nullptr) [[unlikely]] {
    status_ = store.no_memory(size);
    return nullptr;
  }
  if (words != 0) [[unlikely]] {
    uint64_t seq = ring.published() + batch_.count - 1;
    for (uint64_t object : handles) {
      noted_ = true;
      status_ = store.note_in_transit(object, seq, ring.got);
      if (!status_.ok()) {
        return nullptr;
      }
    }
    if (!handles.empty()) {
      std::memcpy(place.words, handles.data(), handles.size_bytes());
    }
    std::byte* at = place.words + handles.size_bytes();
    for (int fd : fds) {
      noted_ = true;
      absl::StatusOr<uint64_t> token = store.deposit(fd, seq, ring.got);
      if (!token.ok()) {
        status_ = token.status();
        return nullptr;
      }
      std::memcpy(at, &*token, sizeof *token);
      at += sizeof *token;
    }
  }
  return place.payload;
}

template <class A, class Store>
void ChannelWriter<A, Store>::publish() noexcept {
  Ring<A>& ring = *channel_.ring;
  const uint64_t first = ring.begin_batch().position.segment;
  const uint64_t last = batch_.position.segment;
  if constexpr (A::kBug == Bug::kRingBeforePublish) {
    ring_bells(channel_);
  }
  segments_leave(channel_, first, last);
  ring.publish(channel_.store, batch_);
  // And the headers stored meanwhile.
  segment_leaves(channel_, first);
  segment_leaves(channel_, last);
  if constexpr (A::kBug != Bug::kRingBeforePublish) {
    ring_bells(channel_);
  }
  int count = static_cast<int>(std::min<uint64_t>(batch_.count, kWakeAll));
  noted_ = false;
  close();
  // sync: record, event-count: the exchange that released the lock stands between publishing and
  // this look.
  A::fence_after_rmw();
  notify(ring.items, count);
  if (first != last) [[unlikely]] {
    pace();
  }
}

// A producer that runs ahead of its consumers leaves their cache, and both go at the speed of
// memory. Once per segment it gives them a moment, without any lock; consumers that do not come are
// not waited for again soon.
template <class A, class Store>
void ChannelWriter<A, Store>::pace() noexcept {
  if constexpr (A::kMaxSpins == 0) {
    return;
  }
  Ring<A>& ring = *channel_.ring;
  for (int n = t_pace.take(kPaceSpins); n > 0; n -= kPaceStep) {
    if (ring.backlog(channel_.store) <= Ring<A>::kCached) {
      t_pace.succeeded();
      return;
    }
    for (int i = 0; i < kPaceStep; ++i) {
      A::pause();
    }
    if (n <= kPaceStep) {
      t_pace.failed();
    }
  }
}

template <class A, class Store>
void ChannelWriter<A, Store>::close() noexcept {
  open_ = false;
  park_release(channel_.ring->put_lock);
}

template <class A, class Store>
void ChannelWriter<A, Store>::give_up() noexcept {
  Ring<A>& ring = *channel_.ring;
  if (noted_) {
    channel_.store.forget_in_transit(ring.published());
  }
  close();
  pass_on(ring.room, ring.has_room(channel_.store));
}

template <class A, class Store>
ChannelReader<A, Store>::~ChannelReader() {
  if (open_) {
    close();
    notify(channel_.ring->items, 1);
  }
}

template <class A, class Store>
absl::Status ChannelReader<A, Store>::open(Deadline deadline) {
  Store& store = channel_.store;
  Ring<A>& ring = *channel_.ring;
  [[maybe_unused]] typename A::LoopHead head;
  for (;;) {
    head.again();
    if (deadline.is_past_by_construction() && !ring.maybe_ready(store) &&
        ring.closed.load(std::memory_order_relaxed) == 0 && !dead_give_back(channel_)) {
      return unavailable();
    }
    Acquired a =
        park_acquire(ring.get_lock, store.self(), lock_deadline(deadline), store.liveness());
    if (a == Acquired::kNo) [[unlikely]] {
      pass_on(ring.items, ring.maybe_ready(store));
      return unavailable();
    }
    open_ = true;
    if (a == Acquired::kOwnerDied) [[unlikely]] {
      ring.recover_get(store);
      // The dead consumer may have made room and not told anybody.
      A::fence_after_rmw();
      notify(ring.room, kWakeAll);
    }
    uint32_t state = ring.closed.load(std::memory_order_acquire);
    taken_ = {};
    back_ = {};
    if ((state & ChannelState::kNoGets) == 0) [[likely]] {
      if (ring.leases.maybe_back()) [[unlikely]] {
        look_at_returned();
      }
      if (back_.entry == 0) [[likely]] {
        taken_ = ring.look(store, ring.front());
      }
    }
    if (taken_.header != 0) {
      count_ = 1;
      if (back_.entry == 0) {
        segment_comes(channel_, taken_);
      }
      if constexpr (A::kBug == Bug::kCommitBeforeCopyOut) {
        ring.commit_get(store, taken_.after, count_);
      }
      return absl::OkStatus();
    }
    close();
    if (state != 0) [[unlikely]] {
      if ((state & ChannelState::kNoGets) != 0 || producers_done_) {
        return shut_down();
      }
      // A producer that came before the end may still be about to publish. Who has held their lock
      // since has seen the last of them.
      ChannelWriter<A, Store> writer(channel_);
      if (absl::Status s = writer.open(deadline); !absl::IsCancelled(s)) {
        return s;
      }
      producers_done_ = true;
      head = {};
      continue;
    }
    auto ready = [&] {
      return ring.maybe_ready(store) || ring.closed.load(std::memory_order_relaxed) != 0;
    };
    if (deadline.is_past_by_construction()) {
      // We may have come for what another one has taken, or for nothing.
      if (!dead_give_back(channel_)) {
        return unavailable();
      }
      continue;
    }
    if (!await_change(channel_, ring.items, Ring<A>::kWriters, deadline, kReadNs, ready)) {
      return unavailable();
    }
  }
}

template <class A, class Store>
void ChannelReader<A, Store>::look_at_returned() noexcept {
  Ring<A>& ring = *channel_.ring;
  back_ =
      ring.leases.first_back(channel_.store, [&](uint64_t at, typename LeaseTable<A>::Entry& e) {
        ring.take_down(channel_.store, at, e);
      });
  if (back_.entry != 0) {
    taken_ = ring.look_at_lease(channel_.store, back_.entry);
  }
}

template <class A, class Store>
bool ChannelReader<A, Store>::next() noexcept {
  if (back_.entry != 0) [[unlikely]] {
    return false;
  }
  Ring<A>& ring = *channel_.ring;
  typename Ring<A>::Taken after = ring.look(channel_.store, taken_.after);
  // One commit leaves one segment at most.
  if (after.header == 0 || (after.after.segment != taken_.after.segment &&
                            taken_.after.segment != ring.front().segment)) {
    return false;
  }
  segment_comes(channel_, after);
  before_ = taken_;
  taken_ = after;
  ++count_;
  return true;
}

template <class A, class Store>
void ChannelReader<A, Store>::commit() noexcept {
  Ring<A>& ring = *channel_.ring;
  if (back_.entry != 0) [[unlikely]] {
    ring.end_lease(channel_.store, back_.entry);
    ring.leases.took(back_);
    close();
    return;
  }
  const bool crosses = taken_.after.segment != ring.front().segment;
  segments_leave(channel_, ring.front().segment, taken_.after.segment);
  if constexpr (A::kBug != Bug::kCommitBeforeCopyOut) {
    ring.commit_get(channel_.store, taken_.after, count_);
  }
  close();
  tell_of_room(count_, crosses);
}

template <class A, class Store>
void ChannelReader<A, Store>::tell_of_room(uint64_t count, bool crosses) noexcept {
  Ring<A>& ring = *channel_.ring;
  if (ring.listeners.load(std::memory_order_relaxed) != 0) [[unlikely]] {
    channel_.store.message_taken();
  }
  if (ring.maxsize != 0 || (ring.window != 0 && crosses)) [[unlikely]] {
    A::fence_after_rmw();
    notify(ring.room,
           ring.window != 0 ? kWakeAll : static_cast<int>(std::min<uint64_t>(count, kWakeAll)));
  }
}

template <class A, class Store>
typename Ring<A>::Leased ChannelReader<A, Store>::lease(bool view) noexcept {
  Store& store = channel_.store;
  Ring<A>& ring = *channel_.ring;
  typename Ring<A>::Leased leased;
  if (!view && A::kBug != Bug::kWatchLesseeLate) {
    announce_lessee(channel_);
  }
  bool crosses = false;
  if (back_.entry != 0) {
    leased = ring.lease_again(store, back_.entry, view, store.self());
    ring.leases.took(back_);
  } else {
    crosses = taken_.after.segment != ring.front().segment;
    leased = ring.lease(store, taken_, view ? 0 : 1, store.self(), store.large_message());
    if (leased.entry == 0) {
      return leased;
    }
  }
  if constexpr (A::kBug == Bug::kWatchLesseeLate) {
    announce_lessee(channel_);
  }
  bool returned = back_.entry != 0;
  close();
  if (!returned) {
    tell_of_room(1, crosses);
  }
  return leased;
}

template <class A, class Store>
bool ChannelLeases<A, Store>::acknowledge(typename Ring<A>::Leased lease) noexcept {
  Store& store = channel_.store;
  Ring<A>& ring = *channel_.ring;
  typename LeaseTable<A>::Entry& e = ring.leases.entry_at(store, lease.entry);
  if constexpr (kThreadSanitizer) {
    block_leaves(store.template at<std::byte>(e.block.load(std::memory_order_relaxed)));
  }
  bool more = false;
  if (!ring.leases.acknowledge(store, e, lease.word,
                               Ring<A>::carries(e.header.load(std::memory_order_relaxed)), &more)) {
    return false;
  }
  A::step("lease.acknowledged");
  tell_if_finished();
  if (more) {
    lock();
    if (e.word.load(std::memory_order_relaxed) == (lease.word | LeaseWord::kDone)) {
      ring.take_down(store, lease.entry, e);
    }
    unlock();
  }
  return true;
}

template <class A, class Store>
bool ChannelLeases<A, Store>::give_back(typename Ring<A>::Leased lease) noexcept {
  Ring<A>& ring = *channel_.ring;
  if (!ring.leases.give_back(ring.leases.entry_at(channel_.store, lease.entry), lease.word)) {
    return false;
  }
  A::step("lease.before_wake");
  notify(ring.items, 1);
  if ((ring.closed.load(std::memory_order_seq_cst) & ChannelState::kNoGets) != 0) {
    // What nobody can get any more is no task.
    tell_if_finished();
  }
  return true;
}

template <class A, class Store>
template <class Gone>
bool ChannelLeases<A, Store>::return_if(const Gone& gone) noexcept {
  Ring<A>& ring = *channel_.ring;
  bool changed = ring.leases.return_of(
      channel_.store, [&ring] { return ring.received(); }, gone);
  if (ring.leases.maybe_back()) {
    A::fence_after_rmw();
    notify(ring.items, kWakeAll);
  }
  if (changed) {
    // A view or a task finished early has ended with its holder, which tells nobody of the last one.
    tell_if_finished();
  }
  return changed;
}

template <class A, class Store>
bool ChannelLeases<A, Store>::return_of_dead() noexcept {
  Liveness& family = channel_.store.liveness();
  // One question for entries that follow each other: most are of few holders.
  Owner asked;
  bool dead = false;
  return return_if([&](Owner owner) {
    if (owner != asked) {
      asked = owner;
      dead = family.is_dead(owner);
    }
    return dead;
  });
}

template <class A, class Store>
void ChannelLeases<A, Store>::return_of(Owner gone) noexcept {
  Liveness& family = channel_.store.liveness();
  return_if([&](Owner owner) { return owner == gone || family.is_dead(owner); });
}

template <class A, class Store>
void ChannelLeases<A, Store>::tell_if_finished() noexcept {
  // sync: event-count: the change of the entry's word, an exchange, stands before this look.
  A::fence_after_rmw();
  if (channel_.ring->finished.pending() && finished()) {
    notify(channel_.ring->finished, kWakeAll);
  }
}

template <class A, class Store>
bool ChannelLeases<A, Store>::finished() noexcept {
  Ring<A>& ring = *channel_.ring;
  return ring.is_finished(
      channel_.store, (ring.closed.load(std::memory_order_seq_cst) & ChannelState::kNoGets) != 0);
}

template <class A, class Store>
absl::StatusOr<bool> ChannelLeases<A, Store>::finish_any() noexcept {
  Store& store = channel_.store;
  Ring<A>& ring = *channel_.ring;
  auto first = [&](auto is) {
    typename Ring<A>::Leased found;
    uint64_t oldest = 0;
    ring.leases.each(store, [&](uint64_t at, typename LeaseTable<A>::Entry& e) {
      uint64_t w = e.word.load(std::memory_order_seq_cst);
      uint64_t seq = e.seq.load(std::memory_order_relaxed);
      if (LeaseWord::is_unfinished(w) && is(w) && (found.entry == 0 || seq < oldest)) {
        found = {at, w};
        oldest = seq;
      }
    });
    return found;
  };
  // Killed before it has told who joins, or who gets, it is missed as any lessee.
  announce_lessee(channel_);
  for (;;) {
    typename Ring<A>::Leased out = first(LeaseWord::is_out);
    if (out.entry == 0) {
      break;
    }
    if (acknowledge(out)) {
      return true;
    }
  }
  lock();
  absl::StatusOr<bool> found = false;
  typename Ring<A>::Taken taken;
  if (typename Ring<A>::Leased back = first(LeaseWord::is_back); back.entry != 0) {
    // As one that is no task any more.
    ring.leases.entry_at(store, back.entry)
        .word.store(LeaseWord::without_attempt(back.word), std::memory_order_seq_cst);
    found = true;
  } else if ((ring.closed.load(std::memory_order_acquire) & ChannelState::kNoGets) == 0 &&
             (taken = ring.look(store, ring.front())).header != 0) {
    // Out of turn from now on: the next to be taken, and no task.
    if (ring.lease(store, taken, 0, store.self(), store.large_message(), LeaseWord::kBack).entry !=
        0) {
      ring.leases.returns.fetch_add(1, std::memory_order_seq_cst);
      found = true;
    } else {
      found = store.no_memory(RecordHeader::stride(taken.header));
    }
  }
  unlock();
  if (found.ok() && *found) {
    tell_if_finished();
  }
  return found;
}

template <class A, class Store>
void ChannelLeases<A, Store>::lock() noexcept {
  Ring<A>& ring = *channel_.ring;
  Store& store = channel_.store;
  if (park_acquire(ring.get_lock, store.self(), Deadline::never(), store.liveness()) ==
      Acquired::kOwnerDied) {
    ring.recover_get(store);
    // As in ChannelReader::open(); and who died may have been woken for what it did not take.
    A::fence_after_rmw();
    notify(ring.room, kWakeAll);
    notify(ring.items, kWakeAll);
  }
}

template <class A, class Store>
void ChannelLeases<A, Store>::unlock() noexcept {
  park_release(channel_.ring->get_lock);
}

template <class A, class Store>
bool ChannelLeases<A, Store>::join(Deadline deadline) noexcept {
  auto ready = [this] { return finished(); };
  return await_with_lessees(channel_, channel_.ring->finished, deadline, kReadNs, ready);
}

template <class A, class Store>
void ChannelReader<A, Store>::close() noexcept {
  open_ = false;
  park_release(channel_.ring->get_lock);
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_CHANNEL_IMPL_H_

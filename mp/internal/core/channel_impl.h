// mp/internal/core/channel_impl.h
//
// The bodies of ChannelWriter and ChannelReader, for channel.cc and for tests that bring an atomics
// policy of their own.

#ifndef MP_INTERNAL_CORE_CHANNEL_IMPL_H_
#define MP_INTERNAL_CORE_CHANNEL_IMPL_H_

#include <algorithm>
#include <cstring>

#include "mp/errors.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/park/event.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/park/spin.h"

namespace mp::internal {

// A call that polls still waits this long for a lock that somebody holds: being busy is not being
// full or empty.
inline constexpr int64_t kPollGraceNs = 100'000'000;

// Pauses that a producer spends, once per segment, on consumers that are behind: about ten
// microseconds.
inline constexpr int kPaceSpins = 256;
inline constexpr int kPaceStep = 8;
inline constinit thread_local SpinBudget t_pace;

inline Deadline lock_deadline(Deadline deadline) {
  return deadline.is_past_by_construction() ? Deadline::after_ns(kPollGraceNs) : deadline;
}

// Status without text: cheap; the public edge names the object.
inline absl::Status unavailable() { return absl::Status(absl::StatusCode::kUnavailable, ""); }
inline absl::Status shut_down() { return absl::Status(absl::StatusCode::kCancelled, ""); }

// await(), and for a pipe a look for dead processes at the end of every slice: sweeping them closes
// the ends they held.
template <class A, class Ready>
bool await_or_sweep(Ring<A>& ring, EventCount<A>& ec, Deadline deadline, Family& family, int spins,
                    const Ready& ready) noexcept {
  if (ring.id == 0) {
    return await(ec, deadline, family, spins, ready);
  }
  while (
      !await(ec, earlier(deadline, Deadline::after_ns(family.slice_ns())), family, spins, ready)) {
    family.sweep_all();
    if (!ready() && deadline.passed()) {
      return false;
    }
  }
  return true;
}

template <class A>
ChannelWriter<A>::~ChannelWriter() {
  if (open_) {
    close();
  }
}

template <class A>
absl::Status ChannelWriter<A>::open(Deadline deadline) {
  Family& family = channel_.store.family();
  Ring<A>& ring = *channel_.ring;
  deadline_ = deadline;
  for (;;) {
    Acquired a = park_acquire(ring.put_lock, self(), lock_deadline(deadline), family);
    if (a == Acquired::kNo) [[unlikely]] {
      return unavailable();
    }
    open_ = true;
    if (a == Acquired::kOwnerDied) [[unlikely]] {
      ring.recover_put(channel_.store);
      family.forget_in_transit(channel_.store.ring(), ring.published());
      // The dead producer may have published and not woken anybody.
      A::fence_after_rmw();
      notify(ring.items, kWakeAll);
    }
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

template <class A>
bool ChannelWriter<A>::await_room() noexcept {
  Ring<A>& ring = *channel_.ring;
  return !deadline_.is_past_by_construction() &&
         await_or_sweep(ring, ring.room, deadline_, channel_.store.family(), kSpins, [&] {
           return ring.has_room(channel_.store) || ring.closed.load(std::memory_order_relaxed) != 0;
         });
}

template <class A>
std::byte* ChannelWriter<A>::add(uint64_t size, std::span<const uint64_t> handles,
                                 std::span<const uint64_t> fd_tokens, bool raw) {
  Family& family = channel_.store.family();
  Ring<A>& ring = *channel_.ring;
  uint32_t words = static_cast<uint32_t>(handles.size() + fd_tokens.size());
  while (ring.must_wait(channel_.store, batch_, size, words)) [[unlikely]] {
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
  uint64_t large = family.header().large_message.load(std::memory_order_relaxed);
  typename Ring<A>::Reserved place =
      ring.reserve(channel_.store, batch_, size, static_cast<uint32_t>(handles.size()),
                   static_cast<uint32_t>(fd_tokens.size()), raw ? RecordHeader::kRaw : 0, large);
  if (place.words == nullptr) [[unlikely]] {
    status_ = memory_error(family.arena().over_budget(size));
    return nullptr;
  }
  if (words != 0) [[unlikely]] {
    uint64_t seq = ring.published() + batch_.count - 1;
    for (uint64_t object : handles) {
      status_ = family.note_in_transit(object, channel_.store.ring(), seq, ring.got);
      if (!status_.ok()) {
        return nullptr;
      }
    }
    std::byte* at = place.words;
    std::memcpy(at, handles.data(), handles.size_bytes());
    std::memcpy(at + handles.size_bytes(), fd_tokens.data(), fd_tokens.size_bytes());
  }
  return place.payload;
}

template <class A>
void ChannelWriter<A>::publish() noexcept {
  Ring<A>& ring = *channel_.ring;
  bool crossed = batch_.position.segment != ring.begin_batch().position.segment;
  ring.publish(channel_.store, batch_);
  int count = static_cast<int>(std::min<uint64_t>(batch_.count, kWakeAll));
  close();
  // sync: record, event-count: the exchange that released the lock stands between publishing and
  // this look.
  A::fence_after_rmw();
  notify(ring.items, count);
  if (crossed) [[unlikely]] {
    pace();
  }
}

// A producer that runs ahead of its consumers leaves their cache, and both go at the speed of
// memory. Once per segment it gives them a moment, without any lock; consumers that do not come are
// not waited for again soon.
template <class A>
void ChannelWriter<A>::pace() noexcept {
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

template <class A>
void ChannelWriter<A>::close() noexcept {
  open_ = false;
  park_release(channel_.ring->put_lock);
}

template <class A>
ChannelReader<A>::~ChannelReader() {
  if (open_) {
    close();
  }
}

template <class A>
absl::Status ChannelReader<A>::open(Deadline deadline) {
  Family& family = channel_.store.family();
  Ring<A>& ring = *channel_.ring;
  for (;;) {
    if (deadline.is_past_by_construction() && !ring.maybe_ready(channel_.store) &&
        ring.closed.load(std::memory_order_relaxed) == 0) {
      return unavailable();
    }
    Acquired a = park_acquire(ring.get_lock, self(), lock_deadline(deadline), family);
    if (a == Acquired::kNo) [[unlikely]] {
      return unavailable();
    }
    open_ = true;
    if (a == Acquired::kOwnerDied) [[unlikely]] {
      ring.recover_get(channel_.store);
      // The dead consumer may have made room and not told anybody.
      A::fence_after_rmw();
      notify(ring.room, kWakeAll);
    }
    uint32_t state = ring.closed.load(std::memory_order_acquire);
    taken_ = {};
    if ((state & ChannelState::kNoGets) == 0) [[likely]] {
      taken_ = ring.look(channel_.store, ring.front());
    }
    if (taken_.header != 0) {
      count_ = 1;
      return absl::OkStatus();
    }
    close();
    if (state != 0) [[unlikely]] {
      // Nothing more comes, once a producer that published before the end has been seen.
      if ((state & ChannelState::kNoGets) != 0 || !ring.maybe_ready(channel_.store)) {
        return shut_down();
      }
      continue;
    }
    auto ready = [&] {
      return ring.maybe_ready(channel_.store) || ring.closed.load(std::memory_order_relaxed) != 0;
    };
    if (deadline.is_past_by_construction()) {
      return unavailable();
    }
    if (!await_or_sweep(ring, ring.items, deadline, family, kReadSpins, ready)) {
      return unavailable();
    }
  }
}

template <class A>
bool ChannelReader<A>::next() noexcept {
  Ring<A>& ring = *channel_.ring;
  typename Ring<A>::Taken after = ring.look(channel_.store, taken_.after);
  // One commit leaves one segment at most.
  if (after.header == 0 || (after.after.segment != taken_.after.segment &&
                            taken_.after.segment != ring.front().segment)) {
    return false;
  }
  before_ = taken_;
  taken_ = after;
  ++count_;
  return true;
}

template <class A>
void ChannelReader<A>::commit() noexcept {
  Ring<A>& ring = *channel_.ring;
  bool leaves = taken_.after.segment != ring.front().segment;
  ring.commit_get(channel_.store, taken_.after, count_);
  int count = static_cast<int>(std::min<uint64_t>(count_, kWakeAll));
  close();
  if (ring.maxsize != 0 || (ring.window != 0 && leaves)) [[unlikely]] {
    A::fence_after_rmw();
    notify(ring.room, ring.window != 0 ? kWakeAll : count);
  }
}

template <class A>
void ChannelReader<A>::close() noexcept {
  open_ = false;
  park_release(channel_.ring->get_lock);
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_CHANNEL_IMPL_H_

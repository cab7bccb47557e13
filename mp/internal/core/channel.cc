#include "mp/internal/core/channel.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/internal/core/channel_impl.h"
#include "mp/internal/core/received.h"

namespace mp::internal {

template class ChannelWriter<RealAtomics>;
template class ChannelReader<RealAtomics>;
template class ChannelLeases<RealAtomics>;

constinit BellHooks g_bell_hooks{[](Family&, uint64_t) noexcept {},
                                 [](Family&, uint64_t) noexcept {}};

absl::Status RingStore::no_memory(uint64_t size) const {
  return memory_error(absl::StrCat(
      family_.arena().over_budget(refused_), ". A message of ", size,
      " bytes needs a new segment of that size in its channel; segments come free as a whole, when "
      "all messages in them were received"));
}

absl::StatusOr<uint64_t> RingStore::deposit(int fd, uint64_t seq,
                                            const std::atomic<uint64_t>& got) {
  uint64_t token = g_fd_mail.token();
  absl::Status status = family_.note_deposit(token, ring_, seq, got);
  if (status.ok()) {
    status = g_fd_mail.put(token, fd);
  }
  if (!status.ok()) {
    return status;
  }
  return token;
}

bool lost_producer(Family& family, uint64_t object) noexcept {
  uint32_t seen = family.at<Ring<>>(object)->put_lock.word.load(std::memory_order_acquire);
  Owner owner = LockWord<>::owner_of(seen);
  // Who lives and has it, or has had it last, has settled what was to be settled.
  return owner ? family.is_dead(owner) : seen != 0;
}

void recover_producers(Family& family, uint64_t object) noexcept {
  if (lost_producer(family, object)) {
    Channel<> channel(family, object);
    ChannelWriter<> writer(channel);
    writer.open(Deadline::past()).IgnoreError();
  }
}

void destroy_ring(Family& family, uint64_t object, bool redo) {
  if (redo) {
    family.free_all_parts(object);
    return;
  }
  RingStore store(family, object);
  std::vector<uint64_t> segments;
  Ring<>* ring = family.at<Ring<>>(object);
  ring->each_segment(store, [&](uint64_t s) { segments.push_back(s); });
  // After a death some names of blocks lead to what is a part no more, and some to one that is listed already.
  ring->leases.each_block(store, [&](uint64_t b) {
    if (store.is_segment(b) || store.is_lease(b)) {
      segments.push_back(b);
    }
  });
  std::sort(segments.begin(), segments.end());
  segments.erase(std::unique(segments.begin(), segments.end()), segments.end());
  for (uint64_t s : segments) {
    store.free_segment(s);
  }
}

// A process has let go of a channel that others hold, or is dead: what it had leased comes back.
void let_go_of_ring(Family& family, uint64_t object) {
  if (family.at<Ring<>>(object)->leases.none()) {
    return;
  }
  Channel<> channel(family, object);
  Owner me = Family::self();
  ChannelLeases<>(channel).return_of(family.holder_of(object, me) == me ? Owner{} : me);
}

namespace {
[[maybe_unused]] const bool g_registered = (Family::set_destroy(Kind::kQueue, destroy_ring),
                                            Family::set_let_go(Kind::kQueue, let_go_of_ring), true);
[[maybe_unused]] const bool g_recovers =
    (Family::g_message_hooks.abandoned = lost_producer,
     Family::g_message_hooks.recover = recover_producers, true);
}  // namespace

}  // namespace mp::internal

// mp/internal/core/channel.h
//
// Channel: a Ring with blocking: what Queue and Pipe put their bytes into.
//
//   ChannelWriter<> w(channel);        ChannelReader<> r(channel);
//   if (w.open(deadline).ok()) {       if (r.open(deadline).ok()) {
//     fill(w.add(size));                 decode(r.message());
//     w.publish();                       r.commit();
//   }                                  }
//
// Instead of commit() a reader may lease() its message: then it comes back if this process dies before it
// acknowledges it. ChannelLeases does the rest.
//
// An open ChannelWriter or ChannelReader holds the producers' or consumers' lock; leaving the scope
// without publish() or commit() changes nothing.

#ifndef MP_INTERNAL_CORE_CHANNEL_H_
#define MP_INTERNAL_CORE_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/sync/ring.h"

namespace mp::internal {

// Whether a dead process has the producers' lock of a Ring, or had it last and nobody has settled what it left.
bool lost_producer(Family& family, uint64_t object) noexcept;
// Takes it over then, and settles that.
void recover_producers(Family& family, uint64_t object) noexcept;

// Destroy function of everything that is a Ring: frees its segments and leases.
void destroy_ring(Family& family, uint64_t object, bool redo);

// Who waits for a pipe's messages by a file descriptor; bells.cc fills them in. They are called only
// while Ring::listeners is not 0.
struct BellHooks {
  // Something was published. With the producers' lock.
  void (*ring)(Family& family, uint64_t ring) noexcept;
  // This process has taken a message. Without a lock.
  void (*taken)(Family& family, uint64_t ring) noexcept;
};
extern BellHooks g_bell_hooks;

// The arena and the family as a Channel sees them.
class RingStore {
 public:
  RingStore(Family& family, uint64_t ring) noexcept : family_(family), ring_(ring) {}

  // For Ring.

  template <class T>
  T* at(uint64_t offset) const noexcept {
    return family_.at<T>(offset);
  }
  bool is_segment(uint64_t s) const noexcept {
    const Block* b = family_.arena().block(s);
    return b->state.load(std::memory_order_acquire) == Block::kLive && b->kind == Kind::kSegment &&
           b->link.load(std::memory_order_relaxed) == ring_;
  }
  uint64_t segment_size(uint64_t s) const noexcept { return family_.arena().block(s)->size; }
  uint64_t allocate_segment(uint64_t bytes, std::atomic<uint64_t>& intent) noexcept {
    auto s = family_.create_part(Kind::kSegment, bytes, ring_, intent);
    if (!s.ok()) [[unlikely]] {
      refused_ = bytes;
      return 0;
    }
    if (bytes >= kMapAhead) {
      map_pages(family_.at<std::byte>(*s), bytes);
    }
    return *s;
  }
  void free_segment(uint64_t s) noexcept { family_.free_part(s); }
  bool is_lease(uint64_t b) const noexcept {
    const Block* block = family_.arena().block(b);
    return block->state.load(std::memory_order_acquire) == Block::kLive &&
           block->kind == Kind::kLease && block->link.load(std::memory_order_relaxed) == ring_;
  }
  uint64_t allocate_lease(uint64_t bytes, std::atomic<uint64_t>& intent) noexcept {
    auto b = family_.create_part(Kind::kLease, bytes, ring_, intent);
    refused_ = b.ok() ? 0 : bytes;
    return b.ok() ? *b : 0;
  }
  void lease_carried(uint64_t seq) noexcept { family_.lease_carried(ring_, seq); }
  void unlease_carried(uint64_t from) noexcept {
    family_.unlease_carried(ring_, from, at<Ring<>>(ring_)->got);
  }
  void end_carried(uint64_t seq) noexcept { family_.end_carried(ring_, seq); }
  static constexpr uint64_t first_segment() noexcept { return Ring<>::kFirstSegment; }
  static constexpr uint64_t largest_segment() noexcept { return Ring<>::kLargestSegment; }

  // For ChannelWriter and ChannelReader.
  // As Family's.
  Owner holder_of(uint64_t end, Owner hint) const noexcept { return family_.holder_of(end, hint); }
  void sweep(Owner dead) noexcept { family_.sweep(dead); }
  Liveness& liveness() const noexcept { return family_; }
  Owner self() const { return Family::self(); }
  // Bytes from which a message gets a segment of its own.
  uint64_t large_message() const noexcept {
    return family_.header().large_message.load(std::memory_order_relaxed);
  }
  // There was no segment for a message of `size` bytes.
  absl::Status no_memory(uint64_t size) const;
  // Message `seq` is going to carry a handle to `object`; see Family.
  absl::Status note_in_transit(uint64_t object, uint64_t seq, const std::atomic<uint64_t>& got) {
    return family_.note_in_transit(object, ring_, seq, got);
  }
  // Leaves a copy of `fd` in the family's mailbox for message `seq`.
  absl::StatusOr<uint64_t> deposit(int fd, uint64_t seq, const std::atomic<uint64_t>& got);
  // Messages from `from` on were not published: what they carry is in transit no more.
  void forget_in_transit(uint64_t from) noexcept { family_.forget_in_transit(ring_, from); }
  void sweep_all() noexcept { family_.sweep_all(); }
  void ring_bells() noexcept { g_bell_hooks.ring(family_, ring_); }
  void message_taken() noexcept { g_bell_hooks.taken(family_, ring_); }

 private:
  // A segment of this size belongs to a backlog, or to one large message: all of it will be written.
  static constexpr uint64_t kMapAhead = 64 << 10;

  Family& family_;
  uint64_t ring_;
  uint64_t refused_ = 0;  // bytes of the segment for which there was no memory
};

// `Store` is a seam for models; everybody else has RingStore.
template <class A = RealAtomics, class Store = RingStore>
struct Channel {
  Store store;
  Ring<A>* ring;

  Channel(Store s, uint64_t offset) noexcept : store(s), ring(store.template at<Ring<A>>(offset)) {}
  Channel(Family& family, uint64_t offset) noexcept : Channel(Store(family, offset), offset) {}
};

struct ChannelState {
  static constexpr uint32_t kNoPuts = 1;
  static constexpr uint32_t kNoGets = 2;
};

template <class A = RealAtomics, class Store = RingStore>
class ChannelWriter {
 public:
  explicit ChannelWriter(Channel<A, Store>& channel) noexcept : channel_(channel) {}
  ~ChannelWriter();
  ChannelWriter(const ChannelWriter&) = delete;
  ChannelWriter& operator=(const ChannelWriter&) = delete;

  // Takes the producers' lock once there is room. Errors: Full when `deadline` passed, ShutDown.
  absl::Status open(Deadline deadline);
  // A place for one message's bytes, 8-aligned, filled by the caller before the next call. Null:
  // see status().
  std::byte* add(uint64_t size, std::span<const uint64_t> handles = {},
                 std::span<const int> fds = {}, bool raw = false);
  // Makes what was added visible, all at once, and wakes who waits for it. Nothing fails any more.
  void publish() noexcept;

  const absl::Status& status() const noexcept { return status_; }

 private:
  void close() noexcept;
  // close() without publish().
  void give_up() noexcept;
  void pace() noexcept;
  // Waits for room without the lock; false when there was none until the deadline.
  bool await_room() noexcept;

  Channel<A, Store>& channel_;
  typename Ring<A>::Batch batch_;
  Deadline deadline_ = Deadline::past();
  bool open_ = false;
  bool noted_ = false;  // handles and descriptors that are in transit if this is published
  absl::Status status_;
};

template <class A = RealAtomics, class Store = RingStore>
class ChannelReader {
 public:
  explicit ChannelReader(Channel<A, Store>& channel) noexcept : channel_(channel) {}
  ~ChannelReader();
  ChannelReader(const ChannelReader&) = delete;
  ChannelReader& operator=(const ChannelReader&) = delete;

  // Takes the consumers' lock once there is a message, the first of which is then current. Errors:
  // Empty when `deadline` passed, ShutDown.
  absl::Status open(Deadline deadline);
  // The current message.
  std::span<const std::byte> message() const noexcept {
    return {taken_.payload, RecordHeader::size(taken_.header)};
  }
  std::span<const uint64_t> handles() const noexcept {
    return {reinterpret_cast<const uint64_t*>(taken_.words), RecordHeader::handles(taken_.header)};
  }
  std::span<const uint64_t> fd_tokens() const noexcept {
    return {reinterpret_cast<const uint64_t*>(taken_.words) + RecordHeader::handles(taken_.header),
            RecordHeader::fds(taken_.header)};
  }
  // Handles or descriptors.
  bool carries() const noexcept { return Ring<A>::carries(taken_.header); }
  // The user's own bytes, not an encoded value.
  bool raw() const noexcept { return (taken_.header & RecordHeader::kRaw) != 0; }
  // Goes to the message after the current one, as part of the same commit. False when there is none
  // that may be taken together with it.
  bool next() noexcept;
  // Undoes the last next(): its message stays in the channel.
  void back() noexcept {
    taken_ = before_;
    --count_;
  }
  // Takes off all messages from the first to the current one.
  void commit() noexcept;
  // Takes off the current message, the only one, as a lease, or as a view: then it is lost if this
  // process dies, like any other. Its bytes and words are where they are until it ends. `entry` is 0
  // when there is no memory: see no_memory().
  typename Ring<A>::Leased lease(bool view) noexcept;
  absl::Status no_memory() const {
    return channel_.store.no_memory(RecordHeader::stride(taken_.header));
  }

 private:
  void close() noexcept;
  // The message that came back and is the oldest is current.
  void look_at_returned() noexcept;
  void tell_of_room(uint64_t count, bool crosses) noexcept;

  Channel<A, Store>& channel_;
  typename Ring<A>::Taken taken_;
  typename Ring<A>::Taken before_;
  uint64_t count_ = 0;
  typename LeaseTable<A>::Back back_;  // the current message came back; else its entry is 0
  bool open_ = false;
  bool producers_done_ = false;  // puts have ended, and nobody is inside one any more
};

// What becomes of leases, and of tasks: without a lock, but for what it says.
template <class A = RealAtomics, class Store = RingStore>
class ChannelLeases {
 public:
  explicit ChannelLeases(Channel<A, Store>& channel) noexcept : channel_(channel) {}

  // The lease is done with, and what it had goes. False when it was already.
  bool acknowledge(typename Ring<A>::Leased lease) noexcept;
  // Whoever gets next takes it.
  bool give_back(typename Ring<A>::Leased lease) noexcept;
  // Leases of the dead come back. True when some did.
  bool return_of_dead() noexcept;
  // The same for a process that has let go of the channel, and for the dead. With family_lock.
  void return_of(Owner gone) noexcept;
  // A task is finished, nobody knows which: of those that were taken by others the one that was first
  // put, else of those that wait. False when there is none. Takes the consumers' lock.
  absl::StatusOr<bool> finish_any() noexcept;
  // Waits until no task is unfinished; false when some was until `deadline`.
  bool join(Deadline deadline) noexcept;
  // Whether that is so now.
  bool finished() noexcept;

 private:
  // The consumers' lock.
  void lock() noexcept;
  void unlock() noexcept;
  template <class Gone>
  bool return_if(const Gone& gone) noexcept;
  void tell_if_finished() noexcept;

  Channel<A, Store>& channel_;
};

extern template class ChannelWriter<RealAtomics>;
extern template class ChannelReader<RealAtomics>;
extern template class ChannelLeases<RealAtomics>;

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_CHANNEL_H_

// mp/internal/core/queue_core.h
//
// QueueCore: what mp::Queue<T> is without its T: bytes in, bytes out. Errors are statuses; the
// public class raises them.

#ifndef MP_INTERNAL_CORE_QUEUE_CORE_H_
#define MP_INTERNAL_CORE_QUEUE_CORE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/received.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

class QueueCore {
 public:
  // maxsize 0: no bound. `window`: segments that may wait unread before a put waits, 0: no bound.
  QueueCore(uint64_t maxsize, uint64_t window);
  explicit QueueCore(Ref ref) : ref_(std::move(ref)) {}

  // One or more messages that become visible together. Holds the producers' lock while it is open.
  class Put {
   public:
    Put() noexcept = default;
    ~Put();
    Put(const Put&) = delete;
    Put& operator=(const Put&) = delete;

    absl::Status open(const QueueCore& queue, Deadline deadline);
    // Where to write a message of `size` bytes; null: see status().
    std::byte* add(uint64_t size);
    // One that was encoded, with the handles and descriptors it carries.
    bool add(const Encoded& message);
    // The user's own bytes.
    bool add_raw(std::span<const std::byte> bytes);
    // How many messages fit before the queue is full.
    uint64_t room() const noexcept;
    void publish() noexcept;
    absl::Status status() const;

   private:
    struct State;
    State* state() noexcept { return reinterpret_cast<State*>(storage_); }
    const State* state() const noexcept { return reinterpret_cast<const State*>(storage_); }
    bool live_ = false;
    alignas(8) std::byte storage_[160];
  };

  // One or more messages that are taken off together. Holds the consumers' lock while it is open.
  class Get {
   public:
    Get() noexcept = default;
    ~Get();
    Get(const Get&) = delete;
    Get& operator=(const Get&) = delete;

    absl::Status open(const QueueCore& queue, Deadline deadline);
    // The current message, where it lies. Only for messages without handles and descriptors.
    std::span<const std::byte> message() const noexcept;
    // Takes off the current message, copied, and its handles held by this process.
    void receive(Received& received);
    bool raw() const noexcept;
    // As ChannelReader's; a message that carries something is not taken together with others.
    bool next() noexcept;
    void back() noexcept;
    // Of what the message carries this process keeps nothing.
    void commit() noexcept;

   private:
    struct State;
    State* state() noexcept { return reinterpret_cast<State*>(storage_); }
    const State* state() const noexcept { return reinterpret_cast<const State*>(storage_); }
    bool live_ = false;
    alignas(8) std::byte storage_[192];
  };

  // Waits until there is a message, or nothing more will come; false when neither was so until
  // `deadline`.
  bool poll(Deadline deadline) const;
  uint64_t size() const;
  uint64_t maxsize() const;
  // No more puts, and with `immediate` no more gets; wakes everybody, in every process.
  void shutdown(bool immediate) const;
  void close() const noexcept { ref_.closed().store(true, std::memory_order_relaxed); }
  // OK while this process has not closed the queue.
  absl::Status check_open() const {
    return ref_.closed().load(std::memory_order_relaxed) ? closed_error() : absl::OkStatus();
  }
  // The same status with the text for its class: Empty, Full, ShutDown.
  absl::Status explain(const absl::Status& status, bool put) const;
  // Raises what a get returned; an Empty gets its text here.
  [[noreturn]] void raise_get(const absl::Status& status) const;

  const Ref& ref() const noexcept { return ref_; }
  // "<multiprocessing.queues.Queue object at 0x1a40>": the address is the offset in the arena.
  std::string repr() const;

 private:
  absl::Status closed_error() const;
  Ref ref_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_QUEUE_CORE_H_

// mp/internal/core/queue_core.h
//
// QueueCore: what mp::Queue<T> is without its T: bytes in, bytes out. Errors are statuses; the
// public class raises them.

#ifndef MP_INTERNAL_CORE_QUEUE_CORE_H_
#define MP_INTERNAL_CORE_QUEUE_CORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
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

  // A message that was taken and is not done with: a lease, which comes back when this goes, or this
  // process dies, before acknowledge(); or a view, which ends with either. One thread at a time.
  class Leased {
   public:
    Leased() noexcept = default;
    Leased(Leased&& other) noexcept { *this = std::move(other); }
    Leased& operator=(Leased&& other) noexcept;
    ~Leased() { give_back(); }

    explicit operator bool() const noexcept { return entry_ != 0; }
    // Where it lies, 8-aligned, until it is acknowledged or given back.
    std::span<const std::byte> bytes() const noexcept { return bytes_; }
    bool raw() const noexcept { return raw_; }
    // How often it was given out, 1 at first; 0: a view, or a task that somebody has finished early.
    uint32_t attempt() const noexcept;
    // The handles and descriptors that it carries are this process's as long as this lives; null:
    // none.
    Received* received() const noexcept { return received_.get(); }
    // It is done with. False when it was already, by finish_any().
    bool acknowledge() noexcept;
    // A view ends, a lease is the first message of its queue again; nothing in a forked child of who
    // took it.
    void give_back() noexcept;
    // Whose it is: nobody else's to acknowledge.
    bool is_ours() const noexcept;
    uint64_t queue() const noexcept { return ref_.offset(); }

   private:
    friend class QueueCore;
    Ref ref_;
    uint64_t entry_ = 0;
    uint64_t word_ = 0;
    std::span<const std::byte> bytes_;
    bool raw_ = false;
    std::unique_ptr<Received> received_;
  };

  // Takes the first message as a lease, or as a view. With a lease's descriptors in `received()`.
  absl::Status lease(Leased& leased, bool view, Deadline deadline) const;
  // Tasks; see ChannelLeases.
  absl::StatusOr<bool> finish_any() const;
  bool join(Deadline deadline) const;

  // Waits until there is a message, or nothing more will come; false when neither was so until
  // `deadline`.
  bool poll(Deadline deadline) const;
  // Messages that came back included.
  uint64_t size() const;
  uint64_t maxsize() const;
  // Whether a put would have to wait.
  bool full() const;
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
  // What repr() calls its class; a literal.
  void set_class_name(const char* name) noexcept { class_name_ = name; }
  // OK once this process has closed the queue: else AssertionError "Queue <...> not closed".
  absl::Status check_closed() const;

 private:
  absl::Status closed_error() const;
  Ref ref_;
  const char* class_name_ = "Queue";
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_QUEUE_CORE_H_

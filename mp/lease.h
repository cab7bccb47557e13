// mp/lease.h
//
// Lease: a message that was taken out of a queue and comes back if its holder does not finish it.
//
//   for (;;) {
//     mp::Lease<Job> job = jobs.get_lease();
//     run(*job);
//     job.ack();                        // killed before this line: another worker gets the job
//   }
//
// Handles    Move-only. Going out of scope without ack() gives the message back, as nack() does: it
//            is the first of its queue then.
// Safety     One thread at a time; in any thread of the process that took it. In a forked child the
//            parent's leases do nothing.
// Ordering   What was done before ack() is visible to whose join() it ends; before nack(), to who
//            gets the message next.
// Blocking   Never, but for the queue's consumers' lock where the message is larger than 4 KiB or
//            carries something. Who sleeps over the empty queue learns of a holder's death within
//            milliseconds, of one among more than six such holders in 0.1 s.
// Cost       That of a get(), one copy more within shared memory (none from 64 KiB on), and one
//            exchange for ack(). The memory stays the queue's until then.
// Death      Of the holder, at any instruction: the message is acknowledged or comes back, and is then
//            delivered once more. Inside ack() it may be either. With the last handle to its queue
//            all is gone, as the messages in it are.
// Crossing   Does not: the message's value does.
// Python     No such thing.

#ifndef MP_LEASE_H_
#define MP_LEASE_H_

#include <cstdint>
#include <utility>

#include "mp/errors.h"
#include "mp/internal/core/queue_core.h"

namespace mp {

template <class T>
class Lease {
 public:
  using value_type = T;

  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&&) noexcept = default;

  const T& value() const noexcept { return value_; }
  T& value() noexcept { return value_; }
  const T& operator*() const noexcept { return value_; }
  T& operator*() noexcept { return value_; }
  const T* operator->() const noexcept { return &value_; }
  T* operator->() noexcept { return &value_; }

  // How often the message was given out, this time included: 1 at first. After a death in the middle
  // of that it may be one too many.
  uint32_t attempt() const noexcept { return attempt_; }

  // The message is done with. Throws mp::ValueError when it was acknowledged or given back before.
  void ack() {
    check_held();
    leased_.acknowledge();
  }
  // Gives it back. Throws likewise.
  void nack() {
    check_held();
    leased_.give_back();
  }
  // Whether neither was done yet.
  explicit operator bool() const noexcept { return static_cast<bool>(leased_); }

 private:
  template <class U>
  friend class Queue;
  Lease(internal::QueueCore::Leased leased, T value)
      : attempt_(leased.attempt()), leased_(std::move(leased)), value_(std::move(value)) {}

  void check_held() const {
    if (!leased_) {
      raise(internal::value_error("the lease was acknowledged or given back before"));
    }
  }

  uint32_t attempt_;
  internal::QueueCore::Leased leased_;
  T value_;
};

}  // namespace mp

#endif  // MP_LEASE_H_

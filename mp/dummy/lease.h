// mp/dummy/lease.h
//
// Lease: mp::Lease between the threads of one process: a message that was taken out of a queue and comes
// back if it is not acknowledged.
//
//   mp::dummy::Lease<Job> job = jobs.get_lease();
//   run(*job);
//   job.ack();
//
// Handles    Move-only. Going out of scope without ack() gives the message back, as nack() does.
// Safety     One thread at a time; any thread.
// Ordering   As mp::Lease's.
// Blocking   Never.
// Cost       An uncontended mutex each way.
// Death      A thread that ends, by an exception too, gives back what its leases go out of scope with.
// Crossing   Does not.
// Python     No such thing.

#ifndef MP_DUMMY_LEASE_H_
#define MP_DUMMY_LEASE_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "mp/dummy/internal/thread_items.h"
#include "mp/errors.h"

namespace mp::dummy {

template <class T>
class Lease {
 public:
  using value_type = T;

  Lease(Lease&& other) noexcept : queue_(std::move(other.queue_)), item_(std::move(other.item_)) {}
  Lease& operator=(Lease&& other) noexcept {
    if (this != &other) {
      give_back();
      queue_ = std::move(other.queue_);
      item_ = std::move(other.item_);
    }
    return *this;
  }
  ~Lease() { give_back(); }

  const T& value() const noexcept { return item_.value; }
  T& value() noexcept { return item_.value; }
  const T& operator*() const noexcept { return item_.value; }
  T& operator*() noexcept { return item_.value; }
  const T* operator->() const noexcept { return &item_.value; }
  T* operator->() noexcept { return &item_.value; }

  // How often the message was given out, this time included: 1 at first.
  uint32_t attempt() const noexcept { return item_.attempt; }

  // The message is done with. Throws mp::ValueError when it was acknowledged or given back before.
  void ack() {
    check_held();
    std::exchange(queue_, nullptr)->finish(item_.seq);
  }
  // Gives it back. Throws likewise. What was changed in value() comes back as it is.
  void nack() {
    check_held();
    give_back();
  }
  // Whether neither was done yet.
  explicit operator bool() const noexcept { return queue_ != nullptr; }

 private:
  template <class U>
  friend class Queue;
  using Items = internal::ThreadItems<T>;
  Lease(std::shared_ptr<Items> queue, typename Items::Item item)
      : queue_(std::move(queue)), item_(std::move(item)) {}

  void check_held() const {
    if (queue_ == nullptr) {
      raise(internal::value_error("the lease was acknowledged or given back before"));
    }
  }
  void give_back() noexcept {
    if (queue_ != nullptr) {
      std::exchange(queue_, nullptr)->give_back(std::move(item_));
    }
  }

  std::shared_ptr<Items> queue_;
  typename Items::Item item_;
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_LEASE_H_

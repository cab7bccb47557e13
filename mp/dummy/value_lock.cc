#include "mp/dummy/value_lock.h"

#include "mp/dummy/internal/thread_lock.h"

namespace mp::dummy {

using internal::Deadline;

ValueLock::ValueLock() : ValueLock(RLock()) {}
ValueLock::ValueLock(const Lock& lock) : core_(lock.core_), recursive_(false) {}
ValueLock::ValueLock(const RLock& lock) : core_(lock.core_), recursive_(true) {}

bool ValueLock::acquire(Timeout timeout) const {
  Deadline deadline = Deadline::after(timeout);
  return recursive_ ? core_->acquire_recursive(deadline) : core_->acquire(deadline);
}

void ValueLock::release() const {
  if (recursive_) {
    RLock(core_).release();
  } else {
    Lock(core_).release();
  }
}

bool ValueLock::locked() const { return core_->locked(); }

void ValueLock::begin_turn() const {
  if (recursive_) [[likely]] {
    core_->acquire_recursive(Deadline::never());
  } else {
    core_->acquire(Deadline::never());
  }
}

void ValueLock::end_turn() const noexcept {
  if (recursive_) [[likely]] {
    core_->release_recursive();
  } else {
    core_->release();
  }
}

}  // namespace mp::dummy

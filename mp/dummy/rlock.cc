#include "mp/dummy/rlock.h"

#include <ostream>

#include "mp/dummy/internal/thread_lock.h"
#include "mp/dummy/process.h"
#include "mp/errors.h"

namespace mp::dummy {

RLock::RLock(Options) : core_(std::make_shared<internal::ThreadLock>()) {}

bool RLock::acquire(Timeout timeout) const {
  return core_->acquire_recursive(internal::Deadline::after(timeout));
}

void RLock::release() const {
  if (!core_->release_recursive()) [[unlikely]] {
    raise(AssertionError("attempt to release recursive lock not owned by thread").status());
  }
}

bool RLock::locked() const { return core_->locked(); }

std::string repr(const RLock& lock) {
  if (lock.core_->mine()) {
    return "<RLock(" + current_process().name() + ", " + std::to_string(lock.core_->depth()) + ")>";
  }
  return lock.core_->locked() ? "<RLock(SomeOtherThread, nonzero)>" : "<RLock(None, 0)>";
}

std::ostream& operator<<(std::ostream& out, const RLock& lock) { return out << repr(lock); }

}  // namespace mp::dummy

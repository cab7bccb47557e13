#include "mp/dummy/rlock.h"

#include "mp/dummy/internal/thread_lock.h"
#include "mp/errors.h"

namespace mp::dummy {

RLock::RLock() : core_(std::make_shared<internal::ThreadLock>()) {}

bool RLock::acquire(Timeout timeout) const {
  return core_->acquire_recursive(internal::Deadline::after(timeout));
}

void RLock::release() const {
  if (!core_->release_recursive()) [[unlikely]] {
    raise(AssertionError("attempt to release recursive lock not owned by thread").status());
  }
}

bool RLock::locked() const { return core_->locked(); }

}  // namespace mp::dummy

#include "mp/dummy/lock.h"

#include "mp/dummy/internal/thread_lock.h"
#include "mp/errors.h"

namespace mp::dummy {

Lock::Lock() : core_(std::make_shared<internal::ThreadLock>()) {}

bool Lock::acquire(Timeout timeout) const {
  return core_->acquire(internal::Deadline::after(timeout));
}

void Lock::release() const {
  if (!core_->release()) [[unlikely]] {
    raise(internal::value_error("semaphore or lock released too many times"));
  }
}

bool Lock::locked() const { return core_->locked(); }

}  // namespace mp::dummy

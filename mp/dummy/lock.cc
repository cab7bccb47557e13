#include "mp/dummy/lock.h"

#include <ostream>

#include "mp/dummy/internal/thread_lock.h"
#include "mp/dummy/process.h"
#include "mp/errors.h"

namespace mp::dummy {

Lock::Lock(Options) : core_(std::make_shared<internal::ThreadLock>()) {}

bool Lock::acquire(Timeout timeout) const {
  return core_->acquire(internal::Deadline::after(timeout));
}

void Lock::release() const {
  if (!core_->release()) [[unlikely]] {
    raise(internal::value_error("semaphore or lock released too many times"));
  }
}

bool Lock::locked() const { return core_->locked(); }

std::string repr(const Lock& lock) {
  std::string owner = lock.core_->mine()     ? current_process().name()
                      : lock.core_->locked() ? "SomeOtherThread"
                                             : "None";
  return "<Lock(owner=" + owner + ")>";
}

std::ostream& operator<<(std::ostream& out, const Lock& lock) { return out << repr(lock); }

}  // namespace mp::dummy

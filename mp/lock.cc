#include "mp/lock.h"

#include "mp/errors.h"
#include "mp/internal/core/lock_object.h"

namespace mp {

using Object = internal::LockObject<>;

Lock::Lock() : ref_(internal::Ref::create(internal::Kind::kLock, sizeof(Object))) {}

bool Lock::acquire(Timeout timeout) const {
  return ref_.object<Object>()->acquire(internal::Deadline::after(timeout));
}

void Lock::release() const {
  if (!ref_.object<Object>()->release()) [[unlikely]] {
    raise(internal::value_error("semaphore or lock released too many times"));
  }
}

bool Lock::locked() const { return ref_.object<Object>()->locked(); }

bool Lock::owner_died() const { return ref_.object<Object>()->owner_died(internal::self()); }

}  // namespace mp

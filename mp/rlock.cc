#include "mp/rlock.h"

#include "mp/errors.h"
#include "mp/internal/core/lock_object.h"

namespace mp {

using Object = internal::LockObject<>;

RLock::RLock() : ref_(internal::Ref::create(internal::Kind::kRLock, sizeof(Object))) {}

bool RLock::acquire(Timeout timeout) const {
  return ref_.object<Object>()->acquire_recursive(internal::Deadline::after(timeout));
}

void RLock::release() const {
  if (!ref_.object<Object>()->release_recursive()) [[unlikely]] {
    raise(AssertionError("attempt to release recursive lock not owned by thread").status());
  }
}

bool RLock::locked() const { return ref_.object<Object>()->locked(); }

bool RLock::owner_died() const { return ref_.object<Object>()->owner_died(internal::self()); }

}  // namespace mp

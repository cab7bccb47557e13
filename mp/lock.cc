#include "mp/lock.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/caller_name.h"
#include "mp/internal/core/lock_object.h"

namespace mp {

namespace {

using Object = internal::LockObject<>;

// A function of its own: the release that goes well needs no frame for it.
[[noreturn, gnu::noinline]] void raise_free() {
  raise(internal::value_error("semaphore or lock released too many times"));
}

}  // namespace

Lock::Lock(Options options) : ref_(internal::Ref::create(internal::Kind::kLock, sizeof(Object))) {
  ref_.object<Object>()->death = static_cast<uint32_t>(options.on_owner_death);
}

bool Lock::acquire(Timeout timeout) const { return ref_.object<Object>()->acquire(timeout); }

void Lock::release() const {
  if (!ref_.object<Object>()->release()) [[unlikely]] {
    raise_free();
  }
}

bool Lock::locked() const { return ref_.object<Object>()->locked(); }

bool Lock::owner_died() const { return ref_.object<Object>()->owner_died(internal::self()); }

void Lock::recover() const { ref_.object<Object>()->lock.forgive(); }

std::string repr(const Lock& lock) {
  const Object& object = *internal::HandleAccess::ref(lock).object<Object>();
  internal::Owner me = internal::self();
  // In this order: it may change hands meanwhile.
  std::string owner = object.mine(me)      ? internal::caller_name()
                      : object.held_by(me) ? "SomeOtherThread"
                      : object.locked()    ? "SomeOtherProcess"
                                           : "None";
  return absl::StrCat("<Lock(owner=", owner, ")>");
}

std::ostream& operator<<(std::ostream& out, const Lock& lock) { return out << repr(lock); }

}  // namespace mp

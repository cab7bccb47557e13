#include "mp/rlock.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/caller_name.h"
#include "mp/internal/core/lock_object.h"

namespace mp {

namespace {

using Object = internal::LockObject<>;

// A function of its own: the release that goes well needs no frame for it.
[[noreturn, gnu::noinline]] void raise_not_owned() {
  raise(AssertionError("attempt to release recursive lock not owned by thread").status());
}

}  // namespace

RLock::RLock(Options options)
    : ref_(internal::Ref::create(internal::Kind::kRLock, sizeof(Object))) {
  ref_.object<Object>()->death = static_cast<uint32_t>(options.on_owner_death);
}

bool RLock::acquire(Timeout timeout) const {
  return ref_.object<Object>()->acquire_recursive(timeout);
}

void RLock::release() const {
  if (!ref_.object<Object>()->release_recursive()) [[unlikely]] {
    raise_not_owned();
  }
}

bool RLock::locked() const { return ref_.object<Object>()->locked(); }

bool RLock::owner_died() const { return ref_.object<Object>()->owner_died(internal::self()); }

void RLock::recover() const { ref_.object<Object>()->lock.forgive(); }

std::string repr(const RLock& lock) {
  const Object& object = *internal::HandleAccess::ref(lock).object<Object>();
  if (object.mine_recursive()) {
    return absl::StrCat("<RLock(", internal::caller_name(), ", ",
                        object.depth.load(std::memory_order_relaxed), ")>");
  }
  return object.held_by(internal::self()) ? "<RLock(SomeOtherThread, nonzero)>"
         : object.locked()                ? "<RLock(SomeOtherProcess, nonzero)>"
                                          : "<RLock(None, 0)>";
}

std::ostream& operator<<(std::ostream& out, const RLock& lock) { return out << repr(lock); }

}  // namespace mp

#include "mp/condition.h"

#include <ostream>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/condition_object.h"
#include "mp/internal/os/interrupt.h"

namespace mp {
namespace {

using internal::Deadline;
using internal::HandleAccess;
using internal::Kind;
using internal::Ref;
using LockObject = internal::LockObject<>;
using Object = internal::ConditionObject<>;

Ref new_condition() { return Ref::create(Kind::kCondition, sizeof(Object)); }

}  // namespace

Condition::Condition() : Condition(RLock()) {}
Condition::Condition(const Lock& lock)
    : Condition(new_condition(), HandleAccess::ref(lock), false) {}
Condition::Condition(const RLock& lock)
    : Condition(new_condition(), HandleAccess::ref(lock), true) {}

bool Condition::acquire(Timeout timeout) const {
  auto* lock = lock_.object<LockObject>();
  return recursive_ ? lock->acquire_recursive(timeout) : lock->acquire(timeout);
}

void Condition::release() const {
  if (recursive_) {
    HandleAccess::make<RLock>(lock_).release();
  } else {
    HandleAccess::make<Lock>(lock_).release();
  }
}

bool Condition::owner_died() const {
  return lock_.object<LockObject>()->owner_died(internal::self());
}

void Condition::recover() const { lock_.object<LockObject>()->lock.forgive(); }

std::string repr(const Condition& condition) {
  std::string lock = condition.recursive_ ? repr(HandleAccess::make<RLock>(condition.lock_))
                                          : repr(HandleAccess::make<Lock>(condition.lock_));
  return absl::StrCat("<Condition(", lock, ", ", condition.ref_.object<Object>()->waiters(), ")>");
}

std::ostream& operator<<(std::ostream& out, const Condition& condition) {
  return out << repr(condition);
}

int64_t Condition::deadline_ns(Timeout timeout) { return Deadline::after(timeout).ns(); }

bool Condition::wait_until(int64_t deadline_ns) const {
  auto* lock = lock_.object<LockObject>();
  if (!lock->mine(internal::self())) [[unlikely]] {
    raise(AssertionError("must acquire() condition before using wait()").status());
  }
  bool notified = ref_.object<Object>()->wait(*lock, recursive_, Deadline::at(deadline_ns));
  if (!notified) {
    internal::raise_if_interrupted();
  }
  return notified;
}

bool Condition::wait(Timeout timeout) const { return wait_until(deadline_ns(timeout)); }

void Condition::notify(uint64_t n) const {
  if (!lock_.object<LockObject>()->mine(internal::self())) [[unlikely]] {
    raise(AssertionError("lock is not owned").status());
  }
  ref_.object<Object>()->notify(n);
}

void Condition::notify_all() const { notify(~uint64_t{0}); }

Encoder::Ref Codec<Condition>::encode(Encoder& e, const Condition& c) {
  const Encoder::Ref parts[] = {
      internal::encode_ref(e, Kind::kCondition, c.ref_),
      internal::encode_ref(e, c.recursive_ ? Kind::kRLock : Kind::kLock, c.lock_),
      e.boolean(c.recursive_),
  };
  return internal::encode_handle(e, "mp::Condition", parts);
}

Condition Codec<Condition>::decode(const Reader& r) {
  Reader parts = internal::decode_handle("mp::Condition", 3, r);
  bool recursive = parts[2].boolean();
  Ref lock = internal::decode_ref(recursive ? Kind::kRLock : Kind::kLock, parts[1]);
  return Condition(internal::decode_ref(Kind::kCondition, parts[0]), std::move(lock), recursive);
}

}  // namespace mp

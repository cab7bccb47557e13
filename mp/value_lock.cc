#include "mp/value_lock.h"

#include "mp/internal/core/lock_object.h"

namespace mp {

using internal::HandleAccess;
using internal::Kind;
using Object = internal::LockObject<>;

ValueLock::ValueLock() : ValueLock(RLock()) {}
ValueLock::ValueLock(const Lock& lock) : ValueLock(HandleAccess::ref(lock), false) {}
ValueLock::ValueLock(const RLock& lock) : ValueLock(HandleAccess::ref(lock), true) {}

bool ValueLock::acquire(Timeout timeout) const {
  auto* lock = ref_.object<Object>();
  return recursive_ ? lock->acquire_recursive(timeout) : lock->acquire(timeout);
}

void ValueLock::release() const {
  if (recursive_) {
    HandleAccess::make<RLock>(ref_).release();
  } else {
    HandleAccess::make<Lock>(ref_).release();
  }
}

bool ValueLock::locked() const { return ref_.object<Object>()->locked(); }

bool ValueLock::owner_died() const { return ref_.object<Object>()->owner_died(internal::self()); }

void ValueLock::recover() const { ref_.object<Object>()->lock.forgive(); }

void ValueLock::begin_turn() const {
  auto* lock = ref_.object<Object>();
  if (recursive_) [[likely]] {
    lock->acquire_recursive(kForever);
  } else {
    lock->acquire(kForever);
  }
}

void ValueLock::end_turn() const noexcept {
  auto* lock = ref_.object<Object>();
  if (recursive_) [[likely]] {
    lock->release_recursive(Object::News::kPassOn);
  } else {
    lock->release(Object::News::kPassOn);
  }
}

Encoder::Ref Codec<ValueLock>::encode(Encoder& e, const ValueLock& lock) {
  const Encoder::Ref parts[] = {
      internal::encode_ref(e, lock.recursive_ ? Kind::kRLock : Kind::kLock, lock.ref_),
      e.boolean(lock.recursive_),
  };
  return internal::encode_handle(e, "mp::ValueLock", parts);
}

ValueLock Codec<ValueLock>::decode(const Reader& r) {
  Reader parts = internal::decode_handle("mp::ValueLock", 2, r);
  bool recursive = parts[1].boolean();
  Kind kind = recursive ? Kind::kRLock : Kind::kLock;
  return ValueLock(internal::decode_ref(kind, parts[0]), recursive);
}

}  // namespace mp

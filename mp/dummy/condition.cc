#include "mp/dummy/condition.h"

#include <ostream>
#include <string>
#include <utility>

#include "mp/dummy/internal/thread_condition.h"
#include "mp/dummy/internal/thread_lock.h"
#include "mp/errors.h"

namespace mp::dummy {

using internal::Deadline;

Condition::Condition() : Condition(RLock()) {}
Condition::Condition(const Lock& lock) : Condition(lock.core_, false) {}
Condition::Condition(const RLock& lock) : Condition(lock.core_, true) {}
Condition::Condition(std::shared_ptr<internal::ThreadLock> lock, bool recursive)
    : core_(std::make_shared<internal::ThreadCondition>()),
      lock_(std::move(lock)),
      recursive_(recursive) {}

bool Condition::acquire(Timeout timeout) const {
  Deadline deadline = Deadline::after(timeout);
  return recursive_ ? lock_->acquire_recursive(deadline) : lock_->acquire(deadline);
}

void Condition::release() const {
  if (recursive_) {
    RLock(lock_).release();
  } else {
    Lock(lock_).release();
  }
}

int64_t Condition::deadline_ns(Timeout timeout) { return Deadline::after(timeout).ns(); }

bool Condition::wait_until(int64_t deadline_ns) const {
  if (!lock_->mine()) [[unlikely]] {
    raise(AssertionError("must acquire() condition before using wait()").status());
  }
  return core_->wait(*lock_, recursive_, Deadline::at(deadline_ns));
}

bool Condition::wait(Timeout timeout) const { return wait_until(deadline_ns(timeout)); }

void Condition::notify(uint64_t n) const {
  if (!lock_->mine()) [[unlikely]] {
    raise(AssertionError("lock is not owned").status());
  }
  core_->notify(n);
}

void Condition::notify_all() const { notify(~uint64_t{0}); }

std::string Condition::text() const {
  std::string lock = recursive_ ? repr(RLock(lock_)) : repr(Lock(lock_));
  return "<Condition(" + lock + ", " + std::to_string(core_->waiters()) + ")>";
}

std::string repr(const Condition& condition) { return condition.text(); }

std::ostream& operator<<(std::ostream& out, const Condition& condition) {
  return out << repr(condition);
}

}  // namespace mp::dummy

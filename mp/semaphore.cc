#include "mp/semaphore.h"

#include <errno.h>

#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/semaphore_object.h"

namespace mp {
namespace {

using Object = internal::SemaphoreObject<>;

// A function of its own: the release that goes well needs no frame for it.
[[noreturn, gnu::noinline]] void raise_too_many() {
  raise(internal::value_error("semaphore or lock released too many times"));
}

}  // namespace

Semaphore::Semaphore(int64_t value, Options options) : Semaphore(value, options, Bound::kNone) {}

Semaphore::Semaphore(int64_t value, Options options, Bound bound) {
  bool bounded = bound == Bound::kFirstValue;
  const char* name = bounded ? "BoundedSemaphore" : "Semaphore";
  if (value < 0) {
    raise(internal::os_error(EINVAL, absl::StrCat("mp: ", name, "(", value, ")")));
  }
  if (value > Object::Word::kMaxValue) {
    raise(internal::value_error(
        absl::StrCat("mp: ", name, "(", value, "): the value is above ", Object::Word::kMaxValue)));
  }
  ref_ = internal::Ref::create(internal::Kind::kSemaphore, sizeof(Object));
  Object& object = *ref_.object<Object>();
  object.bound = bounded ? static_cast<uint32_t>(value) : Object::Word::kMaxValue;
  object.bounded = bounded;
  object.fixed = options.on_owner_death.has_value();
  object.refuse = options.on_owner_death == kRefuse;
  object.word.set(static_cast<uint32_t>(value), options.on_owner_death == kNever);
}

bool Semaphore::acquire(Timeout timeout) const { return ref_.object<Object>()->acquire(timeout); }

void Semaphore::release() const {
  if (!ref_.object<Object>()->release()) [[unlikely]] {
    raise_too_many();
  }
}

int Semaphore::get_value() const { return static_cast<int>(ref_.object<Object>()->value()); }

bool Semaphore::owner_died() const { return ref_.object<Object>()->owner_died(); }

void Semaphore::recover() const { ref_.object<Object>()->recover(); }

std::string repr(const Semaphore& semaphore) {
  return internal::HandleAccess::ref(semaphore).object<Object>()->text();
}

std::ostream& operator<<(std::ostream& out, const Semaphore& semaphore) {
  return out << repr(semaphore);
}

}  // namespace mp

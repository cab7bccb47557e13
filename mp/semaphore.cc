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

[[noreturn, gnu::noinline]] void raise_refused(const Semaphore& semaphore) {
  raise(OwnerDied(absl::StrCat("mp: ", repr(semaphore),
                               ": a process died holding a permit; see recover()"))
            .status());
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

bool Semaphore::acquire(Timeout timeout) const {
  Object::Acquired a = ref_.object<Object>()->acquire(timeout);
  if (a == Object::Acquired::kRefused) [[unlikely]] {
    raise_refused(*this);
  }
  return a == Object::Acquired::kYes;
}

void Semaphore::release() const {
  if (!ref_.object<Object>()->release()) [[unlikely]] {
    raise(internal::value_error("semaphore or lock released too many times"));
  }
}

int Semaphore::get_value() const { return static_cast<int>(ref_.object<Object>()->value()); }

bool Semaphore::owner_died() const { return ref_.object<Object>()->owner_died(); }

void Semaphore::recover() const { ref_.object<Object>()->recover(); }

std::string repr(const Semaphore& semaphore) {
  const Object& object = *internal::HandleAccess::ref(semaphore).object<Object>();
  int value = semaphore.get_value();
  return object.bounded
             ? absl::StrCat("<BoundedSemaphore(value=", value, ", maxvalue=", object.bound, ")>")
             : absl::StrCat("<Semaphore(value=", value, ")>");
}

std::ostream& operator<<(std::ostream& out, const Semaphore& semaphore) {
  return out << repr(semaphore);
}

}  // namespace mp

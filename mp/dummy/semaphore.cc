#include "mp/dummy/semaphore.h"

#include <errno.h>

#include <limits>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "mp/dummy/internal/thread_semaphore.h"
#include "mp/errors.h"

namespace mp::dummy {

Semaphore::Semaphore(int64_t value, Options, Bound bound) {
  constexpr int64_t kMax = std::numeric_limits<int32_t>::max();
  bool bounded = bound == Bound::kFirstValue;
  const char* name = bounded ? "BoundedSemaphore" : "Semaphore";
  if (value < 0) {
    raise(internal::os_error(EINVAL, absl::StrCat("mp::dummy: ", name, "(", value, ")")));
  }
  if (value > kMax) {
    raise(internal::value_error(
        absl::StrCat("mp::dummy: ", name, "(", value, "): the value is above ", kMax)));
  }
  core_ = std::make_shared<internal::ThreadSemaphore>(
      static_cast<uint32_t>(value), static_cast<uint32_t>(bounded ? value : kMax), bounded);
}

bool Semaphore::acquire(Timeout timeout) const {
  return core_->acquire(internal::Deadline::after(timeout));
}

void Semaphore::release() const {
  if (!core_->release()) [[unlikely]] {
    raise(internal::value_error("semaphore or lock released too many times"));
  }
}

int Semaphore::get_value() const { return static_cast<int>(core_->value()); }

std::string repr(const Semaphore& semaphore) {
  const internal::ThreadSemaphore& core = *semaphore.core_;
  return core.bounded ? absl::StrCat("<BoundedSemaphore(value=", core.value(),
                                     ", maxvalue=", core.bound, ")>")
                      : absl::StrCat("<Semaphore(value=", core.value(), ")>");
}

std::ostream& operator<<(std::ostream& out, const Semaphore& semaphore) {
  return out << repr(semaphore);
}

}  // namespace mp::dummy

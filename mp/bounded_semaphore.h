// mp/bounded_semaphore.h
//
// BoundedSemaphore: a Semaphore whose value never rises above its first one: to give back more than
// was taken is an error. Python: multiprocessing.BoundedSemaphore.
//
//   mp::BoundedSemaphore connections(8);
//   std::scoped_lock one(connections);
//
// Handles    As Semaphore; it is one: a function that takes a Semaphore takes it.
// Safety     As Semaphore.
// Ordering   As Semaphore.
// Blocking   As Semaphore.
// Cost       As Semaphore.
// Death      As Semaphore.
// Crossing   As Semaphore.
// Python     The bound is kept exactly (there two that release at once may pass it).

#ifndef MP_BOUNDED_SEMAPHORE_H_
#define MP_BOUNDED_SEMAPHORE_H_

#include <cstdint>
#include <utility>

#include "mp/semaphore.h"

namespace mp {

class BoundedSemaphore : public Semaphore {
 public:
  // With `value` permits, which is also the bound. Throws as Semaphore's.
  explicit BoundedSemaphore(int64_t value = 1) : BoundedSemaphore(value, Options()) {}
  BoundedSemaphore(int64_t value, Options options)
      : Semaphore(value, options, Bound::kFirstValue) {}

 private:
  friend internal::HandleAccess;
  explicit BoundedSemaphore(internal::Ref ref) : Semaphore(std::move(ref)) {}
};

// A plain Semaphore is not taken for one: decoding it throws mp::TypeError.
template <>
struct Codec<BoundedSemaphore>
    : internal::HandleCodec<BoundedSemaphore, internal::Kind::kSemaphore> {
  static BoundedSemaphore decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_BOUNDED_SEMAPHORE_H_

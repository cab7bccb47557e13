// mp/dummy/bounded_semaphore.h
//
// BoundedSemaphore: mp::BoundedSemaphore between the threads of one process. Python:
// multiprocessing.dummy.BoundedSemaphore.
//
//   mp::dummy::BoundedSemaphore connections(8);
//   std::scoped_lock one(connections);
//
// Handles    As Semaphore; it is one.
// Safety     As Semaphore.
// Ordering   As Semaphore.
// Blocking   As Semaphore.
// Cost       As Semaphore.
// Death      As Semaphore.
// Crossing   As Semaphore.
// Python     As Semaphore; a release above the bound is mp::ValueError "semaphore or lock released
//            too many times".

#ifndef MP_DUMMY_BOUNDED_SEMAPHORE_H_
#define MP_DUMMY_BOUNDED_SEMAPHORE_H_

#include <cstdint>

#include "mp/dummy/semaphore.h"

namespace mp::dummy {

class BoundedSemaphore : public Semaphore {
 public:
  // With `value` permits, which is also the bound. Throws as Semaphore's.
  explicit BoundedSemaphore(int64_t value = 1) : BoundedSemaphore(value, Options()) {}
  BoundedSemaphore(int64_t value, Options options)
      : Semaphore(value, options, Bound::kFirstValue) {}
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_BOUNDED_SEMAPHORE_H_

// mp/dummy/internal/thread_elements.h
//
// ThreadElements: the memory of a mp::dummy::Value or Array, a handle: what internal::Elements is, in
// the memory of one process. The templates of Value and Array take either.

#ifndef MP_DUMMY_INTERNAL_THREAD_ELEMENTS_H_
#define MP_DUMMY_INTERNAL_THREAD_ELEMENTS_H_

#include <cstdint>
#include <memory>

#include "mp/internal/core/elements.h"

namespace mp::dummy {
class ValueLock;
}

namespace mp::internal {

class ThreadElements {
 public:
  using Lock = dummy::ValueLock;
  using Fill = Elements::Fill;

  // `count` new elements, which begin at a multiple of 64. Throws mp::MemoryError.
  ThreadElements(Kind kind, const ElementType& type, uint64_t count, Fill fill);

  void* data() const noexcept { return data_.get(); }
  uint64_t count() const noexcept { return count_; }

  friend bool operator==(const ThreadElements& a, const ThreadElements& b) noexcept {
    return a.data_ == b.data_;
  }

 private:
  std::shared_ptr<void> data_;
  uint64_t count_;
};

}  // namespace mp::internal

#endif  // MP_DUMMY_INTERNAL_THREAD_ELEMENTS_H_

// mp/internal/core/elements.h
//
// Elements: the shared memory of a Value or Array, a handle. Element by element it belongs to who
// uses it; there is nothing else in it that changes.
//
// Safety  Like std::shared_ptr.
// Cost    48 bytes before a value of at most 16 bytes, 64 before everything else.
// Death   Made, filled and freed whole: nobody else has a handle before it is filled, and the
//         family frees what its maker left.

#ifndef MP_INTERNAL_CORE_ELEMENTS_H_
#define MP_INTERNAL_CORE_ELEMENTS_H_

#include <cstdint>
#include <utility>

#include "mp/internal/core/element.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/reader.h"
#include "mp/internal/shm/kind.h"

namespace mp {
class ValueLock;
}

namespace mp::internal {

class Elements {
 public:
  // What guards it in a Value or Array.
  using Lock = ValueLock;
  enum class Fill : bool { kZero, kByCaller };

  // `count` new elements; `kind` is kValue or kArray. Throws mp::MemoryError, mp::OSError.
  Elements(Kind kind, const ElementType& type, uint64_t count, Fill fill);

  // Those that a message names. Throws mp::TypeError when they are not of `type`, or, without one,
  // of no typecode.
  static Elements decode(Kind kind, const ElementType* type, const Reader& r);
  Encoder::Ref encode(Encoder& e) const;

  // Kept here so that an access needs no look into the shared header.
  void* data() const noexcept { return data_; }
  uint64_t count() const noexcept { return count_; }
  uint64_t tag() const noexcept;

  const Ref& ref() const noexcept { return ref_; }
  friend bool operator==(const Elements& a, const Elements& b) noexcept { return a.ref_ == b.ref_; }

 private:
  Elements(Ref ref, void* data, uint64_t count) noexcept
      : ref_(std::move(ref)), data_(data), count_(count) {}

  Ref ref_;
  void* data_;
  uint64_t count_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_ELEMENTS_H_

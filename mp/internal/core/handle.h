// mp/internal/core/handle.h
//
// What every public handle class is made of: a Ref, and the one friend that may take it out and put
// it in.

#ifndef MP_INTERNAL_CORE_HANDLE_H_
#define MP_INTERNAL_CORE_HANDLE_H_

#include <utility>

#include "mp/internal/core/ref.h"

namespace mp::internal {

struct HandleAccess {
  template <class H>
  static const Ref& ref(const H& handle) noexcept {
    return handle.ref_;
  }
  template <class H>
  static H make(Ref ref) {
    return H(std::move(ref));
  }
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_HANDLE_H_

// mp/internal/core/handle.h
//
// What every public handle class is made of: a Ref, the one friend that may take it out and put it
// in, and the Codec that lets it cross.

#ifndef MP_INTERNAL_CORE_HANDLE_H_
#define MP_INTERNAL_CORE_HANDLE_H_

#include <cstdint>
#include <utility>

#include "mp/internal/core/ref.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/reader.h"

namespace mp::internal {

struct HandleAccess {
  template <class H>
  static const Ref& ref(const H& handle) noexcept {
    return handle.ref_;
  }
  template <class H, class... Args>
  static H make(Args&&... args) {
    return H(std::forward<Args>(args)...);
  }
};

inline Encoder::Ref encode_ref(Encoder& e, Kind kind, const Ref& ref) {
  return e.handle(static_cast<uint32_t>(kind), ref.offset());
}
inline Ref decode_ref(Kind kind, const Reader& r) {
  return Ref::adopt(kind, r.handle(static_cast<uint32_t>(kind)));
}

// The Codec of a handle that is one Ref.
template <class H, Kind kKind>
struct HandleCodec {
  static Encoder::Ref encode(Encoder& e, const H& handle) {
    return encode_ref(e, kKind, HandleAccess::ref(handle));
  }
  static H decode(const Reader& r) { return HandleAccess::make<H>(decode_ref(kKind, r)); }
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_HANDLE_H_

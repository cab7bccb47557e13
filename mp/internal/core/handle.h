// mp/internal/core/handle.h
//
// What every public handle class is made of: one or several Refs, the one friend that may take them
// out and put them in, and how they cross.

#ifndef MP_INTERNAL_CORE_HANDLE_H_
#define MP_INTERNAL_CORE_HANDLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "mp/internal/core/ref.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/reader.h"
#include "mp/internal/shm/kind.h"

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
  return Ref::adopt(kind, r.handle(static_cast<uint32_t>(kind), handle_name(kind)));
}

// A handle of several parts: one value, with the name of its class ("mp::Condition"), so that it is
// taken for nothing else.
inline Encoder::Ref encode_handle(Encoder& e, std::string_view name,
                                  std::span<const Encoder::Ref> parts) {
  return e.tagged(name, e.tuple(parts));
}
inline Reader decode_handle(std::string_view name, size_t count, const Reader& r) {
  Reader parts = r.tagged(name);
  parts.expect_items(count, name);
  return parts;
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

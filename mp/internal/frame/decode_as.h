// mp/internal/frame/decode_as.h
//
// For tests: one message, read as one type of every kind.

#ifndef MP_INTERNAL_FRAME_DECODE_AS_H_
#define MP_INTERNAL_FRAME_DECODE_AS_H_

#include <cstddef>
#include <span>

namespace mp::testing {

// Decodes a message, which must be 8-aligned, as one type of every kind, and as a call. Each of them is a value or an exception.
void decode_as_everything(std::span<const std::byte> message);

}  // namespace mp::testing

#endif  // MP_INTERNAL_FRAME_DECODE_AS_H_

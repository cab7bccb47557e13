// mp/internal/frame/verify.h
//
// Checks bytes that somebody outside of the family wrote, before a Reader sees them.

#ifndef MP_INTERNAL_FRAME_VERIFY_H_
#define MP_INTERNAL_FRAME_VERIFY_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/status.h"

namespace mp::internal {

// Two tables per level of nesting, so 64 levels; a dict or set takes two levels.
inline constexpr uint32_t kForeignDepth = 128;

// A CodecError unless `message` is a whole, well-formed value: every offset inside, at most kForeignDepth tables deep, no part
// used twice (a few bytes that name one long text a million times would unpack to gigabytes). Handles, descriptors, pointers
// and callables are refused: outside of the family they name nothing.
//
// The bytes must be 16-aligned and must not change: copy what a peer can still write, then verify the copy. Work is
// proportional to the size, whatever the bytes are: under 10 ns a byte, except that a message of many megabytes can be laid out
// so that each step waits for the memory (24 ns a byte; verify_work_test).
absl::Status verify(std::span<const std::byte> message, bool foreign = true);

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_VERIFY_H_

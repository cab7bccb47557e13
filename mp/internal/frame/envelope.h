// mp/internal/frame/envelope.h
//
// Envelope: the frame around what travels between programs that do not share memory (mp/wire/envelope.fbs).

#ifndef MP_INTERNAL_FRAME_ENVELOPE_H_
#define MP_INTERNAL_FRAME_ENVELOPE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace mp::internal {

// mp.wire.Content
enum class Content : uint8_t {
  kUnknown,
  kValue,
  kRaw,
  kRawFollows,
  kCall,
  kResult,
  kFailure,
  kClose
};

struct Envelope {
  Content content = Content::kUnknown;
  uint64_t request = 0;
  std::span<const std::byte> payload;
  uint64_t raw_size = 0;
  uint32_t descriptors = 0;
};

std::vector<std::byte> encode_envelope(const Envelope& envelope);

// Checks and reads one; its payload, which is not checked, is a part of `bytes`. They must be 16-aligned, and theirs is the
// payload's alignment. A CodecError if they are no envelope, or one of unknown content.
absl::StatusOr<Envelope> decode_envelope(std::span<const std::byte> bytes);

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_ENVELOPE_H_

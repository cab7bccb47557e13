// mp/internal/core/byte_arguments.h
//
// The arguments of a connection's byte calls, checked in the reference's order and words.

#ifndef MP_INTERNAL_CORE_BYTE_ARGUMENTS_H_
#define MP_INTERNAL_CORE_BYTE_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "mp/errors.h"

namespace mp::internal {

// What send_bytes(bytes, offset, size) sends.
inline std::span<const std::byte> bytes_to_send(std::span<const std::byte> bytes, int64_t offset,
                                                std::optional<int64_t> size) {
  const auto all = static_cast<int64_t>(bytes.size());
  if (offset < 0) {
    raise(value_error("offset is negative"));
  }
  if (all < offset) {
    raise(value_error("buffer length < offset"));
  }
  if (size.has_value() && *size < 0) {
    raise(value_error("size is negative"));
  }
  if (size.has_value() && *size > all - offset) {
    raise(value_error("buffer length < offset + size"));
  }
  return bytes.subspan(static_cast<size_t>(offset),
                       static_cast<size_t>(size.value_or(all - offset)));
}

// Where recv_bytes_into(buffer, offset) writes.
inline std::span<std::byte> bytes_to_fill(std::span<std::byte> buffer, int64_t offset) {
  if (offset < 0) {
    raise(value_error("negative offset"));
  }
  if (offset > static_cast<int64_t>(buffer.size())) {
    raise(value_error("offset too large"));
  }
  return buffer.subspan(static_cast<size_t>(offset));
}

inline void check_maxlength(std::optional<int64_t> maxlength) {
  if (maxlength.has_value() && *maxlength < 0) {
    raise(value_error("negative maxlength"));
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_BYTE_ARGUMENTS_H_

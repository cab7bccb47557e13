// mp/internal/net/python_framing.h
//
// The frames of CPython's multiprocessing.connection, by Framing::of(Framing::Id::kPython) in programs that link this.
//
//   message := length(4, big-endian, signed) payload                    up to 2^31 - 1 bytes
//            | -1(4) length(8, big-endian, unsigned) payload
//
// Every payload is raw bytes: the frame does not say what they mean.

#ifndef MP_INTERNAL_NET_PYTHON_FRAMING_H_
#define MP_INTERNAL_NET_PYTHON_FRAMING_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "mp/internal/net/framing.h"

namespace mp::internal {

// The eight bytes that follow when the first four are -1.
inline constexpr size_t kPythonLongLength = 8;

// More than any memory, for lengths that no message has: negative ones but -1.
inline constexpr uint64_t kPythonBadLength = ~uint64_t{0};

Framing::Length read_python_length(std::span<const std::byte, Framing::kLength> bytes) noexcept;
uint64_t read_python_long_length(std::span<const std::byte, kPythonLongLength> bytes) noexcept;

const Framing& python_framing() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_PYTHON_FRAMING_H_

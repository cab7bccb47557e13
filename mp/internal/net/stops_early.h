// mp/internal/net/stops_early.h
//
// For the tests of equal_digests(): the comparison that it must not be, which they have to find out.

#ifndef MP_INTERNAL_NET_STOPS_EARLY_H_
#define MP_INTERNAL_NET_STOPS_EARLY_H_

#include <cstddef>
#include <span>

namespace mp::internal {

// As memcmp() may: the time that it takes says where they differ.
bool stops_early(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_STOPS_EARLY_H_

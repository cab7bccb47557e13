// mp/internal/net/seal.h
//
// What keeps the frames of an authenticated connection from being changed, dropped, repeated or put in another order: each
// ends with a tag over its number and its bytes, under a key of its direction.

#ifndef MP_INTERNAL_NET_SEAL_H_
#define MP_INTERNAL_NET_SEAL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mp::internal {

inline constexpr size_t kTagSize = 32;
using SealKey = std::array<std::byte, 32>;
using SealTag = std::array<std::byte, kTagSize>;

// One of each direction.
struct SealKeys {
  SealKey send{};
  SealKey receive{};
};

// HMAC-SHA256 of the number `count` and both parts. In crypto.cc, which fills it in when it is linked: whoever has keys has got
// them from there, and a program that has none needs no OpenSSL.
using TagFrame = SealTag (*)(const SealKey& key, uint64_t count, std::span<const std::byte> head,
                             std::span<const std::byte> body);
extern TagFrame g_tag_frame;

// Takes a time that does not depend on what the bytes are: what a peer proves, and its tags, are compared by this and nothing else.
bool equal_digests(std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_SEAL_H_

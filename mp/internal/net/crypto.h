// mp/internal/net/crypto.h
//
// SHA-256, HMAC and HKDF, by OpenSSL. Linked into programs that use Listener, Client or the challenges, and into no others.

#ifndef MP_INTERNAL_NET_CRYPTO_H_
#define MP_INTERNAL_NET_CRYPTO_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "mp/internal/net/seal.h"

namespace mp::internal {

using Digest = std::array<std::byte, 32>;

Digest sha256(std::span<const std::byte> bytes);
// Of the parts, one after the other.
Digest hmac_sha256(std::span<const std::byte> key,
                   std::initializer_list<std::span<const std::byte>> parts);
// RFC 5869; 32 bytes. `key` may be empty.
Digest hkdf_sha256(std::span<const std::byte> key, std::span<const std::byte> salt,
                   std::string_view info);
// Unguessable bytes from the kernel.
void fill_random(std::span<std::byte> out);

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_CRYPTO_H_

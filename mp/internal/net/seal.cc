#include "mp/internal/net/seal.h"

namespace mp::internal {

TagFrame g_tag_frame = nullptr;

bool equal_digests(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  if (a.size() != b.size()) {
    return false;
  }
  // Volatile: no compiler may leave out the bytes after the first difference.
  const volatile std::byte* x = a.data();
  const volatile std::byte* y = b.data();
  unsigned differs = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    differs |= std::to_integer<unsigned>(x[i]) ^ std::to_integer<unsigned>(y[i]);
  }
  return differs == 0;
}

}  // namespace mp::internal

#include "mp/internal/net/stops_early.h"

namespace mp::internal {

bool stops_early(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace mp::internal

#include "mp/internal/os/random.h"

#include <sys/random.h>

#include "mp/internal/base/check.h"

namespace mp::internal {

std::string random_bytes(size_t size) {
  std::string bytes(size, '\0');
  // Up to 256 bytes come whole, whatever signals do.
  check(getrandom(bytes.data(), size, 0) == static_cast<ssize_t>(size),
        "the kernel gives no random bytes");
  return bytes;
}

}  // namespace mp::internal

#include "mp/internal/base/check.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace mp::internal {

void check_failed(const char* what, const char* file, int line) noexcept {
  char text[512];
  int n = std::snprintf(text, sizeof text, "mp: %s:%d: %s\n", file, line, what);
  size_t size = n < 0                                  ? 0
                : static_cast<size_t>(n) < sizeof text ? static_cast<size_t>(n)
                                                       : sizeof text - 1;
  if (write(STDERR_FILENO, text, size) < 0) {
    // Nothing is left to tell it to.
  }
  std::abort();
}

}  // namespace mp::internal

#include "mp/internal/os/reopen.h"

#include <fcntl.h>

#include <charconv>
#include <iterator>

namespace mp::internal {

int reopen(int fd, int flags) noexcept {
  // Every start comes here, between two forks: snprintf() would touch pages that this does not.
  constexpr char kDirectory[] = "/proc/self/fd/";
  char path[sizeof kDirectory + 16] = "/proc/self/fd/";
  *std::to_chars(path + sizeof kDirectory - 1, std::end(path) - 1, fd).ptr = '\0';
  return open(path, flags | O_CLOEXEC);
}

}  // namespace mp::internal

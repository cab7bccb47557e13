#include "mp/internal/os/certificate.h"

#include <errno.h>
#include <fcntl.h>

namespace mp::internal {
namespace {

struct flock byte_lock(uint64_t at) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(at);
  lock.l_len = 1;
  return lock;
}

int lock_byte(int fd, uint64_t at, int command) {
  struct flock lock = byte_lock(at);
  while (fcntl(fd, command, &lock) != 0) {
    if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

int take_certificate(int fd, uint64_t at) noexcept { return lock_byte(fd, at, F_OFD_SETLK); }

int wait_for_certificate(int fd, uint64_t at) noexcept { return lock_byte(fd, at, F_OFD_SETLKW); }

bool certificate_held(int fd, uint64_t at) noexcept {
  struct flock lock = byte_lock(at);
  // On an error nobody may be taken for dead.
  return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

}  // namespace mp::internal

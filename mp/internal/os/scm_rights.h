// mp/internal/os/scm_rights.h
//
// Messages with file descriptors over a socket that keeps their boundaries.

#ifndef MP_INTERNAL_OS_SCM_RIGHTS_H_
#define MP_INTERNAL_OS_SCM_RIGHTS_H_

#include <cstddef>
#include <vector>

#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

// The most descriptors that the kernel takes in one message.
inline constexpr size_t kMostFdsPerMessage = 253;

struct SocketPair {
  UniqueFd a;
  UniqueFd b;
};
// Close-on-exec; 0 or an errno. `connected`: reading ends with the other end's last owner
// (SOCK_SEQPACKET); else each end is a plain store of messages (SOCK_DGRAM).
int make_socket_pair(bool connected, SocketPair* out) noexcept;

enum class Socket { kWait, kDontWait };

// 0 or an errno: EPIPE when nobody is there any more, EAGAIN when there is no room (kDontWait),
// EMSGSIZE for too many descriptors. Raises no SIGPIPE.
int send_with_fds(int socket, const void* data, size_t size, const int* fds, size_t count,
                  Socket wait) noexcept;

struct Message {
  size_t size = 0;  // 0: the other end is gone
  std::vector<UniqueFd> fds;
};
// 0 or an errno: EAGAIN when nothing is there (kDontWait), EMFILE when this process could not take
// all the descriptors (none is kept then). With `peek` the message stays where it is.
int receive_with_fds(int socket, void* data, size_t capacity, Socket wait, bool peek, Message* out);

// Bytes of messages that the kernel lets wait in one end, its bookkeeping included.
int send_buffer(int socket) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_SCM_RIGHTS_H_

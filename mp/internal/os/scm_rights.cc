#include "mp/internal/os/scm_rights.h"

#include <errno.h>
#include <sys/socket.h>

#include <cstring>

#include "mp/internal/os/reopen.h"

namespace mp::internal {
namespace {

// Room for the most descriptors, aligned as the kernel wants it.
union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(kMostFdsPerMessage * sizeof(int))];
};

}  // namespace

int make_socket_pair(bool connected, SocketPair* out) noexcept {
  int ends[2];
  if (socketpair(AF_UNIX, (connected ? SOCK_SEQPACKET : SOCK_DGRAM) | SOCK_CLOEXEC, 0, ends) != 0) {
    return errno;
  }
  out->a.reset(above_stdio(ends[0]));
  out->b.reset(above_stdio(ends[1]));
  return out->a.valid() && out->b.valid() ? 0 : errno;
}

int send_with_fds(int socket, const void* data, size_t size, const int* fds, size_t count,
                  Socket wait) noexcept {
  if (count > kMostFdsPerMessage) {
    return EMSGSIZE;
  }
  iovec part{const_cast<void*>(data), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control;
  if (count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    std::memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
  }
  while (sendmsg(socket, &message, MSG_NOSIGNAL | (wait == Socket::kDontWait ? MSG_DONTWAIT : 0)) <
         0) {
    if (errno != EINTR) {
      return errno == ECONNRESET ? EPIPE : errno;
    }
  }
  return 0;
}

int receive_with_fds(int socket, void* data, size_t capacity, Socket wait, bool peek,
                     Message* out) {
  iovec part{data, capacity};
  Control control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  int flags =
      MSG_CMSG_CLOEXEC | (wait == Socket::kDontWait ? MSG_DONTWAIT : 0) | (peek ? MSG_PEEK : 0);
  ssize_t n;
  while ((n = recvmsg(socket, &message, flags)) < 0) {
    if (errno == ECONNRESET) {
      n = 0;
      message.msg_controllen = 0;
      break;
    }
    if (errno != EINTR) {
      return errno;
    }
  }
  out->size = static_cast<size_t>(n);
  out->fds.clear();
  for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
      out->fds.emplace_back(fd);
    }
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    out->fds.clear();
    return EMFILE;
  }
  return 0;
}

int send_buffer(int socket) noexcept {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  return getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &size) == 0 ? bytes : 0;
}

}  // namespace mp::internal

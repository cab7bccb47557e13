// mp/internal/os/stream.h
//
// Stream sockets, one system call at a time: none of these waits but wait_for(), and none raises SIGPIPE. Where a number comes
// back, a negative one is an errno.
//
// No call here offers room for ancillary data, so descriptors that a peer attaches are dropped by the kernel.

#ifndef MP_INTERNAL_OS_STREAM_H_
#define MP_INTERNAL_OS_STREAM_H_

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/clock.h"

namespace mp::internal {

// -EAGAIN when nothing would move now; a read of 0 is the end of the stream.
ssize_t stream_send(int fd, std::span<const iovec> parts) noexcept;
ssize_t stream_receive(int fd, std::span<std::byte> into) noexcept;
// The same, and the bytes stay.
ssize_t stream_peek(int fd, std::span<std::byte> into) noexcept;
// Both ways, for everybody who has the socket.
void stream_shutdown(int fd) noexcept;

enum class Readiness : short { kReadable, kWritable };
// Whether `fd` has become so, broken or at its end until `deadline`, or within `longest_ns`. A signal is no reason to return,
// but under mp::interruptible.
bool wait_for(int fd, Readiness what, Deadline deadline,
              int64_t longest_ns = std::numeric_limits<int64_t>::max()) noexcept;

// Until one of `fds` is ready or `deadline`; a signal ends it, too.
void wait_for_any(std::span<pollfd> fds, Deadline deadline) noexcept;

// 0, or why `fd` is no stream socket: EBADF, ENOTSOCK, EPROTOTYPE.
int check_stream(int fd) noexcept;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family() const noexcept { return storage.ss_family; }
};
// A ValueError when the path does not fit.
absl::StatusOr<SocketAddress> unix_address(std::string_view path);
// `family` is AF_INET or AF_INET6.
absl::StatusOr<SocketAddress> internet_address(const std::string& host, uint16_t port, int family);
// Of an address of the internet: "127.0.0.1".
std::string host_of(const SocketAddress& address);
uint16_t port_of(const SocketAddress& address) noexcept;
absl::StatusOr<SocketAddress> own_address(int fd);

// A socket that listens. Of a local one the file is for its owner only, and peers cannot attach descriptors where the kernel
// can refuse that.
absl::StatusOr<UniqueFd> listen_at(const SocketAddress& address, int backlog);
// Accepts somebody who waits; -EAGAIN when nobody does.
int accept_stream(int listening, UniqueFd* out, SocketAddress* peer) noexcept;
// Connects until `deadline`. A TimeoutError after it.
absl::StatusOr<UniqueFd> connect_stream(const SocketAddress& address, Deadline deadline);
// The socket file at `path`, if it is one, is not reached by a symbolic link, and its owner is this user or root: held open, so
// that it is what connect_stream() meets. An OSError or AuthenticationError otherwise.
absl::StatusOr<UniqueFd> open_socket_file(const std::string& path);
// The name by which an open file can be reached.
std::string path_of_descriptor(int fd);

// The user at the other end of a local socket, as it was when the connection was made; false: not known.
bool peer_user(int fd, uint32_t* user) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_STREAM_H_

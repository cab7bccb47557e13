#include "mp/internal/os/stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/os/interrupt.h"

// Linux 6.16.
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

namespace mp::internal {
namespace {

// How long a sleep is under mp::interruptible: another thread may be the one that gets the signal.
constexpr int64_t kLookForInterruptNs = 50'000'000;

// What is left until `deadline`, as ppoll() takes it.
class SleepTime {
 public:
  SleepTime(Deadline deadline, bool interruptible) noexcept {
    forever_ = deadline.is_never() && !interruptible;
    int64_t ns = deadline.is_past_by_construction() ? 0 : deadline.ns() - monotonic_ns();
    ns = std::max<int64_t>(interruptible ? std::min(ns, kLookForInterruptNs) : ns, 0);
    left_ = {ns / 1'000'000'000, ns % 1'000'000'000};
  }
  const timespec* limit() const noexcept { return forever_ ? nullptr : &left_; }

 private:
  bool forever_;
  timespec left_;
};

ssize_t receive(int fd, std::span<std::byte> into, int flags) noexcept {
  ssize_t n;
  do {
    n = recv(fd, into.data(), into.size(), MSG_DONTWAIT | flags);
  } while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : n;
}

// Messages are written whole: waiting for more would only delay them.
void set_no_delay(int fd, int family) noexcept {
  if (family != AF_UNIX) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
}

}  // namespace

ssize_t stream_send(int fd, std::span<const iovec> parts) noexcept {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  ssize_t n;
  do {
    n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n < 0 ? -errno : n;
}

ssize_t stream_receive(int fd, std::span<std::byte> into) noexcept { return receive(fd, into, 0); }

ssize_t stream_peek(int fd, std::span<std::byte> into) noexcept {
  return receive(fd, into, MSG_PEEK);
}

void stream_shutdown(int fd) noexcept { shutdown(fd, SHUT_RDWR); }

bool wait_for(int fd, Readiness what, Deadline deadline, int64_t longest_ns) noexcept {
  pollfd p = {fd, static_cast<short>(what == Readiness::kReadable ? POLLIN : POLLOUT), 0};
  Deadline slice = Deadline::after_ns(longest_ns);
  for (;;) {
    SleepTime sleep(earlier(slice, deadline), deadline.is_interruptible());
    int n = ppoll(&p, 1, sleep.limit(), nullptr);
    if (n != 0 && (n > 0 || errno != EINTR)) {
      // An error of poll() itself is found by who uses the descriptor next.
      return true;
    }
    if (deadline.passed() || slice.passed()) {
      return false;
    }
  }
}

void wait_for_any(std::span<pollfd> fds, Deadline deadline) noexcept {
  for (pollfd& p : fds) {
    p.revents = 0;
  }
  SleepTime sleep(deadline, deadline.is_interruptible());
  if (ppoll(fds.data(), fds.size(), sleep.limit(), nullptr) < 0) {
    for (pollfd& p : fds) {
      p.revents = 0;
    }
  }
}

int check_stream(int fd) noexcept {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return errno;
  }
  return type == SOCK_STREAM ? 0 : EPROTOTYPE;
}

absl::StatusOr<SocketAddress> unix_address(std::string_view path) {
  SocketAddress address;
  auto* to = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.size() >= sizeof to->sun_path) {
    return OSError("AF_UNIX path too long").status();
  }
  to->sun_family = AF_UNIX;
  std::memcpy(to->sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

absl::StatusOr<SocketAddress> internet_address(const std::string& host, uint16_t port, int family) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = host.empty() ? AI_PASSIVE : 0;
  addrinfo* found = nullptr;
  int err = getaddrinfo(host.empty() ? nullptr : host.c_str(), "0", &hints, &found);
  if (err != 0) {
    return OSError(absl::StrCat("[Errno ", err, "] ", gai_strerror(err), ": '", host, "'"))
        .status();
  }
  SocketAddress address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  freeaddrinfo(found);
  if (family == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = htons(port);
  }
  return address;
}

std::string host_of(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.family() == AF_INET) {
    auto* in = reinterpret_cast<const sockaddr_in*>(&address.storage);
    inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
  } else if (address.family() == AF_INET6) {
    auto* in = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
  }
  return text;
}

uint16_t port_of(const SocketAddress& address) noexcept {
  return address.family() == AF_INET
             ? ntohs(reinterpret_cast<const sockaddr_in*>(&address.storage)->sin_port)
         : address.family() == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6*>(&address.storage)->sin6_port)
             : 0;
}

absl::StatusOr<SocketAddress> own_address(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) {
    return os_error(errno, "getsockname");
  }
  return address;
}

absl::StatusOr<UniqueFd> listen_at(const SocketAddress& address, int backlog) {
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    return os_error(errno, "socket");
  }
  int on = 1;
  int off = 0;
  if (address.family() == AF_UNIX) {
    // The mode of the file that bind() makes.
    fchmod(fd.get(), 0600);
    setsockopt(fd.get(), SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
  } else {
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
    return os_error(errno, "bind");
  }
  if (listen(fd.get(), backlog) != 0) {
    return os_error(errno, "listen");
  }
  return fd;
}

int accept_stream(int listening, UniqueFd* out, SocketAddress* peer) noexcept {
  peer->size = sizeof peer->storage;
  int fd;
  do {
    fd = accept4(listening, reinterpret_cast<sockaddr*>(&peer->storage), &peer->size,
                 SOCK_CLOEXEC | SOCK_NONBLOCK);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    return -errno;
  }
  out->reset(fd);
  set_no_delay(fd, peer->family());
  return 0;
}

absl::StatusOr<UniqueFd> connect_stream(const SocketAddress& address, Deadline deadline) {
  UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    return os_error(errno, "socket");
  }
  if (address.family() == AF_UNIX) {
    int off = 0;
    setsockopt(fd.get(), SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
  }
  set_no_delay(fd.get(), address.family());
  auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
  auto late = [] { return TimeoutError("mp: Client: nobody has answered in time").status(); };
  while (connect(fd.get(), to, address.size) != 0) {
    if (errno == EAGAIN) {
      // A local listener whose backlog is full; nothing tells when it is not.
      timespec nap = {0, 1'000'000};
      nanosleep(&nap, nullptr);
      if (deadline.passed()) {
        return late();
      }
      continue;
    }
    if (errno != EINPROGRESS && errno != EINTR && errno != EALREADY) {
      return errno == EISCONN ? absl::StatusOr<UniqueFd>(std::move(fd))
                              : os_error(errno, "connect");
    }
    if (!wait_for(fd.get(), Readiness::kWritable, deadline)) {
      return late();
    }
    int err = 0;
    socklen_t size = sizeof err;
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &err, &size);
    if (err != 0) {
      return os_error(err, "connect");
    }
    break;
  }
  return fd;
}

absl::StatusOr<UniqueFd> open_socket_file(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) {
    return os_error(errno, absl::StrCat("'", path, "'"));
  }
  struct stat st {};
  if (fstat(fd.get(), &st) != 0) {
    return os_error(errno, absl::StrCat("'", path, "'"));
  }
  if (!S_ISSOCK(st.st_mode)) {
    return os_error(ECONNREFUSED, absl::StrCat("'", path, "' is no socket"));
  }
  if (st.st_uid != geteuid() && st.st_uid != 0) {
    return AuthenticationError(
               absl::StrCat("mp: the socket '", path, "' belongs to another user, ", st.st_uid))
        .status();
  }
  return fd;
}

std::string path_of_descriptor(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

bool peer_user(int fd, uint32_t* user) noexcept {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 ||
      who.uid == static_cast<uid_t>(-1)) {
    return false;
  }
  *user = who.uid;
  return true;
}

}  // namespace mp::internal

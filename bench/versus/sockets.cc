// Bare sockets, with the framing that one writes by hand: 4 bytes of length and the message in one call, and into a buffer
// that is there already.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "bench/placement.h"
#include "bench/versus/parties.h"
#include "bench/versus/versus.h"

namespace bench {
namespace {

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

void read_all(int fd, char* to, size_t size) {
  while (size != 0) {
    const ssize_t got = recv(fd, to, size, 0);
    check(got > 0, "the stream ended early");
    to += got;
    size -= static_cast<size_t>(got);
  }
}

void receive_message(int fd, std::vector<char>& buffer) {
  uint32_t size = 0;
  read_all(fd, reinterpret_cast<char*>(&size), sizeof size);
  check(size == buffer.size(), "a message has another size");
  read_all(fd, buffer.data(), size);
}

void send_message(int fd, std::vector<char>& buffer) {
  auto size = static_cast<uint32_t>(buffer.size());
  iovec parts[] = {{&size, sizeof size}, {buffer.data(), buffer.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  // A blocking socket takes all of it, unless a signal comes.
  check(sendmsg(fd, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof size + size),
        "sendmsg failed");
}

void connect_by_tcp(int ends[2]) {
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  auto* address = reinterpret_cast<sockaddr*>(&at);
  check(bind(listening, address, sizeof at) == 0 && listen(listening, 1) == 0 &&
            getsockname(listening, address, &size) == 0,
        "listen failed");
  ends[1] = socket(AF_INET, SOCK_STREAM, 0);
  check(connect(ends[1], address, sizeof at) == 0, "connect failed");
  ends[0] = accept(listening, nullptr, nullptr);
  close(listening);
  for (int i : {0, 1}) {
    int on = 1;
    check(setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "accept failed");
  }
}

template <size_t kSize>
double tcp(int64_t n) {
  int ends[2];
  connect_by_tcp(ends);
  std::vector<char> buffer(kSize, '0');
  const double elapsed = with_process(
      [&] {
        OnProcessor there(1);
        for (int64_t i = 0; i < n; ++i) send_message(ends[1], buffer);
      },
      [&] {
        OnProcessor here(0);
        // The end of the writer must be the end of the stream, not a wait without end.
        close(ends[1]);
        for (int64_t i = 0; i < n; ++i) receive_message(ends[0], buffer);
      });
  close(ends[0]);
  return elapsed;
}

double round_trip(int64_t n) {
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair failed");
  std::vector<char> buffer(kMessageBytes, '0');
  const double elapsed = with_process(
      [&] {
        OnProcessor here(0);
        for (int64_t i = 0; i < n; ++i) {
          receive_message(ends[1], buffer);
          send_message(ends[1], buffer);
        }
      },
      [&] {
        OnProcessor here(0);
        close(ends[1]);
        for (int64_t i = 0; i < n; ++i) {
          send_message(ends[0], buffer);
          receive_message(ends[0], buffer);
        }
      });
  close(ends[0]);
  return elapsed;
}

}  // namespace

Body tcp_socket_64k() { return self_timed<tcp<size_t{64} << 10>>(); }
Body tcp_socket_1m() { return self_timed<tcp<size_t{1} << 20>>(); }
Body socketpair_round_trip() { return self_timed<round_trip>(); }

}  // namespace bench

#include "mp/internal/os/doorbell.h"

#include <endian.h>
#include <errno.h>
#include <linux/filter.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "mp/internal/os/reopen.h"

namespace mp::internal {
namespace {

// "\0mp" and the name.
struct Name {
  explicit Name(uint64_t name) noexcept {
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, "mp", 2);
    std::memcpy(address.sun_path + 3, &name, sizeof name);
  }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&address); }
  static constexpr socklen_t kSize = offsetof(sockaddr_un, sun_path) + 3 + sizeof(uint64_t);

  sockaddr_un address{};
};

// Lets through what is the secret and nothing else.
int accept_only(int socket, uint64_t secret) noexcept {
  uint32_t halves[2];
  std::memcpy(halves, &secret, sizeof secret);
  constexpr auto kIs = BPF_JMP | BPF_JEQ | BPF_K;
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),    BPF_JUMP(kIs, sizeof secret, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),    BPF_JUMP(kIs, be32toh(halves[0]), 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),    BPF_JUMP(kIs, be32toh(halves[1]), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, sizeof secret), BPF_STMT(BPF_RET | BPF_K, 0),
  };
  sock_fprog program{sizeof filter / sizeof filter[0], filter};
  return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 ? 0
                                                                                         : errno;
}

UniqueFd datagram_socket() noexcept {
  return UniqueFd(above_stdio(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
}

int send_to(int socket, const DoorbellAddress& address) noexcept {
  Name name(address.name);
  return sendto(socket, &address.secret, sizeof address.secret, MSG_DONTWAIT | MSG_NOSIGNAL,
                name.get(), Name::kSize) >= 0
             ? 0
             : errno;
}

}  // namespace

int make_doorbell(UniqueFd* bell, DoorbellAddress* address) noexcept {
  *bell = datagram_socket();
  if (!bell->valid()) {
    return errno;
  }
  for (;;) {
    if (getrandom(address, sizeof *address, 0) != sizeof *address) {
      return errno;
    }
    // Before it has a name: nothing comes in that the filter has not seen.
    if (int err = accept_only(bell->get(), address->secret); err != 0) {
      return err;
    }
    Name name(address->name);
    if (bind(bell->get(), name.get(), Name::kSize) == 0) {
      return 0;
    }
    if (errno != EADDRINUSE) {
      return errno;
    }
  }
}

bool ring_doorbell(int socket, const DoorbellAddress& address) noexcept {
  int err = socket < 0 ? EAGAIN : send_to(socket, address);
  if (err == EAGAIN || err == ENOBUFS) {
    // Rings that were not listened to use up the room of the socket they were sent from, for any address. A new socket is
    // full for one reason alone: the bell has been rung.
    UniqueFd fresh = datagram_socket();
    err = fresh.valid() ? send_to(fresh.get(), address) : err;
  }
  return err != ECONNREFUSED;
}

void silence_doorbell(int bell) noexcept {
  uint64_t secret;
  while (recv(bell, &secret, sizeof secret, MSG_DONTWAIT) >= 0) {
  }
}

}  // namespace mp::internal

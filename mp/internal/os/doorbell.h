// mp/internal/os/doorbell.h
//
// A doorbell: a descriptor that any process can make readable by an address of two words, without having been given a
// descriptor. It is a datagram socket with a name in the abstract namespace, which goes with its last descriptor.
//
// Safety   Any thread.
// Death    Nothing stays of who dies: the kernel takes the name back. An address whose socket is gone rings nothing.
// Strangers  The names of such sockets are seen by everybody on the machine. A ring counts only with the secret that is the
//          second word: the kernel throws everything else away before the descriptor becomes readable. A process in
//          another network namespace does not reach it.

#ifndef MP_INTERNAL_OS_DOORBELL_H_
#define MP_INTERNAL_OS_DOORBELL_H_

#include <cstdint>

#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

struct DoorbellAddress {
  uint64_t name = 0;
  uint64_t secret = 0;
};

// A new one, close-on-exec; 0 or an errno.
int make_doorbell(UniqueFd* bell, DoorbellAddress* address) noexcept;

// Makes it readable. `socket`: any datagram socket of this process, or -1. False when nobody has that address. Never blocks.
bool ring_doorbell(int socket, const DoorbellAddress& address) noexcept;

// Makes it unreadable until the next ring.
void silence_doorbell(int bell) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_DOORBELL_H_

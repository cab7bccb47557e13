// mp/internal/net/acceptor.h
//
// Acceptor: lets peers in who pass the handshake. All work is done inside of accept(), for all who are on their way at once and
// without waiting for any of them: who is silent, or sends a byte a second, delays nobody.
//
// A peer has one deadline for its whole handshake, and costs a descriptor and less than 2 KiB until then. At most kMostPending
// are on their way; one more, and the oldest that has not sent its first message has to go, or the oldest if all have.
// When there are no descriptors left, nobody is accepted for a tenth of a second, then for twice as long, up to a second. Who
// connects meanwhile waits, and is not sent away.
//
// Fork: a child may go on accepting beside its parent. Who was on the way stays the parent's.

#ifndef MP_INTERNAL_NET_ACCEPTOR_H_
#define MP_INTERNAL_NET_ACCEPTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/net/handshake.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/stream.h"

namespace mp::internal {

class Acceptor {
 public:
  struct Terms {
    // Of a new peer; null: there is no handshake.
    std::function<std::unique_ptr<Handshake>()> handshake = {};
    int64_t handshake_ns = 5'000'000'000;
    // Only this user and root may connect; for local sockets.
    bool same_user = false;
    // For the log: a peer was sent away, and why; or nobody is let in, and why.
    std::function<void(const std::string& what)> told = {};
  };
  struct Accepted {
    UniqueFd fd;
    SocketAddress peer;
    std::unique_ptr<Handshake> handshake;
  };
  static constexpr size_t kMostPending = 100;

  Acceptor(UniqueFd listening, Terms terms)
      : listening_(std::move(listening)), terms_(std::move(terms)) {}

  // The next peer. kDeadlineExceeded when there was none until `deadline`; an OSError when the socket does not listen any more.
  absl::StatusOr<Accepted> accept(Deadline deadline);
  int fd() const noexcept { return listening_.get(); }
  size_t pending() const noexcept { return pending_.size(); }

 private:
  struct Pending {
    Accepted peer;
    Deadline deadline;
  };
  // Takes new peers in; those without a handshake are done. 0, or why there will be no more.
  int let_in();
  void hold_up();
  void make_place();
  // As far as it goes without waiting; false: it has to go.
  bool advance(Pending& pending);
  void step(const std::vector<pollfd>& polled);
  bool take_done(Accepted* out);
  void expire();
  void refuse(const char* why);
  // Also where a forked child has its descriptor.
  void send_away(const Pending& pending, const char* why);
  Deadline next_event(Deadline deadline) const;

  UniqueFd listening_;
  Terms terms_;
  std::vector<Pending> pending_;              // the oldest first
  int of_process_ = 0;                        // whose they are: a pid
  Deadline closed_until_ = Deadline::past();  // without descriptors
  int64_t closed_for_ = 0;
  std::string news_;  // what the caller is told who was in vain here: the last of this accept()
};

// Does `handshake` over `fd` until `deadline`.
absl::Status shake_hands(int fd, Handshake& handshake, Deadline deadline);

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_ACCEPTOR_H_

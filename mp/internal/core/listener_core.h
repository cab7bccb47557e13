// mp/internal/core/listener_core.h
//
// What listeners and clients of every protocol have in common: addresses, socket files, users, and who is let in.

#ifndef MP_INTERNAL_CORE_LISTENER_CORE_H_
#define MP_INTERNAL_CORE_LISTENER_CORE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "mp/address.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/net/acceptor.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/socket_file.h"
#include "mp/timeout.h"

namespace mp::internal {

class ListenerCore {
 public:
  struct Terms {
    // "AF_UNIX", "AF_INET", "AF_INET6"; "": what the address says, and AF_UNIX without one.
    std::string family;
    int backlog;
    // same_user is set here.
    Acceptor::Terms accept = {};
  };

  // Raises what the constructors of Listener do.
  ListenerCore(const std::optional<Address>& where, Terms terms);
  ListenerCore(const ListenerCore&) = delete;
  ListenerCore& operator=(const ListenerCore&) = delete;

  // The next peer. An OSError "listener is closed".
  absl::StatusOr<Acceptor::Accepted> accept(Timeout timeout);
  void close() noexcept;
  // For the end of a process that leaves this object.
  void remove_file() noexcept { file_.remove(); }

  const Address& address() const noexcept { return address_; }
  const std::optional<Address>& last_accepted() const noexcept { return last_accepted_; }
  // Raises OSError "listener is closed".
  int fileno() const;

 private:
  // Before the socket: removed after it is closed.
  SocketFile file_;
  std::optional<Acceptor> acceptor_;
  Address address_;
  std::optional<Address> last_accepted_;
};

// A socket that is connected to who listens there: of a local one, this user or root. `family` as above.
absl::StatusOr<UniqueFd> connect_to(const Address& address, const std::string& family,
                                    Deadline deadline);

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_LISTENER_CORE_H_

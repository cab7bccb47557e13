// mp/client.h
//
// Client: connects to a Listener. Python: multiprocessing.connection.Client.
//
//   mp::Connection conn = mp::Client({"localhost", 6000}, {.authkey = key});
//   auto numbers = conn.recv<std::vector<int>>();
//
// What authentication gives and does not is said in listener.h.
//
// Handles    The Connection is one: see connection.h.
// Safety     Any thread.
// Ordering   The Connection's.
// Blocking   Until the listener accepts, or `timeout`.
// Cost       Two round trips with an authkey, one without.
// Death      Of the listener in the middle: mp::EOFError, or mp::OSError.
// Crossing   The Connection crosses any way inside the family.
// Python     `timeout` is new. The socket file must belong to this user or root, and is not followed
//            if it is a symbolic link.

#ifndef MP_CLIENT_H_
#define MP_CLIENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "mp/address.h"
#include "mp/connection.h"
#include "mp/timeout.h"

namespace mp {

// As ListenerOptions.
struct ClientOptions {
  uint64_t max_frame = uint64_t{64} << 20;
  std::optional<std::string> authkey = {};
  std::string family = {};
  std::string service = {};
  Timeout timeout = kForever;
  bool allow_weak_key = false;

  // Overwrites the key.
  ~ClientOptions();
};

// Throws mp::AuthenticationError when the other side does not know the key or is another user's,
// mp::TimeoutError, mp::EOFError when the listener hangs up during the handshake, mp::OSError when
// there is none; mp::ValueError as Listener does.
Connection Client(const Address& address, const ClientOptions& options = {});

}  // namespace mp

#endif  // MP_CLIENT_H_

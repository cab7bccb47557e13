// mp/python/client.h
//
// python::Client: connects to a Python program's multiprocessing.connection.Listener.
//
//   mp::python::Connection conn =
//       mp::python::Client({"localhost", 6000}, {.authkey = "secret password"});
//   std::cout << conn.recv_bytes() << '\n';
//
// What its handshake is worth is said in listener.h.
//
// Handles    The Connection is one: see connection.h.
// Safety     Any thread.
// Ordering   The Connection's.
// Blocking   Until the listener accepts, or `timeout`. A listener of Python serves one peer after the
//            other.
// Cost       Two round trips with an authkey.
// Death      Of the listener in the middle: mp::EOFError, or mp::OSError.
// Crossing   The Connection crosses any way inside the family.
// Python     `timeout` is new. The socket file must belong to this user or root, and is not followed
//            if it is a symbolic link.

#ifndef MP_PYTHON_CLIENT_H_
#define MP_PYTHON_CLIENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "mp/address.h"
#include "mp/python/connection.h"
#include "mp/timeout.h"

namespace mp::python {

// As ListenerOptions.
struct ClientOptions {
  uint64_t max_frame = uint64_t{64} << 20;
  std::optional<std::string> authkey = {};
  bool md5 = false;
  std::string family = {};
  Timeout timeout = kForever;

  // Overwrites the key.
  ~ClientOptions();
};

// Throws mp::AuthenticationError "digest sent was rejected" or "digest received was wrong" when the
// keys are not the same, and with what the peer said when it speaks something else; mp::TimeoutError,
// mp::EOFError when the listener hangs up during the handshake, mp::OSError when there is none;
// mp::ValueError for an address or family that does not exist here.
Connection Client(const Address& address, const ClientOptions& options = {});

}  // namespace mp::python

#endif  // MP_PYTHON_CLIENT_H_

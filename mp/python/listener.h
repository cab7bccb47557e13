// mp/python/listener.h
//
// python::Listener: lets Python programs connect, with the protocol of their own
// multiprocessing.connection.Client. Between programs of mp use mp::Listener.
//
//   mp::python::Listener listener({"localhost", 6000}, {.authkey = "secret password"});
//   // with .md5 = true for Python 3.11 and older
//   mp::python::Connection conn = listener.accept();
//   conn.send_bytes("hello");
//
//   # Python
//   with Client(('localhost', 6000), authkey=b'secret password') as conn:
//       print(conn.recv_bytes())
//
// That protocol's handshake is weaker than mp::Listener's. It proves that somebody answered a challenge
// with the key, not that it was this peer: who can get a program that has the key to connect to it, and
// hands its challenges on, gets in without the key (reflected to a second program, or relayed; both
// were done to CPython 3.13). Its challenges let others have texts of their choice signed, and keys can
// be tried against what was seen. After it nothing is protected: who sits between the two reads and
// changes everything. Use it between processes of one user, or inside of a network that you trust.
//
// Handles    Move-only: its scope closes it.
// Safety     One thread at a time.
// Ordering   The Connection's.
// Blocking   accept() only. No peer can make it wait for itself: see mp/listener.h.
// Cost       As mp::Listener; the handshake is two round trips.
// Death      As mp::Listener.
// Crossing   Not. Its connections do. A forked child may accept beside its parent: each peer is one's.
// Python     accept() does not throw for a peer with a wrong key, it goes on to the next and tells the
//            log (INFO, "digest received was wrong"); it takes a timeout. HMAC-MD5 is an option.
//            Abstract sockets are refused.

#ifndef MP_PYTHON_LISTENER_H_
#define MP_PYTHON_LISTENER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "mp/address.h"
#include "mp/python/connection.h"
#include "mp/timeout.h"

namespace mp::python {

struct ListenerOptions {
  // The largest message, either way; a peer that announces more is sent away before memory is spent.
  uint64_t max_frame = uint64_t{64} << 20;
  // Nothing: no handshake, as Python's None. An empty one is a key. Overwritten when the options go.
  std::optional<std::string> authkey = {};
  // Also with Python before 3.12, which knows HMAC-MD5 only.
  bool md5 = false;
  // "AF_UNIX", "AF_INET", "AF_INET6"; "": what the address says.
  std::string family = {};
  // How many may wait to be accepted; the system may allow fewer.
  int backlog = 4096;
  // How long a peer may take to prove itself.
  Timeout handshake_timeout = 5;

  ~ListenerOptions();
};

class Listener {
 public:
  using Options = ListenerOptions;

  // At a local address that nobody else uses, or on a free port of localhost, as the family says.
  explicit Listener(Options options = {});
  // Port 0 is any that is free. Throws mp::OSError when the address is in use or cannot be; mp::ValueError
  // for an address or family that does not exist here.
  explicit Listener(Address address, Options options = {});
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;
  ~Listener();

  // The next peer who has proved itself. Throws mp::TimeoutError after `timeout`, mp::OSError "listener
  // is closed", and the system's when somebody has shut its socket down.
  Connection accept(Timeout timeout = kForever);
  absl::StatusOr<Connection> try_accept(Timeout timeout);

  // Nobody can connect any more; connections that were accepted go on. Closing twice is harmless.
  void close() noexcept;

  // Where it is, with the port that was found.
  const Address& address() const noexcept;
  // Where the last one who was accepted came from.
  const std::optional<Address>& last_accepted() const noexcept;
  // Readable when somebody wants to connect. Throws mp::OSError "listener is closed".
  int fileno() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mp::python

#endif  // MP_PYTHON_LISTENER_H_

// mp/listener.h
//
// Listener: lets programs connect that are not of the family, of this machine or another. Python:
// multiprocessing.connection.Listener.
//
//   mp::Listener listener({"localhost", 6000}, {.authkey = key});
//   mp::Connection conn = listener.accept();
//   std::cout << "connection accepted from " << *listener.last_accepted() << '\n';
//   conn.send(std::vector<int>{1, 2, 3});
//
// With an authkey, both sides prove that they know it before anything else is read; over TCP each
// message has a tag that keeps it from being changed, repeated, left out or put in another order.
// Nothing is encrypted: who can listen to the network can read. The key never leaves the process, but
// who has seen a handshake can try keys against it: use one that cannot be guessed. Without an authkey
// anybody who reaches the address can talk. A local socket is for processes of the same user in any
// case.
//
// Handles    Move-only: its scope closes it.
// Safety     One thread at a time.
// Ordering   What was done before send() is visible after its recv(), as if they were of one machine.
// Blocking   accept() only. No peer can make it wait for itself: all who connect are served side by
//            side, each within 5 seconds or not at all.
// Cost       A descriptor; one and less than 2 KiB for each peer that is on its way, of whom there are
//            100 at most: then the oldest that has not said anything goes.
// Death      Its socket goes with the process. The file of a local one stays after a kill: with a
//            name of mp's, until the next Listener with such a name; with one of yours, until you
//            remove it.
// Crossing   Not. Its connections do. A forked child may accept beside its parent: each peer is one's.
// Python     The handshake is another one: mp does not talk to multiprocessing here. accept() does not
//            throw for a peer with a wrong key, it goes on to the next and tells the log (INFO); and
//            it takes a timeout. Weak keys and abstract sockets are refused.

#ifndef MP_LISTENER_H_
#define MP_LISTENER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "mp/address.h"
#include "mp/connection.h"
#include "mp/timeout.h"

namespace mp {

struct ListenerOptions {
  // The largest message, either way. To send a larger one is an mp::ValueError that says how large, and nothing is sent. A
  // peer that announces one is sent away before memory is spent: mp::OSError "bad message length".
  uint64_t max_frame = uint64_t{64} << 20;
  // Nothing: no handshake. An empty one is a key. Overwritten when the options go; what the Listener needs of it lies in
  // memory that no core dump has.
  std::optional<std::string> authkey = {};
  // "AF_UNIX", "AF_INET", "AF_INET6"; "": what the address says.
  std::string family = {};
  // How many may wait to be accepted; the system may allow fewer.
  int backlog = 4096;
  // Both sides must have the same: keeps services apart that have the same key.
  std::string service = {};
  // How long a peer may take to prove itself.
  Timeout handshake_timeout = 5;
  // Take a key of less than 16 bytes: it can be guessed by who has seen a handshake.
  bool allow_weak_key = false;

  ~ListenerOptions();
};

class Listener {
 public:
  using Options = ListenerOptions;

  // At a local address that nobody else uses, or on a free port of localhost, as the family says.
  explicit Listener(Options options = {});
  // Port 0 is any that is free. Throws mp::OSError when the address is in use or cannot be; mp::ValueError
  // for a key that is too short and an address or family that does not exist here.
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

}  // namespace mp

#endif  // MP_LISTENER_H_

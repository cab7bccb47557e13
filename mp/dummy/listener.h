// mp/dummy/listener.h
//
// Listener, Client: mp::Listener and mp::Client between the threads of one process. Python:
// multiprocessing.dummy.connection.
//
//   mp::dummy::Listener listener;
//   mp::dummy::Process p(connect, listener.address());   // does mp::dummy::Client(address)
//   mp::dummy::Connection conn = listener.accept();
//
// Handles    Move-only, as mp::Listener. An Address is a handle.
// Safety     Any thread of this process.
// Blocking   accept() only.
// Cost       A queue; a connection is a Pipe.
// Death      It is memory of this process only.
// Crossing   Its address to other threads, in any way.
// Python     Nobody has to prove anything: all are one process.

#ifndef MP_DUMMY_LISTENER_H_
#define MP_DUMMY_LISTENER_H_

#include <utility>

#include "absl/status/status.h"
#include "mp/dummy/connection.h"
#include "mp/dummy/pipe.h"
#include "mp/dummy/queue.h"
#include "mp/errors.h"
#include "mp/timeout.h"

namespace mp::dummy {

class Listener {
 public:
  // Where those who connect leave the other end.
  using Address = Queue<Connection>;

  Listener() = default;
  Listener(Listener&&) noexcept = default;
  Listener& operator=(Listener&&) noexcept = default;

  // Throws mp::TimeoutError, and mp::OSError "listener is closed".
  Connection accept(Timeout timeout = kForever) {
    if (closed_) {
      raise(OSError("listener is closed").status());
    }
    auto connection = address_.try_get(timeout);
    if (absl::IsUnavailable(connection.status())) {
      raise(TimeoutError("mp: Listener.accept: nobody has connected in time").status());
    }
    internal::raise_if_error(connection.status());
    return *std::move(connection);
  }
  void close() noexcept { closed_ = true; }
  const Address& address() const noexcept { return address_; }

 private:
  Address address_;
  bool closed_ = false;
};

inline Connection Client(const Listener::Address& address) {
  auto [ours, theirs] = Pipe();
  address.put(theirs);
  return ours;
}

}  // namespace mp::dummy

#endif  // MP_DUMMY_LISTENER_H_

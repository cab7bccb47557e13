#include "mp/python/connection.h"

#include <ostream>

#include "mp/errors.h"
#include "mp/internal/core/socket_end.h"
#include "mp/internal/frame/verify.h"
#include "mp/internal/net/python_framing.h"

namespace mp {
namespace python {
namespace {

internal::SocketEnd& socket_of(const mp::Connection& c) {
  const internal::ConnectionCore& core = internal::ConnectionMaker::core(c);
  core.check_handle();
  return core.socket();
}

}  // namespace

void Connection::receive_value(internal::Incoming& message) const {
  socket_of(socket_).receive_bytes(message);
  internal::raise_if_error(internal::verify(message.payload()));
}

int Connection::fileno() const { return socket_of(socket_).fd(); }

std::string repr(const Connection& c) { return mp::repr(c.socket_); }

std::ostream& operator<<(std::ostream& out, const Connection& c) { return out << repr(c); }

}  // namespace python

Encoder::Ref Codec<python::Connection>::encode(Encoder& e, const python::Connection& c) {
  return Codec<Connection>::encode(e, c.socket_);
}

python::Connection Codec<python::Connection>::decode(const Reader& r) {
  return python::Connection(Codec<Connection>::decode(r));
}

}  // namespace mp

#include "mp/python/client.h"

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "mp/errors.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/core/listener_core.h"
#include "mp/internal/net/acceptor.h"
#include "mp/internal/net/python_handshake.h"
#include "mp/internal/net/secret.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/interrupt.h"
#include "mp/python/maker.h"

namespace mp::python {
namespace {

absl::StatusOr<internal::UniqueFd> connect(const Address& address, const ClientOptions& options) {
  internal::Deadline deadline = internal::Deadline::after(options.timeout);
  absl::StatusOr<internal::UniqueFd> fd = internal::connect_to(address, options.family, deadline);
  if (fd.ok() && options.authkey.has_value()) {
    internal::PythonTerms terms;
    terms.authkey = internal::Secret(*options.authkey);
    terms.md5 = options.md5;
    auto handshake = internal::make_python_client_handshake(terms);
    if (absl::Status s = internal::shake_hands(fd->get(), *handshake, deadline); !s.ok()) {
      return s;
    }
  }
  return fd;
}

}  // namespace

ClientOptions::~ClientOptions() { internal::wipe(authkey); }

Connection Client(const Address& address, const ClientOptions& options) {
  absl::StatusOr<internal::UniqueFd> fd = connect(address, options);
  if (!fd.ok()) {
    internal::raise_if_interrupted();
    raise(fd.status());
  }
  return ConnectionMaker::make(*std::move(fd), options.max_frame);
}

}  // namespace mp::python

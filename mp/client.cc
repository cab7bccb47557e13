#include "mp/client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/core/socket_end.h"
#include "mp/internal/net/acceptor.h"
#include "mp/internal/net/crypto.h"
#include "mp/internal/net/endpoint.h"
#include "mp/internal/net/handshake.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/os/stream.h"

namespace mp {
namespace {

struct Terms : internal::HandshakeTerms {
  ~Terms() { internal::wipe(std::as_writable_bytes(std::span(authkey))); }
};

absl::StatusOr<Connection> connect(const Address& address, const ClientOptions& options,
                                   internal::Deadline deadline) {
  if (absl::Status s = internal::check_key(options.authkey, options.allow_weak_key); !s.ok()) {
    return s;
  }
  absl::StatusOr<int> family = internal::family_of(options.family, address.is_local());
  if (!family.ok()) {
    return family.status();
  }
  absl::StatusOr<internal::SocketAddress> at;
  internal::UniqueFd file;
  if (address.is_local()) {
    if (absl::Status s = internal::check_path(address.path()); !s.ok()) {
      return s;
    }
    absl::StatusOr<internal::UniqueFd> found =
        internal::open_socket_file(std::string(address.path()));
    if (!found.ok()) {
      return found.status();
    }
    file = *std::move(found);
    // What was looked at, whatever its name leads to by now.
    at = internal::unix_address(internal::path_of_descriptor(file.get()));
  } else {
    at = internal::internet_address(std::string(address.host()), address.port(), *family);
  }
  if (!at.ok()) {
    return at.status();
  }
  absl::StatusOr<internal::UniqueFd> fd = internal::connect_stream(*at, deadline);
  if (!fd.ok()) {
    int err = internal::errno_of(fd.status());
    return err == 0 ? fd.status()
                    : internal::os_error(err, absl::StrCat("mp: Client to ", repr(address)));
  }
  uint32_t user = 0;
  if (address.is_local() &&
      (!internal::peer_user(fd->get(), &user) || (user != geteuid() && user != 0))) {
    return AuthenticationError(
               absl::StrCat("mp: who listens at ", repr(address), " is another user"))
        .status();
  }
  std::unique_ptr<internal::Handshake> handshake;
  if (options.authkey.has_value()) {
    Terms terms;
    terms.authkey = *options.authkey;
    terms.service = options.service;
    terms.transport = address.is_local() ? internal::HandshakeTerms::Transport::kLocal
                                         : internal::HandshakeTerms::Transport::kInternet;
    handshake = internal::make_client_handshake(terms);
    if (absl::Status s = internal::shake_hands(fd->get(), *handshake, deadline); !s.ok()) {
      return s;
    }
  }
  bool sealed = handshake != nullptr && !address.is_local();
  return internal::ConnectionMaker::make(
      internal::ConnectionCore(std::make_shared<internal::SocketEnd>(
          *std::move(fd),
          internal::SocketEnd::Terms{.max_frame = options.max_frame,
                                     .keys = sealed ? &handshake->keys() : nullptr})));
}

}  // namespace

Connection Client(const Address& address, const ClientOptions& options) {
  absl::StatusOr<Connection> connection =
      connect(address, options, internal::Deadline::after(options.timeout));
  if (!connection.ok()) {
    internal::raise_if_interrupted();
    raise(connection.status());
  }
  return *std::move(connection);
}

}  // namespace mp

#include "mp/client.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "mp/errors.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/core/listener_core.h"
#include "mp/internal/core/socket_end.h"
#include "mp/internal/net/acceptor.h"
#include "mp/internal/net/endpoint.h"
#include "mp/internal/net/handshake.h"
#include "mp/internal/net/secret.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/interrupt.h"

namespace mp {
namespace {

absl::StatusOr<Connection> connect(const Address& address, const ClientOptions& options,
                                   internal::Deadline deadline) {
  std::optional<size_t> key_size;
  if (options.authkey.has_value()) {
    key_size = options.authkey->size();
  }
  if (absl::Status s = internal::check_key(key_size, options.allow_weak_key); !s.ok()) {
    return s;
  }
  absl::StatusOr<internal::UniqueFd> fd = internal::connect_to(address, options.family, deadline);
  if (!fd.ok()) {
    return fd.status();
  }
  std::unique_ptr<internal::Handshake> handshake;
  if (options.authkey.has_value()) {
    internal::HandshakeTerms terms;
    terms.authkey = internal::Secret(*options.authkey);
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

ClientOptions::~ClientOptions() { internal::wipe(authkey); }

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

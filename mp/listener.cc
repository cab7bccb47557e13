#include "mp/listener.h"

#include <sys/socket.h>

#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/finalize.h"
#include "mp/internal/core/socket_end.h"
#include "mp/internal/net/acceptor.h"
#include "mp/internal/net/crypto.h"
#include "mp/internal/net/endpoint.h"
#include "mp/internal/net/handshake.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/os/socket_file.h"
#include "mp/internal/os/stream.h"
#include "mp/logging.h"

namespace mp {

struct Listener::State {
  State(std::optional<Address> where, Options options);
  ~State() { internal::wipe(std::as_writable_bytes(std::span(terms.authkey))); }

  absl::StatusOr<Connection> accept(Timeout timeout);

  uint64_t max_frame;
  bool authenticated;
  internal::HandshakeTerms terms;
  // Before the socket: removed after it is closed.
  internal::SocketFile file;
  std::optional<internal::Acceptor> acceptor;
  Address address;
  std::optional<Address> last_accepted;
  // When the process ends, and this object does not.
  Finalize remove_file{[this] { file.remove(); }, 0};
};

namespace {

Address address_of(const internal::SocketAddress& a) {
  return a.family() == AF_UNIX ? Address() : Address(internal::host_of(a), internal::port_of(a));
}

template <class T>
T value_or_raise(absl::StatusOr<T> result) {
  internal::raise_if_error(result.status());
  return *std::move(result);
}

void log_refused(const char* why) {
  get_logger().info(absl::StrCat("mp: Listener: a peer was sent away: ", why));
}

}  // namespace

Listener::State::State(std::optional<Address> where, Options options)
    : max_frame(options.max_frame), authenticated(options.authkey.has_value()) {
  internal::raise_if_error(internal::check_key(options.authkey, options.allow_weak_key));
  bool local =
      where.has_value() ? where->is_local() : options.family.empty() || options.family == "AF_UNIX";
  int family = value_or_raise(internal::family_of(options.family, local));
  internal::SocketAddress at;
  if (local) {
    if (where.has_value()) {
      internal::raise_if_error(internal::check_path(where->path()));
      file = internal::SocketFile(std::string(where->path()));
    } else {
      file = value_or_raise(internal::SocketFile::fresh());
    }
    at = value_or_raise(internal::unix_address(file.path()));
    address = Address(file.path());
  } else {
    std::string host = where.has_value() ? std::string(where->host()) : "localhost";
    at = value_or_raise(
        internal::internet_address(host, where.has_value() ? where->port() : 0, family));
    address = Address(host, where.has_value() ? where->port() : 0);
  }
  auto listening = internal::listen_at(at, options.backlog);
  if (!listening.ok()) {
    raise(internal::os_error(internal::errno_of(listening.status()),
                             absl::StrCat("mp: Listener at ", repr(address))));
  }
  if (local) {
    file.made();
  } else {
    address = address_of(value_or_raise(internal::own_address(listening->get())));
  }
  terms.transport = local ? internal::HandshakeTerms::Transport::kLocal
                          : internal::HandshakeTerms::Transport::kInternet;
  terms.service = options.service;
  internal::Acceptor::Terms accept_terms{.same_user = local, .refused = log_refused};
  accept_terms.handshake_ns = options.handshake_timeout.nanoseconds();
  if (authenticated) {
    terms.authkey = *std::move(options.authkey);
    accept_terms.handshake = [this] { return internal::make_server_handshake(terms); };
  }
  acceptor.emplace(*std::move(listening), std::move(accept_terms));
}

absl::StatusOr<Connection> Listener::State::accept(Timeout timeout) {
  internal::Deadline deadline = internal::Deadline::after(timeout);
  auto peer = acceptor->accept(deadline);
  if (!peer.ok()) {
    internal::raise_if_interrupted();
    return peer.status();
  }
  last_accepted = address_of(peer->peer);
  // A local peer is this user's: nobody is between the two.
  bool sealed = authenticated && !address.is_local();
  return internal::ConnectionMaker::make(
      internal::ConnectionCore(std::make_shared<internal::SocketEnd>(
          std::move(peer->fd),
          internal::SocketEnd::Terms{.max_frame = max_frame,
                                     .keys = sealed ? &peer->handshake->keys() : nullptr})));
}

Listener::Listener(Options options)
    : state_(std::make_unique<State>(std::nullopt, std::move(options))) {}
Listener::Listener(Address address, Options options)
    : state_(std::make_unique<State>(std::move(address), std::move(options))) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;

Connection Listener::accept(Timeout timeout) { return value_or_raise(try_accept(timeout)); }

absl::StatusOr<Connection> Listener::try_accept(Timeout timeout) {
  if (state_ == nullptr || !state_->acceptor.has_value()) {
    return OSError("listener is closed").status();
  }
  return state_->accept(timeout);
}

void Listener::close() noexcept {
  if (state_ != nullptr) {
    state_->acceptor.reset();
    state_->file.remove();
  }
}

const Address& Listener::address() const noexcept { return state_->address; }

const std::optional<Address>& Listener::last_accepted() const noexcept {
  return state_->last_accepted;
}

int Listener::fileno() const {
  if (state_ == nullptr || !state_->acceptor.has_value()) {
    raise(OSError("listener is closed").status());
  }
  return state_->acceptor->fd();
}

}  // namespace mp

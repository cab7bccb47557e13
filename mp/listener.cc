#include "mp/listener.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/finalize.h"
#include "mp/internal/core/listener_core.h"
#include "mp/internal/core/socket_end.h"
#include "mp/internal/net/endpoint.h"
#include "mp/internal/net/handshake.h"
#include "mp/internal/net/secret.h"
#include "mp/logging.h"

namespace mp {

namespace {

void to_log(const std::string& what) { get_logger().info(absl::StrCat("mp: Listener: ", what)); }

}  // namespace

ListenerOptions::~ListenerOptions() { internal::wipe(authkey); }

struct Listener::State {
  State(const std::optional<Address>& where, const Options& options);

  internal::ListenerCore::Terms core_terms(const Options& options);

  uint64_t max_frame;
  bool authenticated;
  internal::HandshakeTerms terms;
  internal::ListenerCore core;
  // When the process ends, and this object does not.
  Finalize remove_file{[this] { core.remove_file(); }, 0};
};

internal::ListenerCore::Terms Listener::State::core_terms(const Options& options) {
  std::optional<size_t> key_size;
  if (authenticated) {
    key_size = options.authkey->size();
  }
  internal::raise_if_error(internal::check_key(key_size, options.allow_weak_key));
  internal::ListenerCore::Terms made{.family = options.family, .backlog = options.backlog};
  made.accept.handshake_ns = options.handshake_timeout.nanoseconds();
  made.accept.told = to_log;
  if (authenticated) {
    made.accept.handshake = [this] { return internal::make_server_handshake(terms); };
  }
  return made;
}

Listener::State::State(const std::optional<Address>& where, const Options& options)
    : max_frame(options.max_frame),
      authenticated(options.authkey.has_value()),
      core(where, core_terms(options)) {
  terms.service = options.service;
  terms.transport = core.address().is_local() ? internal::HandshakeTerms::Transport::kLocal
                                              : internal::HandshakeTerms::Transport::kInternet;
  if (authenticated) {
    terms.authkey = internal::Secret(*options.authkey);
  }
}

Listener::Listener(Options options) : state_(std::make_unique<State>(std::nullopt, options)) {}
Listener::Listener(Address address, Options options)
    : state_(std::make_unique<State>(std::move(address), options)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;

Connection Listener::accept(Timeout timeout) {
  absl::StatusOr<Connection> connection = try_accept(timeout);
  internal::raise_if_error(connection.status());
  return *std::move(connection);
}

absl::StatusOr<Connection> Listener::try_accept(Timeout timeout) {
  if (state_ == nullptr) {
    return OSError("listener is closed").status();
  }
  auto peer = state_->core.accept(timeout);
  if (!peer.ok()) {
    return peer.status();
  }
  // A local peer is this user's: nobody is between the two.
  bool sealed = state_->authenticated && !address().is_local();
  return internal::ConnectionMaker::make(
      internal::ConnectionCore(std::make_shared<internal::SocketEnd>(
          std::move(peer->fd),
          internal::SocketEnd::Terms{.max_frame = state_->max_frame,
                                     .keys = sealed ? &peer->handshake->keys() : nullptr})));
}

void Listener::close() noexcept {
  if (state_ != nullptr) {
    state_->core.close();
  }
}

const Address& Listener::address() const noexcept { return state_->core.address(); }

const std::optional<Address>& Listener::last_accepted() const noexcept {
  return state_->core.last_accepted();
}

int Listener::fileno() const {
  if (state_ == nullptr) {
    raise(OSError("listener is closed").status());
  }
  return state_->core.fileno();
}

}  // namespace mp

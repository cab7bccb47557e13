#include "mp/python/listener.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/finalize.h"
#include "mp/internal/core/listener_core.h"
#include "mp/internal/net/python_handshake.h"
#include "mp/internal/net/secret.h"
#include "mp/logging.h"
#include "mp/python/maker.h"

namespace mp::python {
namespace {

void to_log(const std::string& what) {
  get_logger().info(absl::StrCat("mp: python::Listener: ", what));
}

}  // namespace

ListenerOptions::~ListenerOptions() { internal::wipe(authkey); }

struct Listener::State {
  State(const std::optional<Address>& where, const Options& options)
      : max_frame(options.max_frame), core(where, core_terms(options)) {
    if (options.authkey.has_value()) {
      terms.authkey = internal::Secret(*options.authkey);
    }
    terms.md5 = options.md5;
  }

  internal::ListenerCore::Terms core_terms(const Options& options) {
    internal::ListenerCore::Terms made{.family = options.family, .backlog = options.backlog};
    made.accept.handshake_ns = options.handshake_timeout.nanoseconds();
    made.accept.told = to_log;
    if (options.authkey.has_value()) {
      made.accept.handshake = [this] { return internal::make_python_server_handshake(terms); };
    }
    return made;
  }

  uint64_t max_frame;
  internal::PythonTerms terms;
  internal::ListenerCore core;
  // When the process ends, and this object does not.
  Finalize remove_file{[this] { core.remove_file(); }, 0};
};

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
  return ConnectionMaker::make(std::move(peer->fd), state_->max_frame);
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

}  // namespace mp::python

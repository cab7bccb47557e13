#include "mp/internal/core/listener_core.h"

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/net/endpoint.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/os/stream.h"

namespace mp::internal {
namespace {

Address address_of(const SocketAddress& a) {
  return a.family() == AF_UNIX ? Address() : Address(host_of(a), port_of(a));
}

template <class T>
T value_or_raise(absl::StatusOr<T> result) {
  raise_if_error(result.status());
  return *std::move(result);
}

}  // namespace

ListenerCore::ListenerCore(const std::optional<Address>& where, Terms terms) {
  bool local =
      where.has_value() ? where->is_local() : terms.family.empty() || terms.family == "AF_UNIX";
  int family = value_or_raise(family_of(terms.family, local));
  SocketAddress at;
  if (local) {
    if (where.has_value()) {
      raise_if_error(check_path(where->path()));
      file_ = SocketFile(std::string(where->path()));
    } else {
      file_ = value_or_raise(SocketFile::fresh());
    }
    at = value_or_raise(unix_address(file_.path()));
    address_ = Address(file_.path());
  } else {
    std::string host = where.has_value() ? std::string(where->host()) : "localhost";
    uint16_t port = where.has_value() ? where->port() : 0;
    at = value_or_raise(internet_address(host, port, family));
    address_ = Address(host, port);
  }
  auto listening = listen_at(at, terms.backlog);
  if (!listening.ok()) {
    raise(os_error(errno_of(listening.status()), absl::StrCat("mp: Listener at ", repr(address_))));
  }
  if (local) {
    file_.made();
  } else {
    address_ = address_of(value_or_raise(own_address(listening->get())));
  }
  terms.accept.same_user = local;
  acceptor_.emplace(*std::move(listening), std::move(terms.accept));
}

absl::StatusOr<Acceptor::Accepted> ListenerCore::accept(Timeout timeout) {
  if (!acceptor_.has_value()) {
    return OSError("listener is closed").status();
  }
  auto peer = acceptor_->accept(Deadline::after(timeout));
  if (!peer.ok()) {
    raise_if_interrupted();
  } else {
    last_accepted_ = address_of(peer->peer);
  }
  return peer;
}

void ListenerCore::close() noexcept {
  acceptor_.reset();
  file_.remove();
}

int ListenerCore::fileno() const {
  if (!acceptor_.has_value()) {
    raise(OSError("listener is closed").status());
  }
  return acceptor_->fd();
}

absl::StatusOr<UniqueFd> connect_to(const Address& address, const std::string& family,
                                    Deadline deadline) {
  absl::StatusOr<int> number = family_of(family, address.is_local());
  if (!number.ok()) {
    return number.status();
  }
  absl::StatusOr<SocketAddress> at;
  UniqueFd file;
  if (address.is_local()) {
    if (absl::Status s = check_path(address.path()); !s.ok()) {
      return s;
    }
    absl::StatusOr<UniqueFd> found = open_socket_file(std::string(address.path()));
    if (!found.ok()) {
      return found.status();
    }
    file = *std::move(found);
    // What was looked at, whatever its name leads to by now.
    at = unix_address(path_of_descriptor(file.get()));
  } else {
    at = internet_address(std::string(address.host()), address.port(), *number);
  }
  if (!at.ok()) {
    return at.status();
  }
  absl::StatusOr<UniqueFd> fd = connect_stream(*at, deadline);
  if (!fd.ok()) {
    int err = errno_of(fd.status());
    return err == 0 ? fd.status() : os_error(err, absl::StrCat("mp: Client to ", repr(address)));
  }
  uint32_t user = 0;
  if (address.is_local() && (!peer_user(fd->get(), &user) || (user != geteuid() && user != 0))) {
    return AuthenticationError(
               absl::StrCat("mp: who listens at ", repr(address), " is another user"))
        .status();
  }
  return fd;
}

}  // namespace mp::internal

#include "mp/internal/net/endpoint.h"

#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp::internal {
namespace {

absl::Status no_family(std::string_view name) {
  return value_error(
      absl::StrCat("Family ", absl::string_view(name.data(), name.size()), " is not recognized."));
}

}  // namespace

absl::Status check_key(std::optional<size_t> size, bool allow_weak) {
  if (!size.has_value() || *size >= kLeastKey || allow_weak) {
    return absl::OkStatus();
  }
  return value_error(
      absl::StrCat("mp: the authkey has ", *size, " bytes; one of less than ", kLeastKey,
                   " can be guessed by who has seen a handshake. Use "
                   "mp::current_process().authkey() or 32 random bytes, or set allow_weak_key"));
}

absl::StatusOr<int> family_of(std::string_view name, bool local) {
  int family = name.empty()         ? (local ? AF_UNIX : AF_INET)
               : name == "AF_UNIX"  ? AF_UNIX
               : name == "AF_INET"  ? AF_INET
               : name == "AF_INET6" ? AF_INET6
                                    : AF_UNSPEC;
  if (family == AF_UNSPEC) {
    return no_family(name);
  }
  if ((family == AF_UNIX) != local) {
    return value_error(absl::StrCat("mp: the address is not one of the family ",
                                    absl::string_view(name.data(), name.size())));
  }
  return family;
}

absl::Status check_path(std::string_view path) {
  if (path.substr(0, 2) == "\\\\") {
    return no_family("AF_PIPE");
  }
  if (path.empty() || path.find('\0') != path.npos) {
    return value_error(
        "mp: the address of a local socket is the name of a file; sockets without one, in Linux's "
        "abstract namespace, are open to every user of the machine");
  }
  return absl::OkStatus();
}

}  // namespace mp::internal

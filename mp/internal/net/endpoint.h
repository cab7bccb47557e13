// mp/internal/net/endpoint.h
//
// What Listener and Client make of their arguments.

#ifndef MP_INTERNAL_NET_ENDPOINT_H_
#define MP_INTERNAL_NET_ENDPOINT_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mp::internal {

// Shorter ones can be guessed by trying.
inline constexpr size_t kLeastKey = 16;

// A ValueError for a key of so few bytes that it is too short, unless that is wanted. Nothing: there is none.
absl::Status check_key(std::optional<size_t> size, bool allow_weak);

// AF_UNIX, AF_INET or AF_INET6. `name` is what the user calls the family, "" if nothing; `local` what the address is. A
// ValueError if there is no such family here, or it is not the address's.
absl::StatusOr<int> family_of(std::string_view name, bool local);
// A ValueError for a path that is no name of a file: one of Windows, or of the abstract kind.
absl::Status check_path(std::string_view path);

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_ENDPOINT_H_

#include "mp/address.h"

#include <ostream>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "mp/internal/frame/python_text.h"

namespace mp {

std::string repr(const Address& address) {
  std::string out;
  if (address.is_local()) {
    internal::append_repr(out, address.path());
    return out;
  }
  out = "(";
  internal::append_repr(out, address.host());
  return absl::StrCat(out, ", ", address.port(), ")");
}

std::ostream& operator<<(std::ostream& out, const Address& address) {
  return address.is_local() ? out << address.path() : out << repr(address);
}

Encoder::Ref Codec<Address>::encode(Encoder& e, const Address& address) {
  return address.is_local() ? e.text(address.path())
                            : e.value(std::tuple(std::string(address.host()), int{address.port()}));
}

Address Codec<Address>::decode(const Reader& r) {
  if (r.is(internal::Form::kText)) {
    return Address(r.text("mp::Address"));
  }
  auto [host, port] = r.as<std::tuple<std::string, uint16_t>>();
  return Address(host, port);
}

}  // namespace mp

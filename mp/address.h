// mp/address.h
//
// Address: where a Listener is. Python: a str, or a tuple (host, port).
//
//   mp::Address local = "/run/user/1000/jobs";
//   mp::Address remote("example.org", 6000);
//
// Handles    A value.
// Safety     As a std::string.
// Ordering   None of its own.
// Blocking   Never: names of hosts are looked up by Listener and Client.
// Cost       A string and a number.
// Death      None.
// Crossing   Any way, also to other programs: as a str or a tuple.
// Python     The same two forms, and the same text.

#ifndef MP_ADDRESS_H_
#define MP_ADDRESS_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include "mp/codec.h"

namespace mp {

class Address {
 public:
  // Nowhere: what a local peer that connects has.
  Address() = default;
  // Of a local socket.
  Address(std::string path) : text_(std::move(path)) {}  // NOLINT: implicit
  Address(std::string_view path) : text_(path) {}        // NOLINT: implicit
  Address(const char* path) : text_(path) {}             // NOLINT: implicit
  Address(std::string_view host, uint16_t port) : text_(host), port_(port), is_local_(false) {}

  // "AF_UNIX" or "AF_INET". Python: address_type()
  std::string_view family() const noexcept { return is_local_ ? "AF_UNIX" : "AF_INET"; }
  bool is_local() const noexcept { return is_local_; }
  // Of a local one; else "".
  std::string_view path() const noexcept { return is_local_ ? text_ : std::string_view(); }
  // Of the others; else "" and 0.
  std::string_view host() const noexcept { return is_local_ ? std::string_view() : text_; }
  uint16_t port() const noexcept { return port_; }

  friend bool operator==(const Address&, const Address&) = default;

 private:
  std::string text_;
  uint16_t port_ = 0;
  bool is_local_ = true;
};

// '/tmp/socket' or ('127.0.0.1', 6000), as Python writes it.
std::string repr(const Address& address);
std::ostream& operator<<(std::ostream& out, const Address& address);

template <>
struct Codec<Address> {
  static Encoder::Ref encode(Encoder& e, const Address& address);
  static Address decode(const Reader& r);
};

}  // namespace mp

#endif  // MP_ADDRESS_H_

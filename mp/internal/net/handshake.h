// mp/internal/net/handshake.h
//
// Handshake: how two programs that share a key convince each other of it, as a machine that knows neither sockets nor clocks:
// bytes in, bytes out. It allocates nothing, and no length comes from the peer.
//
//   client -> server  "MPH1" version(1) flags(3) = 0 nonceC[32]              40 bytes
//   server -> client  "MPH1" version    flags        nonceS[32] macS[32]     72 bytes
//   client -> server  macC[32]                                               32 bytes, then frames
//
//   key(label) = HKDF-SHA256(authkey, salt = nonceC | nonceS, label)
//   T    = SHA256(the first 40 bytes of either side | transport | length of service, 8 bytes | service)
//   macS = HMAC(key("mp1 server auth"), "mp1 server" | T)
//   macC = HMAC(key("mp1 client auth"), "mp1 client" | T | macS)
//
// A key and a label for each role: what one side says is of no use to the other, so nothing can be reflected. Both nonces are in
// every key: nothing can be replayed. T has all that was said: nothing can be downgraded, or used for another service. The frames
// that follow have keys of their own: who only passes the handshake on cannot speak afterwards.

#ifndef MP_INTERNAL_NET_HANDSHAKE_H_
#define MP_INTERNAL_NET_HANDSHAKE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "mp/internal/net/seal.h"
#include "mp/internal/net/secret.h"

namespace mp::internal {

class Handshake {
 public:
  enum class State { kRunning, kDone, kFailed };

  virtual ~Handshake();
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  State state() const noexcept { return state_; }
  // Why it failed: for the log of this side, never for the peer.
  const char* reason() const noexcept { return reason_; }
  // The peer's first message has come whole.
  bool greeted() const noexcept { return greeted_; }

  // What is to be sent; it is sent before anything is read.
  std::span<const std::byte> output() const noexcept {
    return std::span(out_).subspan(out_sent_, out_size_ - out_sent_);
  }
  void sent(size_t count);
  // Where the peer's next bytes go: never more than it owes. Empty while there is output, and at the end.
  std::span<std::byte> room() noexcept;
  void received(size_t count);

  // After kDone: the keys of the frames.
  const SealKeys& keys() const noexcept { return keys_; }

 protected:
  static constexpr size_t kMostMessage = 512;

  Handshake() = default;
  // The next message is of `size` bytes; on_message() gets it.
  void expect(size_t size) noexcept {
    in_size_ = size;
    in_filled_ = 0;
  }
  void say(std::span<const std::byte> message);
  void greet() noexcept { greeted_ = true; }
  // Once the output is sent.
  void finish() noexcept { finishing_ = true; }
  void fail(const char* reason) noexcept;
  // Once the output is sent.
  void fail_once_sent(const char* reason) noexcept {
    reason_ = reason;
    finishing_ = failing_ = true;
  }
  virtual void on_message(std::span<const std::byte> message) = 0;

  SealKeys keys_;

 private:
  State state_ = State::kRunning;
  bool greeted_ = false;
  bool finishing_ = false;
  bool failing_ = false;  // when finishing_ ends
  const char* reason_ = "";
  size_t in_size_ = 0;
  size_t in_filled_ = 0;
  size_t out_size_ = 0;
  size_t out_sent_ = 0;
  std::array<std::byte, kMostMessage> in_;
  std::array<std::byte, kMostMessage> out_;
};

// Both sides must have the same.
struct HandshakeTerms {
  Secret authkey;
  std::string service;
  enum class Transport : uint8_t { kLocal = 1, kInternet = 2 } transport = Transport::kInternet;
};

// The terms must outlive it.
std::unique_ptr<Handshake> make_server_handshake(const HandshakeTerms& terms);
std::unique_ptr<Handshake> make_client_handshake(const HandshakeTerms& terms);

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_HANDSHAKE_H_

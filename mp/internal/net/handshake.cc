#include "mp/internal/net/handshake.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "mp/internal/base/check.h"
#include "mp/internal/net/crypto.h"
#include "mp/internal/net/seal.h"
#include "mp/internal/net/secret.h"

namespace mp::internal {
namespace {

constexpr size_t kNonceSize = 32;
constexpr size_t kHelloSize = 40;
// "MPH1", version 1, no flags.
constexpr std::array<std::byte, 8> kHello = {std::byte{'M'}, std::byte{'P'}, std::byte{'H'},
                                             std::byte{'1'}, std::byte{1}};

using Hello = std::array<std::byte, kHelloSize>;

std::span<const std::byte> bytes(std::string_view s) { return std::as_bytes(std::span(s)); }

Hello new_hello() {
  Hello hello;
  std::copy(kHello.begin(), kHello.end(), hello.begin());
  fill_random(std::span(hello).subspan(kHello.size()));
  return hello;
}

std::span<const std::byte> nonce_of(const Hello& hello) {
  return std::span(hello).subspan(kHello.size());
}

// What both sides compute from what was said.
class Transcript {
 public:
  Transcript(const HandshakeTerms& terms, const Hello& client, const Hello& server)
      : authkey_(terms.authkey.bytes()) {
    std::copy_n(nonce_of(client).begin(), kNonceSize, salt_.begin());
    std::copy_n(nonce_of(server).begin(), kNonceSize, salt_.begin() + kNonceSize);
    std::string said;
    auto add = [&](std::span<const std::byte> part) {
      said.append(reinterpret_cast<const char*>(part.data()), part.size());
    };
    add(client);
    add(server);
    said.push_back(static_cast<char>(terms.transport));
    for (int i = 0; i < 8; ++i) {
      said.push_back(static_cast<char>(terms.service.size() >> 8 * i));
    }
    said += terms.service;
    hash_ = sha256(bytes(said));
  }

  Digest server_mac() const {
    SecretKey key(*this, "mp1 server auth");
    return hmac_sha256(key.bytes, {bytes("mp1 server"), hash_});
  }
  Digest client_mac(std::span<const std::byte> server_mac) const {
    SecretKey key(*this, "mp1 client auth");
    return hmac_sha256(key.bytes, {bytes("mp1 client"), hash_, server_mac});
  }
  SealKey client_to_server() const { return derive("mp1 client frames"); }
  SealKey server_to_client() const { return derive("mp1 server frames"); }

 private:
  Digest derive(std::string_view label) const { return hkdf_sha256(authkey_, salt_, label); }
  struct SecretKey {
    SecretKey(const Transcript& t, std::string_view label) : bytes(t.derive(label)) {}
    ~SecretKey() { wipe(bytes); }
    Digest bytes;
  };

  std::span<const std::byte> authkey_;
  std::array<std::byte, 2 * kNonceSize> salt_;
  Digest hash_;
};

const char* check_hello(std::span<const std::byte> peer, const Hello& own) {
  if (!std::equal(kHello.begin(), kHello.end(), peer.begin())) {
    return "it speaks another protocol or version";
  }
  if (std::equal(own.begin(), own.end(), peer.begin())) {
    return "it sent our own nonce back";
  }
  return nullptr;
}

class Server final : public Handshake {
 public:
  explicit Server(const HandshakeTerms& terms) : terms_(terms) { expect(kHelloSize); }
  ~Server() override { wipe(expected_); }

 private:
  void on_message(std::span<const std::byte> message) override {
    if (!greeted()) {
      Hello client;
      std::copy(message.begin(), message.end(), client.begin());
      Hello server = new_hello();
      if (const char* why = check_hello(client, server)) {
        fail(why);
        return;
      }
      greet();
      transcript_.emplace(terms_, client, server);
      Digest mac = transcript_->server_mac();
      expected_ = transcript_->client_mac(mac);
      say(server);
      say(mac);
      expect(expected_.size());
    } else if (equal_digests(message, expected_)) {
      // Not before: who has proved nothing shall cost little.
      keys_ = {transcript_->server_to_client(), transcript_->client_to_server()};
      finish();
    } else {
      fail("digest received was wrong");
    }
  }

  const HandshakeTerms& terms_;
  std::optional<Transcript> transcript_;
  Digest expected_{};
};

class Client final : public Handshake {
 public:
  explicit Client(const HandshakeTerms& terms) : terms_(terms), hello_(new_hello()) {
    say(hello_);
    expect(kHelloSize + sizeof(Digest));
  }

 private:
  void on_message(std::span<const std::byte> message) override {
    if (const char* why = check_hello(message, hello_)) {
      fail(why);
      return;
    }
    greet();
    Hello server;
    std::copy_n(message.begin(), kHelloSize, server.begin());
    std::span<const std::byte> mac = message.subspan(kHelloSize);
    Transcript transcript(terms_, hello_, server);
    if (!equal_digests(mac, transcript.server_mac())) {
      fail("digest received was wrong");
      return;
    }
    keys_ = {transcript.client_to_server(), transcript.server_to_client()};
    say(transcript.client_mac(mac));
    finish();
  }

  const HandshakeTerms& terms_;
  const Hello hello_;
};

}  // namespace

Handshake::~Handshake() {
  wipe(keys_.send);
  wipe(keys_.receive);
}

void Handshake::sent(size_t count) {
  check(count <= output().size(), "more of a handshake was sent than there is");
  out_sent_ += count;
  if (out_sent_ == out_size_) {
    out_sent_ = out_size_ = 0;
    if (finishing_ && state_ == State::kRunning) {
      state_ = failing_ ? State::kFailed : State::kDone;
    }
  }
}

std::span<std::byte> Handshake::room() noexcept {
  bool reads = state_ == State::kRunning && out_size_ == 0 && !finishing_;
  return reads ? std::span(in_).subspan(in_filled_, in_size_ - in_filled_) : std::span<std::byte>();
}

void Handshake::received(size_t count) {
  check(count <= room().size(), "more of a handshake was received than it has room for");
  in_filled_ += count;
  if (count != 0 && in_filled_ == in_size_) {
    std::span<const std::byte> message = std::span(in_).first(in_size_);
    in_size_ = in_filled_ = 0;
    on_message(message);
    if (finishing_ && out_size_ == 0 && state_ == State::kRunning) {
      state_ = State::kDone;
    }
  }
}

void Handshake::say(std::span<const std::byte> message) {
  check(message.size() <= out_.size() - out_size_, "a message of a handshake is too long");
  std::memcpy(out_.data() + out_size_, message.data(), message.size());
  out_size_ += message.size();
}

void Handshake::fail(const char* reason) noexcept {
  state_ = State::kFailed;
  reason_ = reason;
}

std::unique_ptr<Handshake> make_server_handshake(const HandshakeTerms& terms) {
  return std::make_unique<Server>(terms);
}

std::unique_ptr<Handshake> make_client_handshake(const HandshakeTerms& terms) {
  return std::make_unique<Client>(terms);
}

}  // namespace mp::internal

#include "mp/challenge.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>

#include "mp/bytes.h"
#include "mp/errors.h"
#include "mp/internal/net/crypto.h"
#include "mp/internal/net/endpoint.h"
#include "mp/internal/net/seal.h"
#include "mp/internal/net/secret.h"

namespace mp {
namespace {

constexpr std::string_view kChallenge = "#CHALLENGE#mp1";
constexpr std::string_view kWelcome = "#WELCOME#";
constexpr std::string_view kFailure = "#FAILURE#";
constexpr uint64_t kMostMessage = 256;
constexpr size_t kHalf = 16;

using Nonce = std::array<std::byte, 2 * kHalf>;

std::span<const std::byte> bytes(std::string_view s) { return std::as_bytes(std::span(s)); }
std::string_view text(std::span<const std::byte> b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

// The second half of a nonce: this process recognises it, and nobody else can.
internal::Digest mark_of(std::span<const std::byte> random) {
  static const internal::Digest secret = [] {
    internal::Digest s;
    internal::fill_random(s);
    return s;
  }();
  // A forked child has the same secret, and is another.
  pid_t pid = getpid();
  return internal::hmac_sha256(secret, {std::as_bytes(std::span(&pid, 1)), random});
}

Nonce new_nonce() {
  Nonce nonce;
  std::span<std::byte> random = std::span(nonce).first(kHalf);
  internal::fill_random(random);
  std::copy_n(mark_of(random).begin(), kHalf, nonce.begin() + kHalf);
  return nonce;
}

bool is_own(std::span<const std::byte> nonce) {
  internal::Digest mark = mark_of(nonce.first(kHalf));
  return internal::equal_digests(nonce.subspan(kHalf), std::span(mark).first(kHalf));
}

internal::Digest answer_to(std::string_view authkey, std::span<const std::byte> challenge,
                           std::span<const std::byte> answerer) {
  std::string salt(text(challenge));
  salt += text(answerer);
  internal::Digest key = internal::hkdf_sha256(bytes(authkey), bytes(salt), "mp1 challenge answer");
  internal::Digest digest = internal::hmac_sha256(key, {bytes("mp1 answer"), bytes(salt)});
  internal::wipe(key);
  return digest;
}

void check_key(std::string_view authkey, ChallengeOptions options) {
  internal::raise_if_error(internal::check_key(authkey.size(), options.allow_weak_key));
}

[[noreturn]] void refuse(const char* why) { raise(AuthenticationError(why).status()); }

}  // namespace

void deliver_challenge(const Connection& connection, std::string_view authkey,
                       ChallengeOptions options) {
  check_key(authkey, options);
  Nonce nonce = new_nonce();
  connection.send_bytes(std::string(kChallenge) + std::string(text(nonce)));
  Bytes answer = connection.recv_bytes(kMostMessage);
  std::span<const std::byte> all(answer);
  bool right = all.size() == nonce.size() + sizeof(internal::Digest);
  if (right) {
    std::span<const std::byte> own = all.first(nonce.size());
    right = internal::equal_digests(all.subspan(nonce.size()), answer_to(authkey, nonce, own));
  }
  connection.send_bytes(right ? kWelcome : kFailure);
  if (!right) {
    refuse("digest received was wrong");
  }
}

void answer_challenge(const Connection& connection, std::string_view authkey,
                      ChallengeOptions options) {
  check_key(authkey, options);
  Bytes message = connection.recv_bytes(kMostMessage);
  std::span<const std::byte> all(message);
  if (all.size() != kChallenge.size() + sizeof(Nonce) ||
      message.view().substr(0, kChallenge.size()) != kChallenge) {
    refuse("mp: answer_challenge: what was received is no challenge");
  }
  std::span<const std::byte> challenge = all.subspan(kChallenge.size());
  if (is_own(challenge)) {
    refuse("mp: answer_challenge: the challenge is this process's own");
  }
  Nonce own = new_nonce();
  std::string answer(text(own));
  answer += text(answer_to(authkey, challenge, own));
  connection.send_bytes(answer);
  if (connection.recv_bytes(kMostMessage).view() != kWelcome) {
    refuse("digest sent was rejected");
  }
}

}  // namespace mp

// The handshake as bytes in, bytes out: honest peers, and those who cut, change, repeat, reflect and pass on.

#include "mp/internal/net/handshake.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>

#include "mp/internal/base/sanitizer.h"
#include "mp/internal/net/crypto.h"
#include "mp/internal/net/secret.h"

namespace mp::internal {
namespace {

using State = Handshake::State;
using Transport = HandshakeTerms::Transport;

HandshakeTerms terms(std::string_view key = "a key of more than 16 bytes", std::string service = "",
                     Transport transport = Transport::kInternet) {
  HandshakeTerms t;
  t.authkey = Secret(key);
  t.service = std::move(service);
  t.transport = transport;
  return t;
}

// What it has to say, said.
std::string take(Handshake& h) {
  std::string out(reinterpret_cast<const char*>(h.output().data()), h.output().size());
  h.sent(out.size());
  return out;
}
// Gives it `bytes`, `step` at a time, as far as it wants them; returns how many it took.
size_t give(Handshake& h, std::string_view bytes, size_t step = ~size_t{0}) {
  size_t taken = 0;
  while (taken < bytes.size()) {
    std::span<std::byte> room = h.room();
    size_t n = std::min({room.size(), bytes.size() - taken, step});
    if (n == 0) {
      break;
    }
    std::memcpy(room.data(), bytes.data() + taken, n);
    h.received(n);
    taken += n;
  }
  return taken;
}

struct Pair {
  explicit Pair(HandshakeTerms server = terms(), HandshakeTerms client = terms())
      : server_terms(std::move(server)),
        client_terms(std::move(client)),
        server(make_server_handshake(server_terms)),
        client(make_client_handshake(client_terms)) {}
  HandshakeTerms server_terms;
  HandshakeTerms client_terms;
  std::unique_ptr<Handshake> server;
  std::unique_ptr<Handshake> client;
};

TEST(Handshake, SucceedsWithOneKeyAndGivesBothTheSameKeys) {
  for (size_t step : {1, 7, 1000}) {
    for (const char* key : {"a key of more than 16 bytes", ""}) {
      Pair p(terms(key), terms(key));
      std::string hello = take(*p.client);
      EXPECT_EQ(hello.size(), 40u);
      EXPECT_EQ(give(*p.server, hello, step), 40u);
      EXPECT_TRUE(p.server->greeted());
      EXPECT_EQ(p.server->state(), State::kRunning);
      std::string answer = take(*p.server);
      EXPECT_EQ(answer.size(), 72u);
      EXPECT_EQ(give(*p.client, answer, step), 72u);
      std::string proof = take(*p.client);
      EXPECT_EQ(proof.size(), 32u);
      EXPECT_EQ(p.client->state(), State::kDone);
      EXPECT_EQ(give(*p.server, proof + "the first frame", step), 32u);
      EXPECT_EQ(p.server->state(), State::kDone);
      EXPECT_EQ(p.server->keys().send, p.client->keys().receive);
      EXPECT_EQ(p.server->keys().receive, p.client->keys().send);
      EXPECT_NE(p.server->keys().receive, p.server->keys().send);
    }
  }
}

TEST(Handshake, FailsWhenTheTermsDiffer) {
  struct Case {
    const char* what;
    HandshakeTerms client;
  };
  Case cases[] = {
      {"key", terms("another key of more than 16 bytes")},
      {"service", terms("a key of more than 16 bytes", "jobs")},
      {"transport", terms("a key of more than 16 bytes", "", Transport::kLocal)},
  };
  for (Case& c : cases) {
    Pair p(terms(), std::move(c.client));
    give(*p.server, take(*p.client));
    give(*p.client, take(*p.server));
    EXPECT_EQ(p.client->state(), State::kFailed) << c.what;
    EXPECT_STREQ(p.client->reason(), "digest received was wrong");
    EXPECT_TRUE(take(*p.client).empty()) << "says nothing to who does not know the key";
    // A client that goes on all the same.
    give(*p.server, std::string(32, 'x'));
    EXPECT_EQ(p.server->state(), State::kFailed) << c.what;
  }
}

// Whatever byte of whatever message is changed.
TEST(Handshake, NoBitOfItCanBeChanged) {
  for (int message = 0; message < 3; ++message) {
    const size_t sizes[] = {40, 72, 32};
    for (size_t bit = 0; bit < 8 * sizes[message]; ++bit) {
      Pair p;
      auto pass = [&](int number, std::string bytes) {
        if (number == message) {
          bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
        }
        return bytes;
      };
      give(*p.server, pass(0, take(*p.client)));
      if (p.server->state() == State::kFailed) {
        EXPECT_TRUE(take(*p.server).empty());
        continue;
      }
      give(*p.client, pass(1, take(*p.server)));
      give(*p.server, pass(2, take(*p.client)));
      EXPECT_NE(p.server->state(), State::kDone) << "message " << message << ", bit " << bit;
      EXPECT_TRUE(message == 2 || p.client->state() == State::kFailed)
          << "message " << message << ", bit " << bit;
    }
  }
}

TEST(Handshake, GarbageGetsNobodyIn) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    HandshakeTerms t = terms();
    auto server = make_server_handshake(t);
    std::string bytes(200, '\0');
    for (char& c : bytes) {
      c = static_cast<char>(random());
    }
    if (i % 2 == 0) {
      // A hello that is one.
      std::memcpy(bytes.data(), "MPH1\1\0\0\0", 8);
    }
    size_t taken = give(*server, bytes, 1 + i % 50);
    take(*server);
    taken += give(*server, bytes.substr(taken), 1 + i % 50);
    EXPECT_EQ(server->state(), State::kFailed);
    EXPECT_LE(taken, 72u) << "more was read than a stranger may say";
  }
}

// The reason is for this side's log; the peer hears nothing but the end of the connection.
TEST(Handshake, WhoIsRefusedIsNotToldWhy) {
  const std::string hello = "MPH1\1" + std::string(35, '\0');
  for (size_t right : {0u, 4u, 5u, 7u, 40u}) {
    HandshakeTerms t = terms();
    auto server = make_server_handshake(t);
    const std::string bytes = hello.substr(0, right) + std::string(72 - right, 'x');
    const size_t taken = give(*server, bytes);
    EXPECT_EQ(take(*server).size(), right == 40 ? 72u : 0u);  // its own greeting and proof
    give(*server, bytes.substr(taken));
    EXPECT_EQ(server->state(), State::kFailed) << right;
    EXPECT_STRNE(server->reason(), "");
    EXPECT_TRUE(take(*server).empty()) << right;
  }
}

// A handshake that succeeded, as one who listened has it.
struct Recording {
  std::string hello;
  std::string answer;
  std::string proof;
};
Recording record() {
  Pair p;
  Recording r;
  r.hello = take(*p.client);
  give(*p.server, r.hello);
  r.answer = take(*p.server);
  give(*p.client, r.answer);
  r.proof = take(*p.client);
  give(*p.server, r.proof);
  EXPECT_EQ(p.server->state(), State::kDone);
  return r;
}

// Each recording is played again and again, to servers in the place of the client and to clients in the place of the server.
TEST(Handshake, CannotBeReplayedAMillionTimes) {
  constexpr int kReplays = kAddressSanitizer || kThreadSanitizer ? 20'000 : 1'000'000;
  constexpr int kEach = 100;
  const HandshakeTerms t = terms();
  int accepted = 0;
  int repeated = 0;
  for (int i = 0; i < kReplays / kEach; ++i) {
    const Recording r = record();
    for (int k = 0; k < kEach / 2; ++k) {
      auto server = make_server_handshake(t);
      give(*server, r.hello);
      repeated += take(*server) == r.answer ? 1 : 0;
      give(*server, r.proof);
      accepted += server->state() == State::kFailed ? 0 : 1;
    }
    for (int k = 0; k < kEach / 2; ++k) {
      auto client = make_client_handshake(t);
      take(*client);
      give(*client, r.answer);
      accepted += client->state() == State::kFailed ? 0 : 1;
    }
  }
  EXPECT_EQ(accepted, 0);
  EXPECT_EQ(repeated, 0) << "a server has said again what it has said before";
}

// One side's words, given back to it or to another session of it.
TEST(Handshake, CannotBeReflected) {
  HandshakeTerms t = terms();
  // A client that talks to itself.
  auto client = make_client_handshake(t);
  std::string hello = take(*client);
  give(*client, hello + hello);
  EXPECT_EQ(client->state(), State::kFailed);
  EXPECT_STREQ(client->reason(), "it sent our own nonce back");
  // A server whose proof comes back as the client's.
  auto echoed = make_server_handshake(t);
  give(*echoed, std::string("MPH1\1\0\0\0", 8) + std::string(32, 'n'));
  give(*echoed, take(*echoed).substr(40));
  EXPECT_EQ(echoed->state(), State::kFailed);
  // Two sessions with a server: the second is to make the proof that the first wants.
  auto first = make_server_handshake(t);
  give(*first, std::string("MPH1\1\0\0\0", 8) + std::string(32, 'n'));
  std::string challenge = take(*first);
  auto second = make_server_handshake(t);
  give(*second, challenge.substr(0, 40));
  std::string answer = take(*second);
  give(*first, answer.substr(40));
  EXPECT_EQ(first->state(), State::kFailed);
  // Two clients, each for the other's server.
  auto left = make_client_handshake(t);
  auto right = make_client_handshake(t);
  std::string from_left = take(*left);
  std::string from_right = take(*right);
  give(*left, from_right + std::string(32, 'x'));
  give(*right, from_left + std::string(32, 'x'));
  EXPECT_EQ(left->state(), State::kFailed);
  EXPECT_EQ(right->state(), State::kFailed);
}

TEST(Handshake, AnotherVersionOrFlagIsNoHandshake) {
  for (size_t i = 0; i < 8; ++i) {
    HandshakeTerms t = terms();
    auto server = make_server_handshake(t);
    std::string hello("MPH1\1\0\0\0", 8);
    hello[i] = static_cast<char>(hello[i] ^ 2);
    give(*server, hello + std::string(32, 'n'));
    EXPECT_EQ(server->state(), State::kFailed);
    EXPECT_TRUE(take(*server).empty());
  }
}

// RFC 5869, test case 1, the first 32 bytes.
TEST(Crypto, HkdfIsThatOfTheRfc) {
  std::string key(22, '\x0b');
  std::string salt;
  for (int i = 0; i <= 12; ++i) {
    salt.push_back(static_cast<char>(i));
  }
  std::string info;
  for (int i = 0xf0; i <= 0xf9; ++i) {
    info.push_back(static_cast<char>(i));
  }
  const unsigned char expected[] = {0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a,
                                    0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36, 0x2f, 0x2a,
                                    0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c,
                                    0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf};
  Digest out = hkdf_sha256(std::as_bytes(std::span(key)), std::as_bytes(std::span(salt)), info);
  EXPECT_EQ(std::memcmp(out.data(), expected, sizeof expected), 0);
}

// RFC 4231, test case 2.
TEST(Crypto, HmacIsThatOfTheRfc) {
  std::string_view key = "Jefe";
  auto bytes = [](std::string_view s) { return std::as_bytes(std::span(s)); };
  Digest out = hmac_sha256(bytes(key), {bytes("what do ya want "), bytes("for nothing?")});
  EXPECT_EQ(out[0], std::byte{0x5b});
  EXPECT_EQ(out[31], std::byte{0x43});
}

}  // namespace
}  // namespace mp::internal

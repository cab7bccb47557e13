// Any bytes, cut anyhow, as a peer that does CPython's handshake: nobody gets in without the key or with a byte changed, everybody
// else does, and a challenge is answered if and only if it is one.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "mp/internal/net/python_handshake.h"
#include "mp/internal/net/secret.h"
#include "tools/fuzz/pieces.h"

namespace {

using mp::internal::Handshake;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

bool done(const Handshake& h) { return h.state() == Handshake::State::kDone; }

std::string frame(std::string_view message) {
  std::string out(4, '\0');
  out[2] = static_cast<char>(message.size() >> 8);
  out[3] = static_cast<char>(message.size());
  return out + std::string(message);
}

// Whether a client has an answer to this.
bool answerable(std::string_view message, bool md5) {
  constexpr std::string_view kChallenge = "#CHALLENGE#";
  if (message.size() > 256 || !message.starts_with(kChallenge)) {
    return false;
  }
  message.remove_prefix(kChallenge.size());
  if (message.size() <= 20) {
    return message.size() == 20 && md5;
  }
  for (std::string_view name : {"{sha256}", "{sha384}", "{sha3_256}", "{sha3_384}"}) {
    if (message.starts_with(name)) {
      return true;
    }
  }
  return md5 && message.starts_with("{md5}");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mp::testing::Input input(data, size);
  uint8_t mode = input.byte();
  const mp::internal::PythonTerms terms{.authkey = mp::internal::Secret("secret"),
                                        .md5 = mode / 4 % 2 == 1};
  mp::testing::Pieces pieces(input);
  auto server = mp::internal::make_python_server_handshake(terms);
  auto client = mp::internal::make_python_client_handshake(terms);
  switch (mode % 4) {
    case 0:
    case 1: {  // a stranger
      Handshake& h = mode % 4 == 0 ? *server : *client;
      std::string_view stream = input.rest();
      for (int i = 0; i < 8; ++i) {
        mp::testing::said(h);
        mp::testing::hear(h, stream, pieces);
      }
      require(!done(h));
      require(h.state() != Handshake::State::kFailed || (h.room().empty() && *h.reason() != 0));
      break;
    }
    case 2: {  // an honest peer, and a byte changed between the two
      bool to_server = input.byte() % 2 == 1;
      uint8_t bits = input.byte();
      size_t at = input.byte();
      bool changed = mp::testing::converse(*server, *client, to_server, at, bits, pieces);
      require((done(*server) && done(*client)) == !changed);
      break;
    }
    case 3: {  // one message, with a length that is right
      std::string_view message = input.rest().substr(0, 300);
      std::string bytes = frame(message);
      std::string_view stream = bytes;
      mp::testing::hear(*client, stream, pieces);
      require((client->state() == Handshake::State::kRunning) == answerable(message, terms.md5));
      require(client->output().empty() == !answerable(message, terms.md5));
      mp::testing::said(*server);
      stream = bytes;
      mp::testing::hear(*server, stream, pieces);
      require(message.size() <= 256 ? mp::testing::said(*server) == frame("#FAILURE#")
                                    : mp::testing::said(*server).empty());
      require(server->state() == Handshake::State::kFailed);
      break;
    }
  }
  return 0;
}

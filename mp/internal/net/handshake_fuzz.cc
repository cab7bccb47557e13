// Any bytes, cut anyhow, as a peer that does mp's handshake: nobody gets in without the key, with what was heard before, or with
// a byte changed; and everybody else does.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "mp/internal/net/handshake.h"
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const mp::internal::HandshakeTerms kTerms{
      .authkey = mp::internal::Secret("a key of 16 bytes and more"), .service = {}};
  mp::testing::Input input(data, size);
  uint8_t mode = input.byte();
  mp::testing::Pieces pieces(input);
  auto server = mp::internal::make_server_handshake(kTerms);
  auto client = mp::internal::make_client_handshake(kTerms);
  switch (mode % 4) {
    case 0:
    case 1: {  // a stranger
      Handshake& h = mode % 4 == 0 ? *server : *client;
      std::string_view stream = input.rest();
      for (int i = 0; i < 4; ++i) {
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
      require(changed || (server->keys().send == client->keys().receive &&
                          server->keys().receive == client->keys().send));
      break;
    }
    case 3: {  // a mirror, that may change the first bytes
      Handshake& h = input.byte() % 2 == 0 ? *server : *client;
      std::string own(input.rest());
      for (int i = 0; i < 4; ++i) {
        std::string more = mp::testing::said(h);
        own += more;
        std::string_view stream = own;
        mp::testing::hear(h, stream, pieces);
        own = stream;
      }
      require(!done(h));
      break;
    }
  }
  return 0;
}

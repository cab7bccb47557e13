// tools/fuzz/pieces.h
//
// Pieces: cuts a stream as a fuzzer's input says, so that the machines that read streams meet every way in which bytes arrive.

#ifndef TOOLS_FUZZ_PIECES_H_
#define TOOLS_FUZZ_PIECES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace mp::testing {

// A fuzzer's input, read from its beginning.
class Input {
 public:
  Input(const uint8_t* data, size_t size)
      : left_(reinterpret_cast<const char*>(data), data == nullptr ? 0 : size) {}
  // 0 at the end.
  uint8_t byte() {
    if (left_.empty()) {
      return 0;
    }
    auto b = static_cast<uint8_t>(left_[0]);
    left_.remove_prefix(1);
    return b;
  }
  uint16_t number() { return static_cast<uint16_t>(byte() << 8 | byte()); }
  std::string_view rest() { return left_; }

 private:
  std::string_view left_;
};

class Pieces {
 public:
  // Two numbers decide how long the pieces are, from one byte on.
  explicit Pieces(Input& input) : sizes_{input.byte(), input.byte()} {}

  // Moves the beginning of `stream` to `room`, which is not empty: how much.
  size_t move(std::string_view& stream, std::span<std::byte> room) {
    size_t size = sizes_[turn_++ % 2];
    // Long ones, too.
    size = size < 128 ? 1 + size : (size - 127) * 1024;
    size = std::min({size, stream.size(), room.size()});
    std::memcpy(room.data(), stream.data(), size);
    stream.remove_prefix(size);
    return size;
  }

 private:
  uint8_t sizes_[2];
  size_t turn_ = 0;
};

// Gives a handshake what it takes of `stream`.
template <class Handshake>
void hear(Handshake& handshake, std::string_view& stream, Pieces& pieces) {
  while (!stream.empty() && !handshake.room().empty()) {
    handshake.received(pieces.move(stream, handshake.room()));
  }
}

// What it says, which is sent in pieces as well.
template <class Handshake>
std::string said(Handshake& handshake) {
  std::string all;
  while (!handshake.output().empty()) {
    auto out = handshake.output();
    size_t size = (out.size() + 1) / 2;
    all.append(reinterpret_cast<const char*>(out.data()), size);
    handshake.sent(size);
  }
  return all;
}

// Lets both speak to the end. Of what was said in each direction, in order, the byte `at` is changed by `bits`, unless these are
// 0; whether it was said.
template <class Handshake>
bool converse(Handshake& server, Handshake& client, bool to_server, size_t at, uint8_t bits,
              Pieces& pieces) {
  size_t count[2] = {};
  bool changed = false;
  for (int turn = 0; turn < 12; ++turn) {
    bool from_client = turn % 2 == 1;
    std::string text = said(from_client ? client : server);
    size_t& before = count[from_client];
    if (from_client == to_server && bits != 0 && at >= before && at - before < text.size()) {
      text[at - before] = static_cast<char>(text[at - before] ^ bits);
      changed = true;
    }
    before += text.size();
    std::string_view left = text;
    hear(from_client ? server : client, left, pieces);
  }
  return changed;
}

}  // namespace mp::testing

#endif  // TOOLS_FUZZ_PIECES_H_

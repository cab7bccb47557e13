// Any bytes, cut anyhow, as messages of CPython's protocol: what comes out is what a reader of the whole stream finds, and no
// memory is taken for what has only been announced.

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "mp/internal/net/framing.h"
#include "mp/internal/net/python_framing.h"
#include "tools/fuzz/pieces.h"

namespace {

using mp::internal::FrameBuffer;
using mp::internal::Framing;
using mp::internal::Incoming;

uint64_t big_endian(std::string_view bytes) {
  uint64_t v = 0;
  for (char c : bytes) {
    v = v * 256 + static_cast<uint8_t>(c);
  }
  return v;
}

struct Read {
  enum { kPart, kBad, kWhole } result = kPart;
  std::string_view payload;
};

// The next message, taken off the stream if it is whole.
Read read_message(std::string_view& stream, uint64_t most) {
  if (stream.size() < 4) {
    return {};
  }
  size_t head = 4;
  uint64_t length = big_endian(stream.substr(0, 4));
  if (length == 0xffffffff) {
    if (stream.size() < 12) {
      return {};
    }
    head = 12;
    length = big_endian(stream.substr(4, 8));
  } else if (length >= 0x80000000) {
    return {Read::kBad, {}};
  }
  if (length > most) {
    return {Read::kBad, {}};
  }
  if (stream.size() - head < length) {
    return {};
  }
  Read r{Read::kWhole, stream.substr(head, length)};
  stream.remove_prefix(head + length);
  return r;
}

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mp::testing::Input input(data, size);
  static constexpr uint64_t kMost[] = {0, 16, 1000, 1 << 20, uint64_t{1} << 40, ~uint64_t{0} - 100};
  uint64_t most = kMost[input.byte() % 6];
  mp::testing::Pieces pieces(input);
  std::string_view stream = input.rest(), expected = stream;
  for (;;) {
    // The memory of the message before.
    FrameBuffer::borrow();
    Incoming message;
    size_t taken = 0;
    absl::Status s = message.begin({&Framing::of(Framing::Id::kPython), most, nullptr, 0});
    while (s.ok() && !message.whole() && !stream.empty()) {
      require(!message.room().empty() && message.room().size() <= Incoming::kFirstRoom + taken);
      size_t count = pieces.move(stream, message.room());
      taken += count;
      s = message.received(count);
    }
    Read read = read_message(expected, most);
    require(s.ok() == (read.result != Read::kBad));
    require((s.ok() && message.whole()) == (read.result == Read::kWhole));
    if (read.result != Read::kWhole) {
      return 0;
    }
    std::string_view payload(reinterpret_cast<const char*>(message.payload().data()),
                             message.payload().size());
    require(payload == read.payload && stream.size() == expected.size());
  }
}

// Any bytes as an envelope from outside of the family, and what it carries as a value.

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "mp/internal/frame/decode_as.h"
#include "mp/internal/frame/envelope.h"
#include "mp/internal/frame/verify.h"
#include "tools/fuzz/aligned.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mp::testing::Aligned frame(data, size);
  auto envelope = mp::internal::decode_envelope(frame.bytes());
  if (!envelope.ok()) {
    return 0;
  }
  const std::byte* end = frame.bytes().data() + size;
  if (envelope->payload.data() != nullptr &&
      (envelope->payload.data() < frame.bytes().data() ||
       envelope->payload.data() + envelope->payload.size() > end)) {
    std::abort();
  }
  mp::testing::Aligned payload(envelope->payload);
  if (mp::internal::verify(payload.bytes()).ok()) {
    mp::testing::decode_as_everything(payload.bytes());
  }
  std::vector<std::byte> again = mp::internal::encode_envelope(*envelope);
  mp::testing::Aligned copy(again);
  auto same = mp::internal::decode_envelope(copy.bytes());
  if (!same.ok() || same->content != envelope->content || same->request != envelope->request ||
      same->payload.size() != envelope->payload.size()) {
    std::abort();
  }
  return 0;
}

// Any bytes as a value from outside of the family: refused, or a value of every type or that type's exception. What is an
// Object prints, and comes back equal from a round trip.

#include <cstdint>
#include <cstdlib>
#include <string>

#include "mp/errors.h"
#include "mp/internal/frame/decode_as.h"
#include "mp/internal/frame/message.h"
#include "mp/internal/frame/verify.h"
#include "mp/object.h"
#include "tools/fuzz/aligned.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  mp::testing::Aligned message(data, size);
  // As another family's, and as a bug of our own would make it.
  if (!mp::internal::verify(message.bytes(), true).ok() &&
      !mp::internal::verify(message.bytes(), false).ok()) {
    return 0;
  }
  mp::testing::decode_as_everything(message.bytes());
  try {
    auto object = mp::internal::decode_message<mp::Object>(message.bytes());
    const std::string text = mp::repr(object);
    mp::Encoder encoder;
    mp::internal::encode_message(encoder, object);
    mp::testing::Aligned again(encoder.message());
    if (!mp::internal::verify(again.bytes(), false).ok() ||
        mp::repr(mp::internal::decode_message<mp::Object>(again.bytes())) != text) {
      std::abort();
    }
  } catch (const mp::Error&) {
  }
  return 0;
}

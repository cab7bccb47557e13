// mp/internal/frame/message.h
//
// Whole messages, of any type that can cross.

#ifndef MP_INTERNAL_FRAME_MESSAGE_H_
#define MP_INTERNAL_FRAME_MESSAGE_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "mp/internal/frame/codec_base.h"
#include "mp/internal/frame/codec_function.h"
#include "mp/internal/frame/codec_ranges.h"
#include "mp/internal/frame/codec_time.h"
#include "mp/internal/frame/codec_values.h"
#include "mp/internal/frame/fast.h"

namespace mp::internal {

// Builds v's message in `encoder`. What cannot be sent does not compile, for that reason alone.
template <class T>
void encode_message(Encoder& encoder, const T& v) {
  static_assert(require_sendable<T>());
  if constexpr (Sendable<T>) {
    Encoder::Building building(encoder);
    encoder.finish(encoder.value<T>(v));
  }
}

// The value of a message, which must be 8-aligned. Raises TypeError or ValueError when it is no T's, CodecError when it is no
// message.
template <class T>
T decode_message(std::span<const std::byte> message, FdSource* fds = nullptr) {
  static_assert(require_shippable<T>());
  if constexpr (!Shippable<T>) {
    __builtin_unreachable();
  } else if constexpr (FastText<T>) {
    std::string_view text;
    if (read_text(message, &text)) [[likely]] {
      return T(text.data(), text.size());
    }
  } else if constexpr (FastScalars<T> && !FixedSize<T>) {
    std::span<const range_value<T>> numbers;
    if (read_numbers(message, &numbers)) [[likely]] {
      return T(numbers.data(), numbers.data() + numbers.size());
    }
  } else if constexpr (FastCodec<T>) {
    T v{};
    if (fast_read(message, v)) [[likely]] {
      return v;
    }
  }
  if constexpr (Shippable<T>) {
    return Codec<T>::decode(Reader::open(message, fds));
  }
}

// The same, into a value whose memory is used again.
template <class T>
void decode_message_into(T& v, std::span<const std::byte> message, FdSource* fds = nullptr) {
  static_assert(require_shippable<T>());
  if constexpr (FastCodec<T>) {
    if (fast_read(message, v)) [[likely]] {
      return;
    }
  }
  v = Codec<T>::decode(Reader::open(message, fds));
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_MESSAGE_H_

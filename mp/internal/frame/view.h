// mp/internal/frame/view.h
//
// Messages that can be looked at where they lie: those that are one piece of memory.

#ifndef MP_INTERNAL_FRAME_VIEW_H_
#define MP_INTERNAL_FRAME_VIEW_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "mp/errors.h"
#include "mp/internal/frame/fast.h"
#include "mp/internal/frame/message.h"

namespace mp::internal {

template <class T>
concept ViewableMessage = FastText<T> || FastScalars<T>;

template <class T>
struct ViewOf {
  using type = std::span<const range_value<T>>;
};
template <FastText T>
struct ViewOf<T> {
  using type = std::string_view;
};

// Where the content of the current message of a view lies.
template <class T>
typename ViewOf<T>::type view_message(std::span<const std::byte> message) {
  typename ViewOf<T>::type view;
  bool found;
  if constexpr (FastText<T>) {
    found = read_text(message, &view);
  } else {
    found = read_numbers(message, &view);
  }
  if (!found) {
    // What it is instead, this says.
    decode_message<T>(message);
    raise(CodecError("mp: the message is made in a way that cannot be viewed: take it with get()")
              .status());
  }
  return view;
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_VIEW_H_

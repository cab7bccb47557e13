// mp/dummy/message_view.h
//
// MessageView: mp::MessageView between the threads of one process.
//
//   mp::dummy::MessageView<mp::Bytes> frame = frames.get_view();
//   encode(frame.bytes());
//
// Handles    Move-only; it owns the message.
// Safety     One thread at a time for the view; reading the bytes, any.
// Ordering   What the producer did before put() is visible.
// Blocking   Never.
// Cost       None: the message was moved here.
// Death      None of processes.
// Crossing   Does not.
// Python     No such thing.

#ifndef MP_DUMMY_MESSAGE_VIEW_H_
#define MP_DUMMY_MESSAGE_VIEW_H_

#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "mp/internal/frame/view.h"

namespace mp::dummy {

// T is a string, mp::Bytes or a vector of numbers.
template <class T>
class MessageView {
 public:
  static_assert(
      internal::ViewableMessage<T>,
      "a view needs a message that is one piece of memory: a string, mp::Bytes or a vector "
      "of numbers; of others take get_lease() or get()");
  using value_type = typename internal::ViewOf<T>::type;

  MessageView(MessageView&& other) noexcept
      : message_(std::move(other.message_)), view_(std::exchange(other.view_, {})) {}
  MessageView& operator=(MessageView&& other) noexcept {
    message_ = std::move(other.message_);
    view_ = std::exchange(other.view_, {});
    return *this;
  }

  const value_type& value() const noexcept { return view_; }
  const value_type& operator*() const noexcept { return view_; }
  const value_type* operator->() const noexcept { return &view_; }
  std::span<const std::byte> bytes() const noexcept {
    return std::as_bytes(std::span(view_.data(), view_.size()));
  }

 private:
  template <class U>
  friend class Queue;
  friend class Connection;
  explicit MessageView(T message)
      : message_(std::make_unique<const T>(std::move(message))),
        view_(message_->data(), message_->size()) {}

  std::unique_ptr<const T> message_;
  value_type view_;
};

}  // namespace mp::dummy

#endif  // MP_DUMMY_MESSAGE_VIEW_H_

// mp/message_view.h
//
// MessageView: a message that was taken out of a queue, or a pipe, and is read where it lies in shared
// memory.
//
//   mp::MessageView<mp::Bytes> frame = frames.get_view();
//   encode(frame.bytes());                                // no copy of the 8 MiB was made
//
// Handles    Move-only; the memory is the queue's again when it goes. Of a connection that is a socket it is a
//            copy, the view's own.
// Safety     One thread at a time for the view; reading the bytes, any.
// Ordering   What the producer did before put() is visible.
// Blocking   Its end may wait for the queue's consumers' lock, which is held for moments.
// Cost       From 64 KiB on none that depends on the size; below it one copy within shared memory.
//            As long as it lives the message counts against the family's memory, and what came behind
//            it in its segment of up to 1 MiB.
// Death      Taken is taken: if this process dies the message is gone and its memory the queue's.
// Crossing   Does not.
// Python     No such thing; recv_bytes_into comes nearest.

#ifndef MP_MESSAGE_VIEW_H_
#define MP_MESSAGE_VIEW_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mp/codec.h"
#include "mp/internal/core/queue_core.h"
#include "mp/internal/frame/view.h"

namespace mp {

// T is a string, mp::Bytes or a vector of numbers.
template <class T>
class MessageView {
 public:
  static_assert(
      internal::ViewableMessage<T>,
      "a view needs a message that is one piece of memory: a string, mp::Bytes or a vector "
      "of numbers; of others take get_lease() or get()");
  // A std::string_view, or a std::span of const numbers or std::bytes.
  using value_type = typename internal::ViewOf<T>::type;

  MessageView(MessageView&& other) noexcept
      : leased_(std::move(other.leased_)),
        own_(std::move(other.own_)),
        view_(std::exchange(other.view_, {})) {}
  MessageView& operator=(MessageView&& other) noexcept {
    leased_ = std::move(other.leased_);
    own_ = std::move(other.own_);
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
  MessageView(internal::QueueCore::Leased leased, value_type view)
      : leased_(std::move(leased)), view_(view) {}
  explicit MessageView(T value)
      : own_(std::make_shared<const T>(std::move(value))), view_(own_->data(), own_->size()) {}

  internal::QueueCore::Leased leased_;
  std::shared_ptr<const T> own_;  // where there is no memory to be shared
  value_type view_;
};

}  // namespace mp

#endif  // MP_MESSAGE_VIEW_H_

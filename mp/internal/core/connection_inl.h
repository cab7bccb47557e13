// mp/internal/core/connection_inl.h
//
// The typed half of mp::Connection: encode, send; receive, decode.

#ifndef MP_INTERNAL_CORE_CONNECTION_INL_H_
#define MP_INTERNAL_CORE_CONNECTION_INL_H_

#include <cstddef>
#include <utility>

#include "mp/connection.h"
#include "mp/internal/frame/view.h"

namespace mp {

template <class T>
void Connection::send(const T& value) const {
  Encoder& encoder = Encoder::local();
  if (core_.is_socket()) [[unlikely]] {
    core_.check_handle();
    internal::encode_message(encoder, value);
    core_.socket().send_value(encoder);
    return;
  }
  internal::QueueCore::Put put;
  if constexpr (internal::FastCodec<T>) {
    core_.open(put);
    if (std::byte* out = put.add(internal::fast_size(value))) {
      internal::fast_write(value, out);
      put.publish();
      return;
    }
  } else {
    internal::encode_message(encoder, value);
    core_.open(put);
    if (put.add(internal::Encoded{encoder.message(), encoder.handles(), encoder.fds()})) {
      put.publish();
      return;
    }
  }
  core_.raise_send(put.status());
}

template <class T>
T Connection::recv() const {
  if (core_.is_socket()) [[unlikely]] {
    core_.check_readable();
    internal::Incoming message;
    core_.socket().receive_value(message);
    return internal::decode_message<T>(message.payload());
  }
  internal::Received received;
  internal::QueueCore::Get get;
  core_.open(get);
  if constexpr (internal::FastCodec<T>) {
    try {
      core_.check_encoded(get);
      T value = internal::decode_message<T>(get.message());
      get.commit();
      return value;
    } catch (const Error&) {
      get.commit();
      throw;
    }
  } else {
    bool raw = get.raw();
    get.receive(received);
    core_.check_encoded(raw);
    received.fetch_fds();
    return internal::decode_message<T>(received.bytes(), &received);
  }
}

template <class T>
MessageView<T> Connection::recv_view() const {
  if (core_.is_socket()) [[unlikely]] {
    return MessageView<T>(recv<T>());
  }
  internal::QueueCore::Leased leased;
  core_.view(leased);
  core_.check_encoded(leased.raw());
  auto view = internal::view_message<T>(leased.bytes());
  return MessageView<T>(std::move(leased), view);
}

}  // namespace mp

#endif  // MP_INTERNAL_CORE_CONNECTION_INL_H_

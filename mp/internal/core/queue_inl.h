// mp/internal/core/queue_inl.h
//
// The typed half of mp::Queue: encode, put; get, decode.

#ifndef MP_INTERNAL_CORE_QUEUE_INL_H_
#define MP_INTERNAL_CORE_QUEUE_INL_H_

#include "mp/internal/frame/view.h"
#include "mp/queue.h"

namespace mp::internal {

// Adds one value to an open Put. False: see put.status().
template <class T>
bool add_value(QueueCore::Put& put, const T& value) {
  if constexpr (FastCodec<T>) {
    std::byte* out = put.add(fast_size(value));
    if (out == nullptr) {
      return false;
    }
    fast_write(value, out);
    return true;
  } else {
    Encoder& encoder = Encoder::local();
    encode_message(encoder, value);
    return put.add(Encoded{encoder.message(), encoder.handles(), encoder.fds()});
  }
}

// The current message as a T. A message that is no T is taken off by the caller, which sees the
// exception pass.
template <class T>
T read_value(QueueCore::Get& get) {
  return decode_message<T>(get.message());
}

// The same, as values[i], in the memory of what stands there.
template <class T>
void read_value(QueueCore::Get& get, std::vector<T>& values, size_t i) {
  if constexpr (!std::is_same_v<T, bool>) {
    if (i < values.size()) {
      return decode_message_into(values[i], get.message());
    }
  } else if (i < values.size()) {
    values[i] = read_value<T>(get);
    return;
  }
  values.push_back(read_value<T>(get));
}

}  // namespace mp::internal

namespace mp {

template <class T>
absl::Status Queue<T>::try_put(const T& value, Timeout timeout) const {
  if (absl::Status s = core_.check_open(); !s.ok()) [[unlikely]] {
    return s;
  }
  internal::Deadline deadline = internal::Deadline::after(timeout);
  if constexpr (!internal::FastCodec<T>) {
    // Encoded before the lock is taken: a Codec is the user's code.
    Encoder& encoder = Encoder::local();
    internal::encode_message(encoder, value);
    internal::Encoded message{encoder.message(), encoder.handles(), encoder.fds()};
    internal::QueueCore::Put put;
    if (absl::Status s = put.open(core_, deadline); !s.ok()) {
      return core_.explain(s, true);
    }
    if (!put.add(message)) {
      return core_.explain(put.status(), true);
    }
    put.publish();
  } else {
    internal::QueueCore::Put put;
    if (absl::Status s = put.open(core_, deadline); !s.ok()) [[unlikely]] {
      return core_.explain(s, true);
    }
    if (!internal::add_value(put, value)) [[unlikely]] {
      return core_.explain(put.status(), true);
    }
    put.publish();
  }
  return absl::OkStatus();
}

template <class T>
absl::StatusOr<T> Queue<T>::try_get(Timeout timeout) const {
  if (absl::Status s = core_.check_open(); !s.ok()) [[unlikely]] {
    return s;
  }
  internal::Received received;
  internal::QueueCore::Get get;
  if (absl::Status s = get.open(core_, internal::Deadline::after(timeout)); !s.ok()) {
    return core_.explain(s, false);
  }
  if constexpr (internal::FastCodec<T>) {
    try {
      T value = internal::read_value<T>(get);
      get.commit();
      return value;
    } catch (const Error& e) {
      get.commit();
      return e.status();
    }
  } else {
    // Decoded after the lock is given back: a Codec is the user's code.
    get.receive(received);
    try {
      received.fetch_fds();
      return internal::decode_message<T>(received.bytes(), &received);
    } catch (const Error& e) {
      return e.status();
    }
  }
}

template <class T>
absl::StatusOr<Lease<T>> Queue<T>::try_get_lease(Timeout timeout) const {
  if (absl::Status s = core_.check_open(); !s.ok()) [[unlikely]] {
    return s;
  }
  internal::QueueCore::Leased leased;
  try {
    if (absl::Status s = core_.lease(leased, false, internal::Deadline::after(timeout)); !s.ok()) {
      return core_.explain(s, false);
    }
  } catch (const Error& e) {
    // Its descriptors could not be had: it comes back.
    return e.status();
  }
  try {
    T value = internal::decode_message<T>(leased.bytes(), leased.received());
    return Lease<T>(std::move(leased), std::move(value));
  } catch (const Error& e) {
    leased.acknowledge();
    return e.status();
  }
}

template <class T>
absl::StatusOr<MessageView<T>> Queue<T>::try_get_view(Timeout timeout) const {
  if (absl::Status s = core_.check_open(); !s.ok()) [[unlikely]] {
    return s;
  }
  internal::QueueCore::Leased leased;
  if (absl::Status s = core_.lease(leased, true, internal::Deadline::after(timeout)); !s.ok()) {
    return core_.explain(s, false);
  }
  try {
    auto view = internal::view_message<T>(leased.bytes());
    return MessageView<T>(std::move(leased), view);
  } catch (const Error& e) {
    return e.status();
  }
}

template <class T>
template <class Range>
void Queue<T>::put_many(const Range& values, Timeout timeout) const {
  internal::raise_if_error(core_.check_open());
  internal::Deadline deadline = internal::Deadline::after(timeout);
  auto at = std::begin(values);
  auto end = std::end(values);
  uint64_t n = 0;
  if constexpr (!internal::FastCodec<T>) {
    for (; at != end; ++at, ++n) {
      Timeout left = timeout.is_forever()
                         ? timeout
                         : std::chrono::nanoseconds(deadline.ns() - internal::monotonic_ns());
      if (absl::Status s = try_put(*at, left); !s.ok()) {
        internal::raise_after(s, n);
      }
    }
  } else {
    // Parts, so that consumers need not wait for the whole and other producers get their turn.
    constexpr uint64_t kPart = 64;
    while (at != end) {
      internal::QueueCore::Put put;
      absl::Status s = put.open(core_, deadline);
      uint64_t room = s.ok() ? std::min(put.room(), kPart) : 0;
      bool added = true;
      uint64_t part = 0;
      for (; at != end && part < room && added; ++part, ++at) {
        added = internal::add_value<T>(put, *at);
      }
      if (!s.ok() || !added) [[unlikely]] {
        internal::raise_after(core_.explain(s.ok() ? put.status() : s, true), n);
      }
      put.publish();
      n += part;
    }
  }
}

template <class T>
void Queue<T>::get_many(std::vector<T>& values, size_t max, Timeout timeout) const {
  if (absl::Status s = core_.check_open(); !s.ok()) {
    values.clear();
    raise(s);
  }
  size_t n = 0;  // the first n of `values` are this call's
  if constexpr (!internal::FastCodec<T>) {
    values.clear();
    absl::StatusOr<T> value = absl::UnavailableError("");
    for (; n < max; ++n) {
      value = try_get(n == 0 ? timeout : Timeout(0));
      if (!value.ok()) {
        break;
      }
      values.push_back(*std::move(value));
    }
    // Nothing more, or the end, the next call finds again. A message that was no T is gone, and so is an interrupt.
    const bool again = absl::IsUnavailable(value.status()) || absl::IsCancelled(value.status());
    if (n < max && !(again && (n > 0 || absl::IsUnavailable(value.status())))) {
      raise(value.status());
    }
  } else {
    internal::Deadline deadline = internal::Deadline::after(timeout);
    for (bool more = true; more && n < max;) {
      internal::QueueCore::Get get;
      absl::Status s = get.open(core_, n == 0 ? deadline : internal::Deadline::past());
      if (!s.ok()) {
        if (n == 0) {
          s = core_.explain(s, false);
        }
        if (n == 0 && !absl::IsUnavailable(s)) {
          values.clear();
          raise(s);
        }
        break;
      }
      try {
        do {
          if (n == 1) {
            // One message seldom comes with thousands.
            values.reserve(std::min<size_t>(max, 64));
          }
          internal::read_value(get, values, n);
          ++n;
        } while (n < max && get.next());
      } catch (const Error&) {
        if (n == 0) {
          get.commit();
          values.clear();
          throw;
        }
        // The one that is no T stays for the next call, which reports it.
        get.back();
        more = false;
      }
      get.commit();
    }
  }
  values.erase(values.begin() + static_cast<std::ptrdiff_t>(n), values.end());
}

}  // namespace mp

#endif  // MP_INTERNAL_CORE_QUEUE_INL_H_

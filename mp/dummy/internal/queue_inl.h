// mp/dummy/internal/queue_inl.h
//
// The bodies of mp::dummy::Queue. What a T's copy does happens outside of the mutex: it is the
// user's code.

#ifndef MP_DUMMY_INTERNAL_QUEUE_INL_H_
#define MP_DUMMY_INTERNAL_QUEUE_INL_H_

#include "mp/dummy/queue.h"
#include "mp/internal/os/clock.h"

namespace mp::dummy {

template <class T>
absl::Status Queue<T>::try_put(T&& value, Timeout timeout) const {
  if (absl::Status s = check_open(); !s.ok()) [[unlikely]] {
    return s;
  }
  internal::Deadline deadline = internal::Deadline::after(timeout);
  auto hold = core_->hold();
  if (absl::Status s = core_->await_room(hold, deadline); !s.ok()) [[unlikely]] {
    return s;
  }
  Change change(*core_, hold);
  core_->push(std::move(value));
  return absl::OkStatus();
}

template <class T>
absl::StatusOr<T> Queue<T>::try_get(Timeout timeout) const {
  if (absl::Status s = check_open(); !s.ok()) [[unlikely]] {
    return s;
  }
  internal::Deadline deadline = internal::Deadline::after(timeout);
  auto hold = core_->hold();
  if (absl::Status s = core_->await_item(hold, deadline); !s.ok()) [[unlikely]] {
    return s;
  }
  Change change(*core_, hold);
  return std::move(core_->pop().value);
}

template <class T>
absl::StatusOr<typename Queue<T>::Core::Item> Queue<T>::take(Timeout timeout,
                                                             uint32_t thread) const {
  if (absl::Status s = check_open(); !s.ok()) {
    return s;
  }
  internal::Deadline deadline = internal::Deadline::after(timeout);
  auto hold = core_->hold();
  if (absl::Status s = core_->await_item(hold, deadline); !s.ok()) {
    return s;
  }
  Change change(*core_, hold);
  absl::StatusOr<typename Core::Item> item(absl::in_place, core_->pop());
  core_->give_out(*item, thread);
  return item;
}

template <class T>
absl::StatusOr<Lease<T>> Queue<T>::try_get_lease(Timeout timeout) const {
  auto item = take(timeout, 0);
  if (!item.ok()) {
    return item.status();
  }
  return Lease<T>(core_, *std::move(item));
}

template <class T>
template <class Range>
void Queue<T>::put_many(const Range& values, Timeout timeout) const {
  internal::raise_if_error(check_open());
  internal::Deadline deadline = internal::Deadline::after(timeout);
  // Parts, so that consumers need not wait for the whole and other producers get their turn.
  constexpr size_t kPart = 64;
  uint64_t n = 0;
  std::vector<T> part;
  auto at = std::begin(values);
  auto end = std::end(values);
  while (at != end) {
    part.clear();
    for (; at != end && part.size() < kPart; ++at) {
      part.emplace_back(*at);
    }
    for (size_t done = 0; done < part.size();) {
      auto hold = core_->hold();
      if (absl::Status s = core_->await_room(hold, deadline); !s.ok()) {
        internal::raise_after(s, n);
      }
      Change change(*core_, hold);
      for (; done < part.size() && core_->fits(core_->count()); ++done, ++n) {
        core_->push(std::move(part[done]));
      }
    }
  }
}

template <class T>
void Queue<T>::get_many(std::vector<T>& values, size_t max, Timeout timeout) const {
  values.clear();
  internal::raise_if_error(check_open());
  if (max == 0) {
    return;
  }
  internal::Deadline deadline = internal::Deadline::after(timeout);
  auto hold = core_->hold();
  absl::Status s = core_->await_item(hold, deadline);
  if (!s.ok()) {
    if (!absl::IsUnavailable(s)) {
      raise(s);
    }
    return;
  }
  values.reserve(std::min<uint64_t>(max, core_->count()));
  Change change(*core_, hold);
  while (values.size() < max && core_->count() != 0) {
    values.push_back(std::move(core_->pop().value));
  }
}

template <class T>
typename Queue<T>::iterator& Queue<T>::iterator::operator++() {
  // While it waits it holds nothing of the last message: a handle in it may be the last one.
  value_.reset();
  absl::StatusOr<T> value = queue_->try_get(kForever);
  if (value.ok()) {
    value_.emplace(*std::move(value));
  } else if (!absl::IsCancelled(value.status())) {
    raise(value.status());
  }
  return *this;
}

}  // namespace mp::dummy

#endif  // MP_DUMMY_INTERNAL_QUEUE_INL_H_

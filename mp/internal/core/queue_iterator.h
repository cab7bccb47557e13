// mp/internal/core/queue_iterator.h
//
// QueueIterator: what `for (auto&& x : queue)` runs on: takes messages until shutdown.

#ifndef MP_INTERNAL_CORE_QUEUE_ITERATOR_H_
#define MP_INTERNAL_CORE_QUEUE_ITERATOR_H_

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mp/errors.h"
#include "mp/timeout.h"

namespace mp::internal {

template <class Q>
class QueueIterator {
 public:
  using value_type = typename Q::value_type;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;
  using pointer = value_type*;
  using reference = value_type&;

  explicit QueueIterator(const Q* queue) : queue_(queue) { ++*this; }
  QueueIterator() = default;

  value_type& operator*() const { return *value_; }
  QueueIterator& operator++() {
    // While it waits it holds nothing of the last message: a handle in it may be the last one.
    value_.reset();
    absl::StatusOr<value_type> value = queue_->try_get(kForever);
    if (value.ok()) {
      value_.emplace(*std::move(value));
    } else if (!absl::IsCancelled(value.status())) {
      raise(value.status());
    }
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const QueueIterator& a, const QueueIterator& b) {
    return a.value_.has_value() == b.value_.has_value();
  }

 private:
  const Q* queue_ = nullptr;
  mutable std::optional<value_type> value_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_QUEUE_ITERATOR_H_

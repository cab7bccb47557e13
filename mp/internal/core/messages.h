// mp/internal/core/messages.h
//
// Messages: what a connection still receives, as a range that is gone through once.

#ifndef MP_INTERNAL_CORE_MESSAGES_H_
#define MP_INTERNAL_CORE_MESSAGES_H_

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "mp/errors.h"

namespace mp::internal {

template <class Connection, class T>
class Messages {
 public:
  explicit Messages(Connection connection) : connection_(std::move(connection)) {}

  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = T*;
    using reference = T&;

    iterator() = default;
    explicit iterator(const Connection* connection) : connection_(connection) { ++*this; }
    T& operator*() const { return *value_; }
    T* operator->() const { return &*value_; }
    iterator& operator++() {
      // Not the value before while the next one is waited for.
      value_.reset();
      try {
        value_.emplace(connection_->template recv<T>());
      } catch (const EOFError&) {
      }
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, const iterator& b) {
      return a.value_.has_value() == b.value_.has_value();
    }

   private:
    const Connection* connection_ = nullptr;
    mutable std::optional<T> value_;
  };
  iterator begin() const { return iterator(&connection_); }
  iterator end() const { return iterator(); }

 private:
  const Connection connection_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_MESSAGES_H_

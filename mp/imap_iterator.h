// mp/imap_iterator.h
//
// IMapIterator: the results of an imap of a Pool or a ThreadPool, one after the other, while others are on their way. Python:
// multiprocessing.pool.IMapIterator.
//
//   for (int s : pool.imap(square, numbers)) ...
//   mp::IMapIterator<int> results = pool.imap_unordered(square, numbers);
//   while (std::optional<int> s = results.next(2.0)) ...
//
// Handles   Move-only. When it goes, what no worker has begun is not done any more.
// Safety    One thread at a time.
// Ordering  What the task did in shared objects is visible once its result is taken.
// Blocking  The input is read in the caller's thread: in imap(), which reads as many items as may be ahead, in next(), and in the
//           pool's join(). While there is a result, next() reads on for some 200 us at most. An input iterator may wait for its
//           next item, so imap() and next() read it only while there is no result. Who needs more of an input while join() waits
//           for an item of it waits too.
// Cost      A virtual call per result. The results that are there are kept until they are taken.
// Death     A worker that dies makes next() throw mp::WorkerDied in the place of what it had begun, or is not seen, if there are
//           attempts left. After the pool's end next() throws mp::CancelledError for what has no result.
// Crossing  Not.
// Python    next() gives none after the last, instead of StopIteration. try_next() is new.

#ifndef MP_IMAP_ITERATOR_H_
#define MP_IMAP_ITERATOR_H_

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "mp/timeout.h"

namespace mp {

template <class R>
class IMapIterator {
 public:
  using value_type = R;

  IMapIterator(IMapIterator&&) noexcept = default;
  IMapIterator& operator=(IMapIterator&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~IMapIterator() {
    if (state_ != nullptr) {
      state_->stop();
    }
  }

  // The next result; none after the last. Throws the error of a task, or of the input, in its place, and can then be asked
  // for the one after it. Throws mp::TimeoutError when `timeout` ran out first.
  std::optional<R> next(Timeout timeout = kForever) { return state_->next(timeout); }
  // The same without waiting: mp::TimeoutError when there is nothing yet.
  std::optional<R> try_next() { return state_->next(0); }

  class iterator {
   public:
    using value_type = R;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = R*;
    using reference = R&;
    iterator() = default;
    explicit iterator(IMapIterator* from) : from_(from) { ++*this; }
    R& operator*() const { return *value_; }
    iterator& operator++() {
      value_ = from_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, const iterator& b) {
      return a.value_.has_value() == b.value_.has_value();
    }

   private:
    IMapIterator* from_ = nullptr;
    mutable std::optional<R> value_;
  };
  iterator begin() { return iterator(this); }
  iterator end() { return iterator(); }

  struct State {
    virtual ~State() = default;
    virtual std::optional<R> next(Timeout timeout) = 0;
    // Reads the input no more; what is not begun is not done.
    virtual void stop() noexcept = 0;
  };
  explicit IMapIterator(std::shared_ptr<State> state) : state_(std::move(state)) {}

 private:
  std::shared_ptr<State> state_;  // join() reads its input
};

}  // namespace mp

#endif  // MP_IMAP_ITERATOR_H_

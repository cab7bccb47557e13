// mp/internal/pool/cursor.h
//
// Cursor: reads a range item by item, in as many calls as one likes. Source: the same with the range, if that is its own.

#ifndef MP_INTERNAL_POOL_CURSOR_H_
#define MP_INTERNAL_POOL_CURSOR_H_

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

namespace mp::internal {

// The items of a range, one after the other. Does not move off an item before somebody asks for the next: an input iterator
// may wait for it.
template <class It, class End>
class Cursor {
 public:
  Cursor(It at, End end) : at_(std::move(at)), end_(std::move(end)) {}
  bool more() {
    if (std::exchange(taken_, false)) {
      ++at_;
    }
    return at_ != end_;
  }
  // After more().
  decltype(auto) take() {
    taken_ = true;
    return *at_;
  }
  // Of contiguous ones, at most n.
  auto take_span(size_t n) {
    more();
    n = std::min<size_t>(n, static_cast<size_t>(end_ - at_));
    auto first = std::to_address(at_);
    at_ += static_cast<std::iter_difference_t<It>>(n);
    return std::span(first, n);
  }

 private:
  It at_;
  End end_;
  bool taken_ = false;
};

// A range that lives elsewhere, or its own, and how far it is read.
template <class Range>
struct Source {
  using It = decltype(std::begin(std::declval<Range&>()));
  using End = decltype(std::end(std::declval<Range&>()));
  explicit Source(Range&& r)
      : range(std::forward<Range>(r)), from(std::begin(range), std::end(range)) {}
  Range range;
  Cursor<It, End> from;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_CURSOR_H_

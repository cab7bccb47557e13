// mp/internal/pool/map_job.h
//
// MapJob: a job of a call per item, whose results are one.

#ifndef MP_INTERNAL_POOL_MAP_JOB_H_
#define MP_INTERNAL_POOL_MAP_JOB_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/internal/frame/message.h"
#include "mp/internal/pool/call_job.h"
#include "mp/internal/pool/job.h"

namespace mp::internal {

template <class R>
using MapResult = std::conditional_t<std::is_void_v<R>, void,
                                     std::vector<std::conditional_t<std::is_void_v<R>, int, R>>>;

// Numbers whose results go to their place at once.
template <class R>
concept PlacedResult = Scalar<R> && FastScalars<std::vector<R>>;

// One call per item; a part is a chunk of them.
template <class R>
class MapJob final : public ResultJob<std::vector<R>> {
 public:
  using ResultJob<std::vector<R>>::ResultJob;
  const char* result_name() const override { return "MapResult"; }

  // Before the first part: how many items there are, if that is known, and in chunks of how many.
  void plan(std::optional<size_t> items, size_t chunk) {
    chunk_ = chunk;
    if constexpr (PlacedResult<R>) {
      if (items.has_value()) {
        placed_ = true;
        values_.resize(*items);
      }
    }
  }
  // In a worker's thread: call(see) calls see(result) for each item of the part.
  template <class Call, class May>
  void run(uint64_t part, size_t count, const Call& call, May may) {
    if constexpr (PlacedResult<R>) {
      if (placed_) {
        // Without asking: of a job of which a part was given up nobody sees the values.
        R* at = values_.data() + part * chunk_;
        call([&](R&& r) { *at++ = r; });
        return;
      }
    }
    std::vector<R> piece;
    piece.reserve(count);
    call([&](R&& r) { piece.push_back(std::move(r)); });
    if (may()) {
      put(part, std::move(piece));
    }
  }
  const std::vector<R>& value() override {
    std::lock_guard hold(this->mutex_);
    if (!placed_ && !pieces_.empty()) {
      size_t n = 0;
      for (const std::vector<R>& piece : pieces_) {
        n += piece.size();
      }
      values_.reserve(n);
      for (std::vector<R>& piece : pieces_) {
        values_.insert(values_.end(), std::make_move_iterator(piece.begin()),
                       std::make_move_iterator(piece.end()));
      }
      pieces_.clear();
    }
    return values_;
  }

 private:
  void take(uint64_t part, std::span<const std::byte> message, FdSource* fds) override {
    if constexpr (PlacedResult<R>) {
      std::span<const R> numbers;
      if (placed_ && read_numbers(message, &numbers) &&
          numbers.size() <= values_.size() - std::min<size_t>(values_.size(), part * chunk_)) {
        std::copy(numbers.begin(), numbers.end(),
                  values_.begin() + static_cast<ptrdiff_t>(part * chunk_));
        return;
      }
    }
    if constexpr (Shippable<R>) {
      put(part, decode_message<std::vector<R>>(message, fds));
    }
  }
  void put(uint64_t part, std::vector<R> piece) {
    std::lock_guard hold(this->mutex_);
    if (placed_) {
      std::move(piece.begin(), piece.end(),
                values_.begin() + static_cast<ptrdiff_t>(part * chunk_));
      return;
    }
    if (pieces_.size() <= part) {
      pieces_.resize(part + 1);
    }
    pieces_[part] = std::move(piece);
  }

  size_t chunk_ = 1;
  bool placed_ = false;
  std::vector<R> values_;
  std::deque<std::vector<R>> pieces_;
};
// Of a function that returns nothing.
template <>
class MapJob<void> final : public ResultJob<void> {
 public:
  using ResultJob<void>::ResultJob;
  const char* result_name() const override { return "MapResult"; }
  void plan(std::optional<size_t>, size_t) {}
  template <class Call, class May>
  void run(uint64_t, size_t, const Call& call, May) {
    call([] {});
  }

 private:
  void take(uint64_t, std::span<const std::byte>, FdSource*) override {}
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_MAP_JOB_H_

// mp/internal/pool/typed_job.h
//
// Jobs that know the type of their result.

#ifndef MP_INTERNAL_POOL_TYPED_JOB_H_
#define MP_INTERNAL_POOL_TYPED_JOB_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/internal/frame/message.h"
#include "mp/internal/pool/job.h"
#include "mp/object.h"

namespace mp::internal {

// What an AsyncResult<R> is a handle to. value() and take_value(): after done(), without an error.
template <class R>
class ResultJob : public Job {
 public:
  using Job::Job;
  virtual const R& value() = 0;
};
template <>
class ResultJob<void> : public Job {
 public:
  using Job::Job;
};

// In a worker's thread: asked before a result is put in its place. This one says always that it may be.
struct AlwaysPut {
  bool operator()() const { return true; }
};

// One call.
template <class R>
class CallJob final : public ResultJob<R> {
 public:
  using ResultJob<R>::ResultJob;
  const R& value() override { return *value_; }
  // In a worker's thread.
  template <class Call, class May = AlwaysPut>
  void run(uint64_t, const Call& call, May may = {}) {
    R value = call();
    if (may()) {
      value_.emplace(std::move(value));
    }
  }

 private:
  void take(uint64_t, std::span<const std::byte> message, FdSource* fds) override {
    value_.emplace(decode_message<R>(message, fds));
  }
  std::optional<R> value_;
};
template <>
class CallJob<void> final : public ResultJob<void> {
 public:
  using ResultJob<void>::ResultJob;
  template <class Call, class May = AlwaysPut>
  void run(uint64_t, const Call& call, May = {}) {
    call();
  }

 private:
  void take(uint64_t, std::span<const std::byte>, FdSource*) override {}
};

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
    put(part, decode_message<std::vector<R>>(message, fds));
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

// What an iterator of imap gives for a function that returns R.
template <class R>
using Item = std::conditional_t<std::is_void_v<R>, NoneType, R>;

// Parts that are taken one by one while others are on their way.
template <class R>
class StreamJob final : public Job {
 public:
  struct Piece {
    std::vector<Item<R>> values;
    std::exception_ptr error;
    bool there = false;
  };

  StreamJob(std::shared_ptr<Crew> crew, bool ordered) : Job(std::move(crew)), ordered_(ordered) {
    stream = true;
    expect(kOpen);
  }
  // Before part `part` is submitted: it has so many items.
  void announce(uint64_t part, size_t count) {
    if constexpr (std::is_void_v<R>) {
      std::lock_guard hold(mutex_);
      counts_[part] = count;
    }
  }
  template <class Call, class May>
  void run(uint64_t part, size_t count, const Call& call, May may) {
    std::vector<Item<R>> values;
    values.reserve(count);
    if constexpr (std::is_void_v<R>) {
      call([&] { values.push_back(None); });
    } else {
      call([&](R&& r) { values.push_back(std::move(r)); });
    }
    if (may()) {
      put(part, {std::move(values), nullptr, true});
    }
  }

  // The next parts that are there, in the order of the input or of their ends. False: there is none yet.
  bool take_next(std::vector<Piece>* pieces) {
    std::lock_guard hold(mutex_);
    while (!pieces_.empty() && pieces_.front().there) {
      pieces->push_back(std::move(pieces_.front()));
      pieces_.pop_front();
      ++taken_;
    }
    return !pieces->empty();
  }
  bool has_next() {
    std::lock_guard hold(mutex_);
    return !pieces_.empty() && pieces_.front().there;
  }

 private:
  void take(uint64_t part, std::span<const std::byte> message, FdSource* fds) override {
    if constexpr (std::is_void_v<R>) {
      put(part, {{}, nullptr, true});
    } else {
      put(part, {decode_message<std::vector<R>>(message, fds), nullptr, true});
    }
  }
  void take_error(uint64_t part, const std::exception_ptr& error) override {
    put(part, {{}, error, true});
  }
  void put(uint64_t part, Piece piece) {
    std::lock_guard hold(mutex_);
    if constexpr (std::is_void_v<R>) {
      if (auto count = counts_.extract(part); piece.error == nullptr && piece.values.empty()) {
        piece.values.resize(count.mapped());
      }
    }
    if (!ordered_) {
      pieces_.push_back(std::move(piece));
      return;
    }
    if (pieces_.size() <= part - taken_) {
      pieces_.resize(part - taken_ + 1);
    }
    pieces_[part - taken_] = std::move(piece);
  }

  const bool ordered_;
  uint64_t taken_ = 0;
  std::deque<Piece> pieces_;
  std::map<uint64_t, size_t> counts_;  // of parts on their way, of a function that returns nothing
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_TYPED_JOB_H_

// mp/internal/pool/stream_job.h
//
// StreamJob: a job of a call per item, whose results are taken one by one.

#ifndef MP_INTERNAL_POOL_STREAM_JOB_H_
#define MP_INTERNAL_POOL_STREAM_JOB_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/internal/frame/message.h"
#include "mp/internal/pool/job.h"
#include "mp/object.h"

namespace mp::internal {

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
    } else if constexpr (Shippable<R>) {
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

#endif  // MP_INTERNAL_POOL_STREAM_JOB_H_

// mp/internal/pool/imap_state.h
//
// IMapState: an imap under way. It reads the input ahead of who takes the results, and submits it in chunks.

#ifndef MP_INTERNAL_POOL_IMAP_STATE_H_
#define MP_INTERNAL_POOL_IMAP_STATE_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/async_result.h"
#include "mp/call_options.h"
#include "mp/imap_iterator.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/pool/cursor.h"
#include "mp/internal/pool/item_types.h"
#include "mp/internal/pool/job.h"
#include "mp/internal/pool/job_options.h"
#include "mp/internal/pool/stream_job.h"
#include "mp/timeout.h"

namespace mp::internal {

// How many chunks of an imap may be ahead.
struct Ahead {
  uint64_t most;
  uint64_t least;  // whatever their size
  uint64_t bytes;  // of all
};

template <class Work, class R, class F, class Range>
class IMapState final : public IMapIterator<Item<R>>::State, public Stream {
 public:
  using Value = Item<R>;
  using T = std::decay_t<decltype(*std::begin(std::declval<Range&>()))>;

  IMapState(std::shared_ptr<typename Work::Core> core, F f, Range&& range, bool ordered,
            const IMapOptions& options, const Ahead& ahead)
      : core_(std::move(core)),
        f_(std::move(f)),
        source_(std::forward<Range>(range)),
        chunk_(static_cast<size_t>(options.chunksize)),
        ahead_(ahead),
        progress_(options.progress),
        window_(ahead.most),
        job_(std::make_shared<StreamJob<R>>(core_, ordered)) {
    set_limits(*job_, options);
    if constexpr (KnowsItsSize<std::remove_reference_t<Range>>) {
      if (progress_ != nullptr) {
        total_ = (size_of(source_.range) + chunk_ - 1) / chunk_;
      }
    }
    core_->open_stream();
  }
  void stop() noexcept override {
    if (!core_->is_ours()) {
      return;
    }
    job_->abandoned.store(true, std::memory_order_relaxed);
    try {
      {
        std::lock_guard hold(mutex_);
        end();
      }
      core_->drop(*job_);
    } catch (...) {
      // Without memory it is done in vain.
    }
  }
  void begin() {
    std::lock_guard hold(mutex_);
    refill(Deadline::never());
  }

  std::optional<Value> next(Timeout timeout) override {
    core_->check_ours();
    Deadline deadline = Deadline::after(timeout);
    for (;;) {
      if (at_ < piece_.values.size()) {
        return std::move(piece_.values[at_++]);
      }
      if (progress_ != nullptr) {
        tell_progress();
      }
      if (taken_ == pieces_.size() && !take_pieces()) {
        bool over = false;
        {
          std::lock_guard hold(mutex_);
          refill(reads_enough());
          over = on_the_way_.load(std::memory_order_relaxed) == 0;
          if (over && input_error_ != nullptr) {
            std::rethrow_exception(std::exchange(input_error_, nullptr));
          }
        }
        if (over) {
          if (progress_ != nullptr) {
            tell_progress();  // by now the end is known
          }
          return std::nullopt;
        }
        if (!core_->wait(
                *job_, [&] { return job_->has_next(); }, deadline)) {
          raise_no_result();
        }
        continue;
      }
      piece_ = std::move(pieces_[taken_++]);
      at_ = 0;
      ++begun_;
      if (on_the_way_.fetch_sub(1, std::memory_order_relaxed) - 1 <= ahead_.most / 2 &&
          kReadsAtOnce) {
        std::lock_guard hold(mutex_);
        refill(reads_enough());
      }
      if (piece_.error != nullptr) {
        std::rethrow_exception(std::exchange(piece_.error, nullptr));
      }
    }
  }

  void read_all(Deadline deadline) override {
    do {
      std::lock_guard hold(mutex_);
      if (ended_) {
        return;
      }
      submit(kReadsAtOnce && deadline.is_never() ? kMostAtOnce : 1);
    } while (!deadline.passed());
  }

 private:
  static constexpr uint64_t kMostAtOnce = 128;
  static constexpr uint64_t kClockEvery =
      8;  // chunks: to look at it takes as long as to make a small one
  static constexpr int64_t kMostReadingNs = 200'000;
  // Nobody waits in it for the next item to come.
  static constexpr bool kReadsAtOnce = std::forward_iterator<typename Source<Range>::It>;

  // With mutex_. Reads the input as far as its tasks fit into the window, once half of that is empty: a worker that is woken
  // for one task finds more; and while there is a result, until `enough` at most.
  void refill(Deadline enough) {
    auto on_the_way = [this] { return on_the_way_.load(std::memory_order_relaxed); };
    if (on_the_way() > window_ / 2) {
      return;
    }
    while (!ended_ && on_the_way() < window_) {
      if (on_the_way() != 0 && (!kReadsAtOnce || enough.passed()) && has_next()) {
        return;
      }
      submit(kReadsAtOnce ? std::min(at_once_, window_ - on_the_way()) : 1);
    }
  }
  static Deadline reads_enough() {
    return kReadsAtOnce ? Deadline::after_ns(kMostReadingNs) : Deadline::never();
  }
  // All parts that were begun to be handed out are, if that or how many there are was not said yet.
  void tell_progress() {
    const uint64_t total = total_.load(std::memory_order_relaxed);
    if (std::pair now(begun_, total); now != std::exchange(told_, now) && now != Told()) {
      progress_(begun_, total);
    }
  }
  // All that are there, so that the job is asked once for many.
  bool take_pieces() {
    pieces_.clear();
    taken_ = 0;
    return job_->take_next(&pieces_);
  }
  bool has_next() {
    return taken_ != pieces_.size() || job_->has_next() ||
           core_->wait(
               *job_, [&] { return job_->has_next(); }, Deadline::past());
  }
  // With mutex_: the next chunks, at most `most`, which are handed over together. The first of all goes alone, and none waits
  // long for the others to be read.
  void submit(uint64_t most) {
    const Deadline enough = reads_enough();
    const uint64_t first = part_;
    uint64_t counted = first;  // in on_the_way_
    bool more = true;
    try {
      while (part_ - first < most && (more = source_.from.more())) {
        on_the_way_.fetch_add(1, std::memory_order_relaxed);
        ++counted;
        const size_t bytes =
            chunks_.template add<T>(*core_, job_, part_, f_, source_.from, chunk_,
                                    [this](size_t count) { job_->announce(part_, count); });
        ++part_;
        // As if all were as large as the last one.
        window_ = std::clamp(ahead_.bytes / std::max<size_t>(bytes, 1), ahead_.least, ahead_.most);
        if ((part_ - first) % kClockEvery == 0 && enough.passed()) {
          break;
        }
      }
    } catch (...) {
      on_the_way_.fetch_sub(counted - part_, std::memory_order_relaxed);
      input_error_ = std::current_exception();
      more = false;
    }
    at_once_ =
        enough.passed() ? std::max<uint64_t>(at_once_ / 2, 1) : std::min(2 * at_once_, kMostAtOnce);
    try {
      chunks_.submit(*core_, job_, first);
    } catch (...) {
      on_the_way_.fetch_sub(part_ - first, std::memory_order_relaxed);
      input_error_ = std::current_exception();
      more = false;
    }
    if (!more) {
      end();
    }
  }
  void end() {
    if (!std::exchange(ended_, true)) {
      total_.store(part_, std::memory_order_relaxed);
      core_->end_stream();
    }
  }

  std::shared_ptr<typename Work::Core> core_;
  F f_;
  std::mutex mutex_;  // join() reads too
  Source<Range> source_;
  const size_t chunk_;
  const Ahead ahead_;
  const std::function<void(uint64_t, uint64_t)> progress_;
  std::atomic<uint64_t> total_{0};  // chunks, as the input says or its end has shown; 0: unknown
  uint64_t window_;                 // chunks that may be ahead now
  std::shared_ptr<StreamJob<R>> job_;
  typename Work::Chunks chunks_;
  uint64_t at_once_ = 1;  // chunks that are handed over together
  uint64_t part_ = 0;
  // Chunks that were submitted, and not taken by who iterates; only it takes from them without mutex_.
  std::atomic<uint64_t> on_the_way_{0};
  bool ended_ = false;
  std::exception_ptr input_error_;
  // Of who iterates: pieces from `taken_` on are to be handed out, after the rest of `piece_`, from `at_` on.
  std::vector<typename StreamJob<R>::Piece> pieces_;
  size_t taken_ = 0;
  typename StreamJob<R>::Piece piece_;
  size_t at_ = 0;
  uint64_t begun_ = 0;
  using Told = std::pair<uint64_t, uint64_t>;
  Told told_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_IMAP_STATE_H_

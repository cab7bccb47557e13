// mp/internal/pool/basic_pool.h
//
// BasicPool: the typed shell that mp::Pool and mp::ThreadPool share. `Work` says how a call becomes a task of its Core.

#ifndef MP_INTERNAL_POOL_BASIC_POOL_H_
#define MP_INTERNAL_POOL_BASIC_POOL_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/async_result.h"
#include "mp/call_options.h"
#include "mp/errors.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/pool/cursor.h"
#include "mp/internal/pool/typed_job.h"
#include "mp/timeout.h"

namespace mp {

// The results of an imap, one after the other, while others are on their way.
//
// Handles   Move-only. When it goes, what no worker has begun is not done any more.
// Safety    One thread at a time.
// Blocking  The input is read in the caller's thread: in imap(), which reads as many items as may be ahead, in next(), and in the
//           pool's join(). While there is a result, next() reads on for some 200 us at most. An input iterator may wait for its
//           next item, so imap() and next() read it only while there is no result. Who needs more of an input while join() waits
//           for an item of it waits too.
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

namespace internal {

[[noreturn]] void refuse_chunksize(int64_t chunksize);
[[noreturn]] void refuse_buffersize();
[[noreturn]] void refuse_running();
[[noreturn]] void refuse_limits();
[[noreturn]] void refuse_pool_size();
[[noreturn]] void refuse_lifetime();
void raise_if_pool_interrupted();
// "<multiprocessing.pool.Pool state=RUN pool_size=2>"
std::string pool_repr(const char* name, int state, int size);

// Adds what the user wants called.
template <class Options>
void set_limits(Job& job, const Options& options) {
  if (!options.timeout.is_forever()) {
    job.timeout_ns = options.timeout.nanoseconds() > 0 ? options.timeout.nanoseconds() : 1;
  }
  job.retries = options.retries;
}
// Throws mp::ValueError for what these workers cannot do.
template <class Work, class Options>
void check_limits(const Options& options) {
  if (!Work::kEndsCalls && (!options.timeout.is_forever() || options.retries != 0)) {
    refuse_limits();
  }
}

template <class Job, class R>
void set_options(Job& job, CallOptions<R>& options) {
  set_limits(job, options);
  std::function<void()> on_done;
  if (options.callback || options.error_callback) {
    on_done = [&job, callback = std::move(options.callback),
               error_callback = std::move(options.error_callback)] {
      if (job.error() != nullptr) {
        if (error_callback) {
          error_callback(job.error());
        }
      } else if (callback) {
        if constexpr (std::is_void_v<R>) {
          callback();
        } else {
          callback(job.value());
        }
      }
    };
  }
  job.set_callbacks(std::move(on_done), std::move(options.progress));
}

template <class R>
using MapResult = std::conditional_t<std::is_void_v<R>, void,
                                     std::vector<std::conditional_t<std::is_void_v<R>, int, R>>>;

// The arguments that an item of a range is: itself, or, `star`, the parts of a tuple.
template <bool star, class T>
struct ItemTypes {
  using type = Types<T>;
};
template <class... T>
struct ItemTypes<true, std::tuple<T...>> {
  using type = Types<std::decay_t<T>...>;
};
template <class A, class B>
struct ItemTypes<true, std::pair<A, B>> {
  using type = Types<std::decay_t<A>, std::decay_t<B>>;
};
template <bool star, class Range>
using ItemArguments =
    typename ItemTypes<star, std::decay_t<decltype(*std::begin(std::declval<Range&>()))>>::type;

// How many chunks of an imap may be ahead.
struct Ahead {
  uint64_t most;
  uint64_t least;  // whatever their size
  uint64_t bytes;  // of all
};

// The input of an imap: a range that lives elsewhere, or its own.
template <class Range>
struct Source {
  using It = decltype(std::begin(std::declval<Range&>()));
  using End = decltype(std::end(std::declval<Range&>()));
  explicit Source(Range&& r)
      : range(std::forward<Range>(r)), from(std::begin(range), std::end(range)) {}
  Range range;
  Cursor<It, End> from;
};

template <class Work, class R, class F, class Range>
class IMapState final : public IMapIterator<internal::Item<R>>::State, public Stream {
 public:
  using Value = internal::Item<R>;
  using T = std::decay_t<decltype(*std::begin(std::declval<Range&>()))>;

  IMapState(std::shared_ptr<typename Work::Core> core, F f, Range&& range, bool ordered,
            const IMapOptions& options, const Ahead& ahead)
      : core_(std::move(core)),
        f_(std::move(f)),
        source_(std::forward<Range>(range)),
        chunk_(static_cast<size_t>(options.chunksize)),
        ahead_(ahead),
        window_(ahead.most),
        job_(std::make_shared<StreamJob<R>>(core_, ordered)) {
    set_limits(*job_, options);
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
      if (taken_ == pieces_.size() && !take_pieces()) {
        {
          std::lock_guard hold(mutex_);
          refill(reads_enough());
          if (on_the_way_.load(std::memory_order_relaxed) == 0) {
            if (input_error_ != nullptr) {
              std::rethrow_exception(std::exchange(input_error_, nullptr));
            }
            return std::nullopt;
          }
        }
        if (!core_->wait(
                *job_, [&] { return job_->has_next(); }, deadline)) {
          raise_no_result();
        }
        continue;
      }
      piece_ = std::move(pieces_[taken_++]);
      at_ = 0;
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
      core_->end_stream();
    }
  }

  std::shared_ptr<typename Work::Core> core_;
  F f_;
  std::mutex mutex_;  // join() reads too
  Source<Range> source_;
  const size_t chunk_;
  const Ahead ahead_;
  uint64_t window_;  // chunks that may be ahead now
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
};

template <class Work>
class BasicPool {
 public:
  using Core = typename Work::Core;

  BasicPool(const BasicPool&) = delete;
  BasicPool(BasicPool&& other) noexcept = default;
  BasicPool& operator=(BasicPool&& other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }

  // -- One call --

  // f(args...) in a worker; waits for what it returns.
  template <class F, class... A>
  auto apply(F&& f, A&&... args) const {
    static_assert(Work::template require<Types<std::decay_t<A>...>, std::decay_t<F>>());
    if constexpr (Work::template kFits<Types<std::decay_t<A>...>, std::decay_t<F>>) {
      using R = typename Work::template CallResult<std::decay_t<F>, std::decay_t<A>...>;
      return call<R>({}, true, std::forward<F>(f), std::forward<A>(args)...).get();
    }
  }
  template <class F, class... A>
  auto apply_async(F&& f, A&&... args) const {
    static_assert(Work::template require<Types<std::decay_t<A>...>, std::decay_t<F>>());
    if constexpr (Work::template kFits<Types<std::decay_t<A>...>, std::decay_t<F>>) {
      using R = typename Work::template CallResult<std::decay_t<F>, std::decay_t<A>...>;
      return call<R>({}, false, std::forward<F>(f), std::forward<A>(args)...);
    }
  }
  template <class F, class... A,
            class R = typename Work::template CallResult<std::decay_t<F>, std::decay_t<A>...>>
  AsyncResult<R> apply_async(CallOptions<std::type_identity_t<R>> options, F&& f,
                             A&&... args) const {
    return call<R>(std::move(options), false, std::forward<F>(f), std::forward<A>(args)...);
  }
  // As executors call it.
  template <class F, class... A>
  auto submit(F&& f, A&&... args) const {
    return apply_async(std::forward<F>(f), std::forward<A>(args)...);
  }

  // -- One call per item of a range --

  // What f returned for each item, in the order of the items. f is called with the items of one chunk one after the other;
  // the first that throws ends its chunk, and is what map() throws once all others are done.
  template <class F, class Range>
  auto map(F&& f, Range&& items, std::optional<int64_t> chunksize = {}) const {
    return map_of<false>(chunks(chunksize), true, std::forward<F>(f), items).get();
  }
  template <class F, class T>
  auto map(F&& f, std::initializer_list<T> items, std::optional<int64_t> chunksize = {}) const {
    return map_of<false>(chunks(chunksize), true, std::forward<F>(f), items).get();
  }
  template <class F, class Range>
  auto map_async(F&& f, Range&& items, std::optional<int64_t> chunksize = {}) const {
    return map_of<false>(chunks(chunksize), false, std::forward<F>(f), items);
  }
  template <class F, class T>
  auto map_async(F&& f, std::initializer_list<T> items,
                 std::optional<int64_t> chunksize = {}) const {
    return map_of<false>(chunks(chunksize), false, std::forward<F>(f), items);
  }
  template <class F, class Range,
            class R = typename Work::template ItemResult<false, std::decay_t<F>, Range>>
  AsyncResult<MapResult<R>> map_async(CallOptions<MapResult<std::type_identity_t<R>>> options,
                                      F&& f, Range&& items) const {
    return map_of<false>(std::move(options), false, std::forward<F>(f), items);
  }
  // The same with items that are tuples of arguments.
  template <class F, class Range>
  auto starmap(F&& f, Range&& items, std::optional<int64_t> chunksize = {}) const {
    return map_of<true>(chunks(chunksize), true, std::forward<F>(f), items).get();
  }
  template <class F, class T>
  auto starmap(F&& f, std::initializer_list<T> items, std::optional<int64_t> chunksize = {}) const {
    return map_of<true>(chunks(chunksize), true, std::forward<F>(f), items).get();
  }
  template <class F, class Range>
  auto starmap_async(F&& f, Range&& items, std::optional<int64_t> chunksize = {}) const {
    return map_of<true>(chunks(chunksize), false, std::forward<F>(f), items);
  }
  template <class F, class T>
  auto starmap_async(F&& f, std::initializer_list<T> items,
                     std::optional<int64_t> chunksize = {}) const {
    return map_of<true>(chunks(chunksize), false, std::forward<F>(f), items);
  }
  template <class F, class Range,
            class R = typename Work::template ItemResult<true, std::decay_t<F>, Range>>
  AsyncResult<MapResult<R>> starmap_async(CallOptions<MapResult<std::type_identity_t<R>>> options,
                                          F&& f, Range&& items) const {
    return map_of<true>(std::move(options), false, std::forward<F>(f), items);
  }

  // The results one by one, in the order of the items or in that of their ends, while the input is read as they are taken:
  // at most `buffersize` chunks of it are ahead. A range that is not given away must live as long as the iterator.
  template <class F, class Range>
  auto imap(F&& f, Range&& items, int64_t chunksize = 1,
            std::optional<int64_t> buffersize = {}) const {
    return imap_of(true, std::forward<F>(f), std::forward<Range>(items), {chunksize, buffersize});
  }
  template <class F, class Range>
  auto imap(const IMapOptions& options, F&& f, Range&& items) const {
    return imap_of(true, std::forward<F>(f), std::forward<Range>(items), options);
  }
  template <class F, class T>
  auto imap(F&& f, std::initializer_list<T> items, int64_t chunksize = 1,
            std::optional<int64_t> buffersize = {}) const {
    return imap(std::forward<F>(f), std::vector<T>(items), chunksize, buffersize);
  }
  template <class F, class Range>
  auto imap_unordered(F&& f, Range&& items, int64_t chunksize = 1,
                      std::optional<int64_t> buffersize = {}) const {
    return imap_of(false, std::forward<F>(f), std::forward<Range>(items), {chunksize, buffersize});
  }
  template <class F, class Range>
  auto imap_unordered(const IMapOptions& options, F&& f, Range&& items) const {
    return imap_of(false, std::forward<F>(f), std::forward<Range>(items), options);
  }
  template <class F, class T>
  auto imap_unordered(F&& f, std::initializer_list<T> items, int64_t chunksize = 1,
                      std::optional<int64_t> buffersize = {}) const {
    return imap_unordered(std::forward<F>(f), std::vector<T>(items), chunksize, buffersize);
  }

  // -- The pool --

  // No more calls; those that there are are done, and then the workers leave. An imap goes on until its iterator has read
  // its input, or is gone.
  void close() const { core().close(); }
  // Ends the workers at once, whatever they do, and all calls without a result with mp::CancelledError.
  void terminate() const { core().terminate(); }
  // After close() or terminate(): waits until the workers are gone; false when `timeout` ran out first. What imaps have not
  // read of their inputs it reads first, here: one chunk of each at least, and after `timeout` it begins no other; for an item
  // that an input waits for it waits as well. Throws mp::ValueError before close(), mp::RuntimeError in the pool's own threads.
  bool join(Timeout timeout = kForever) const {
    if (core().state() == Core::State::kRun) {
      refuse_running();
    }
    const Deadline deadline = Deadline::after(timeout);
    core().read_streams(deadline);
    const bool ended = core().join(deadline);
    if (!ended) {
      raise_if_pool_interrupted();
    }
    return ended;
  }
  // From now on so many workers. Those that are too many leave when they have done what they have.
  void resize(int processes) const {
    if (processes < 1) {
      refuse_pool_size();
    }
    core().resize(processes);
  }
  int size() const { return core().size(); }

 protected:
  explicit BasicPool(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~BasicPool() = default;

  Core& core() const {
    if (core_ == nullptr) {
      raise(value_error("Pool not running"));
    }
    core_->check_ours();
    return *core_;
  }
  std::shared_ptr<Core> core_;

 private:
  struct Chunks {
    std::optional<int64_t> size;
    template <class R>
    operator CallOptions<R>() const {
      CallOptions<R> options;
      options.chunksize = size;
      return options;
    }
  };
  static Chunks chunks(std::optional<int64_t> size) { return {size}; }

  template <class R, class F, class... A>
  AsyncResult<R> call(CallOptions<R> options, bool waits, F&& f, A&&... args) const {
    check_limits<Work>(options);
    auto job = std::make_shared<CallJob<R>>(core_);
    job->expect(1);
    set_options(*job, options);
    Work::submit_call(core(), job, waits, std::forward<F>(f), std::forward<A>(args)...);
    return AsyncResult<R>(std::move(job));
  }

  template <bool star, class F, class Range, class Options>
  auto map_of(Options given, bool waits, F&& f, Range& items) const {
    static_assert(Work::template require<ItemArguments<star, Range>, std::decay_t<F>>());
    using R = typename Work::template ItemResult<star, std::decay_t<F>, Range>;
    using T = std::decay_t<decltype(*std::begin(items))>;
    CallOptions<MapResult<R>> options = std::move(given);
    auto at = std::begin(items);
    auto end = std::end(items);
    if (options.chunksize.has_value() && *options.chunksize < 1) {
      refuse_chunksize(*options.chunksize);
    }
    core();
    check_limits<Work>(options);
    if constexpr (requires { std::size(items); }) {
      return submit_map<star, R, T>(std::move(options), waits, f, at, end, std::size(items));
    } else if constexpr (std::forward_iterator<decltype(at)> &&
                         std::is_same_v<decltype(at), decltype(end)>) {
      return submit_map<star, R, T>(std::move(options), waits, f, at, end,
                                    static_cast<size_t>(std::distance(at, end)));
    } else {
      // How many there are decides how they are cut.
      std::vector<T> all;
      for (; at != end; ++at) {
        all.push_back(*at);
      }
      auto first = all.begin();
      return submit_map<star, R, T>(std::move(options), waits, f, first, all.end(), all.size());
    }
  }

  template <bool star, class R, class T, class F, class It, class End>
  AsyncResult<MapResult<R>> submit_map(CallOptions<MapResult<R>> options, bool waits, F&& f, It at,
                                       End end, size_t n) const {
    auto job = std::make_shared<MapJob<R>>(core_);
    const size_t share = 4 * static_cast<size_t>(core().size());
    const size_t chunk = options.chunksize.has_value() ? static_cast<size_t>(*options.chunksize)
                                                       : (n + share - 1) / share;
    const uint64_t parts = n == 0 ? 0 : (n + chunk - 1) / chunk;
    set_options(*job, options);
    job->plan(n, chunk);
    job->expect(parts);
    if (parts == 0) {
      core().check_submit();
      core().finish_empty(job);
    }
    uint64_t part = 0;
    Cursor<It, End> from(std::move(at), std::move(end));
    try {
      for (; part < parts; ++part) {
        Work::template submit_chunk<star, T>(core(), job, part, waits, f, from, chunk);
      }
    } catch (...) {
      // The input, or a codec: the caller sees why, and nobody the results, but the error callback.
      job->abandoned.store(true, std::memory_order_relaxed);
      core().give_up(job, part, parts, std::current_exception());
      throw;
    }
    return AsyncResult<MapResult<R>>(std::move(job));
  }

  template <class F, class Range>
  auto imap_of(bool ordered, F&& f, Range&& items, IMapOptions options) const {
    using R =
        typename Work::template ItemResult<false, std::decay_t<F>, std::remove_reference_t<Range>>;
    static_assert(Work::template require<ItemArguments<false, Range>, std::decay_t<F>>());
    using State = IMapState<Work, R, std::decay_t<F>, Range>;
    core().check_submit();
    if (options.chunksize < 1) {
      refuse_chunksize(options.chunksize);
    }
    if (options.buffersize.has_value() && *options.buffersize < 1) {
      refuse_buffersize();
    }
    check_limits<Work>(options);
    const uint64_t workers = static_cast<uint64_t>(core().size());
    Ahead ahead{kMostAhead * workers, kLeastAhead * workers, kBytesAhead * workers};
    if (options.buffersize.has_value()) {
      ahead.most = ahead.least = static_cast<uint64_t>(*options.buffersize);
    }
    auto state = std::make_shared<State>(core_, std::forward<F>(f), std::forward<Range>(items),
                                         ordered, options, ahead);
    core_->keep_stream(state);
    IMapIterator<internal::Item<R>> results(state);
    state->begin();
    return results;
  }
  // Chunks of an imap that are ahead, per worker: so many that who is woken for one finds more, and fewer if they are large.
  static constexpr uint64_t kMostAhead = 256;
  static constexpr uint64_t kLeastAhead = 32;
  static constexpr uint64_t kBytesAhead = uint64_t{1} << 20;
};

}  // namespace internal
}  // namespace mp

#endif  // MP_INTERNAL_POOL_BASIC_POOL_H_

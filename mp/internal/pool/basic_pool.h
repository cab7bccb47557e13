// mp/internal/pool/basic_pool.h
//
// BasicPool: the typed shell that mp::Pool and mp::ThreadPool share. `Work` says how a call becomes a task of its Core.

#ifndef MP_INTERNAL_POOL_BASIC_POOL_H_
#define MP_INTERNAL_POOL_BASIC_POOL_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/async_result.h"
#include "mp/call_options.h"
#include "mp/internal/pool/item_types.h"
#include "mp/internal/pool/job_options.h"
#include "mp/internal/pool/map_job.h"
#include "mp/internal/pool/refusals.h"
#include "mp/internal/pool/start_call.h"
#include "mp/timeout.h"

namespace mp::internal {

template <class Work>
class BasicPool {
 public:
  using Core = typename Work::Core;
  // Items per task; none: a quarter of each worker's share.
  using Chunksize = std::optional<int64_t>;

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
    return start_call<Work>(core_, ApplyOptions(), true, std::forward<F>(f),
                            std::forward<A>(args)...)
        .get();
  }
  template <class F, class... A>
  auto apply(const ApplyOptions& options, F&& f, A&&... args) const {
    return start_call<Work>(core_, options, true, std::forward<F>(f), std::forward<A>(args)...)
        .get();
  }
  template <class F, class... A>
  auto apply_async(F&& f, A&&... args) const {
    return start_call<Work>(core_, ApplyOptions(), false, std::forward<F>(f),
                            std::forward<A>(args)...);
  }
  template <class F, class... A, class R = CallOutcome<Work, F, A...>>
  auto apply_async(CallOptions<std::type_identity_t<R>> options, F&& f, A&&... args) const {
    return start_call<Work>(core_, std::move(options), false, std::forward<F>(f),
                            std::forward<A>(args)...);
  }
  // As executors call it.
  template <class F, class... A>
  auto submit(F&& f, A&&... args) const {
    return apply_async(std::forward<F>(f), std::forward<A>(args)...);
  }
  template <class F, class... A, class R = CallOutcome<Work, F, A...>>
  auto submit(CallOptions<std::type_identity_t<R>> options, F&& f, A&&... args) const {
    return apply_async(std::move(options), std::forward<F>(f), std::forward<A>(args)...);
  }

  // -- One call per item of a range --

  // What f returned for each item, in the order of the items. f is called with the items of one chunk one after the other;
  // the first that throws ends its chunk, and is what map() throws once all others are done.
  template <class F, class Range>
  auto map(const F& f, Range&& items, Chunksize chunksize = {}) const {
    return start_map<Work, false>(core_, MapOptions{chunksize}, true, f, items).get();
  }
  template <class F, class T>
  auto map(const F& f, std::initializer_list<T> items, Chunksize chunksize = {}) const {
    return start_map<Work, false>(core_, MapOptions{chunksize}, true, f, items).get();
  }
  template <class F, class Range>
  auto map(MapOptions options, const F& f, Range&& items) const {
    return start_map<Work, false>(core_, std::move(options), true, f, items).get();
  }
  template <class F, class Range>
  auto map_async(const F& f, Range&& items, Chunksize chunksize = {}) const {
    return start_map<Work, false>(core_, MapOptions{chunksize}, false, f, items);
  }
  template <class F, class T>
  auto map_async(const F& f, std::initializer_list<T> items, Chunksize chunksize = {}) const {
    return start_map<Work, false>(core_, MapOptions{chunksize}, false, f, items);
  }
  template <class F, class Range, class R = ItemOutcome<Work, false, F, Range>>
  auto map_async(CallOptions<MapResult<std::type_identity_t<R>>> options, const F& f,
                 Range&& items) const {
    return start_map<Work, false>(core_, std::move(options), false, f, items);
  }
  // The same with items that are tuples of arguments.
  template <class F, class Range>
  auto starmap(const F& f, Range&& items, Chunksize chunksize = {}) const {
    return start_map<Work, true>(core_, MapOptions{chunksize}, true, f, items).get();
  }
  template <class F, class T>
  auto starmap(const F& f, std::initializer_list<T> items, Chunksize chunksize = {}) const {
    return start_map<Work, true>(core_, MapOptions{chunksize}, true, f, items).get();
  }
  template <class F, class Range>
  auto starmap(MapOptions options, const F& f, Range&& items) const {
    return start_map<Work, true>(core_, std::move(options), true, f, items).get();
  }
  template <class F, class Range>
  auto starmap_async(const F& f, Range&& items, Chunksize chunksize = {}) const {
    return start_map<Work, true>(core_, MapOptions{chunksize}, false, f, items);
  }
  template <class F, class T>
  auto starmap_async(const F& f, std::initializer_list<T> items, Chunksize chunksize = {}) const {
    return start_map<Work, true>(core_, MapOptions{chunksize}, false, f, items);
  }
  template <class F, class Range, class R = ItemOutcome<Work, true, F, Range>>
  auto starmap_async(CallOptions<MapResult<std::type_identity_t<R>>> options, const F& f,
                     Range&& items) const {
    return start_map<Work, true>(core_, std::move(options), false, f, items);
  }

  // The results one by one, in the order of the items or in that of their ends, while the input is read as they are taken:
  // at most `buffersize` chunks of it are ahead. A range that is not given away must live as long as the iterator.
  template <class F, class Range>
  auto imap(F&& f, Range&& items, int64_t chunksize = 1,
            std::optional<int64_t> buffersize = {}) const {
    return start_imap<Work>(core_, true, {chunksize, buffersize}, std::forward<F>(f),
                            std::forward<Range>(items));
  }
  template <class F, class T>
  auto imap(F&& f, std::initializer_list<T> items, int64_t chunksize = 1,
            std::optional<int64_t> buffersize = {}) const {
    return start_imap<Work>(core_, true, {chunksize, buffersize}, std::forward<F>(f),
                            std::vector<T>(items));
  }
  template <class F, class Range>
  auto imap(const IMapOptions& options, F&& f, Range&& items) const {
    return start_imap<Work>(core_, true, options, std::forward<F>(f), std::forward<Range>(items));
  }
  template <class F, class Range>
  auto imap_unordered(F&& f, Range&& items, int64_t chunksize = 1,
                      std::optional<int64_t> buffersize = {}) const {
    return start_imap<Work>(core_, false, {chunksize, buffersize}, std::forward<F>(f),
                            std::forward<Range>(items));
  }
  template <class F, class T>
  auto imap_unordered(F&& f, std::initializer_list<T> items, int64_t chunksize = 1,
                      std::optional<int64_t> buffersize = {}) const {
    return start_imap<Work>(core_, false, {chunksize, buffersize}, std::forward<F>(f),
                            std::vector<T>(items));
  }
  template <class F, class Range>
  auto imap_unordered(const IMapOptions& options, F&& f, Range&& items) const {
    return start_imap<Work>(core_, false, options, std::forward<F>(f), std::forward<Range>(items));
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
  bool join(Timeout timeout = kForever) const { return core().join(timeout); }
  // From now on so many workers. Those that are too many leave when they have done what they have.
  void resize(int processes) const {
    check_pool_size(processes);
    core().resize(processes);
  }
  int size() const { return core().size(); }

 protected:
  explicit BasicPool(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~BasicPool() = default;

  Core& core() const { return usable(core_); }
  std::shared_ptr<Core> core_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_BASIC_POOL_H_

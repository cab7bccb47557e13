// mp/internal/pool/start_call.h
//
// How a call of a pool's user begins: one call, one per item of a range, or an imap. `Work` says how it becomes tasks of its Core.

#ifndef MP_INTERNAL_POOL_START_CALL_H_
#define MP_INTERNAL_POOL_START_CALL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/async_result.h"
#include "mp/call_options.h"
#include "mp/imap_iterator.h"
#include "mp/internal/pool/call_job.h"
#include "mp/internal/pool/cursor.h"
#include "mp/internal/pool/imap_state.h"
#include "mp/internal/pool/item_types.h"
#include "mp/internal/pool/job_options.h"
#include "mp/internal/pool/map_job.h"
#include "mp/internal/pool/refusals.h"

namespace mp::internal {

// Throws unless there is a pool, and it is this process's.
template <class Core>
Core& usable(const std::shared_ptr<Core>& core) {
  if (core == nullptr) {
    refuse_not_running();
  }
  core->check_ours();
  return *core;
}

// An AsyncResult of it. With `waits` the caller is about to wait for that. Options: what full_options() takes.
template <class Work, class Core, class Options, class F, class... A>
auto start_call(const std::shared_ptr<Core>& core, Options given, bool waits, F&& f, A&&... args) {
  static_assert(Work::template require<Types<std::decay_t<A>...>, std::decay_t<F>>());
  using R = CallOutcome<Work, F, A...>;
  if constexpr (!std::is_same_v<R, Refused>) {
    CallOptions<R> options = full_options<R>(std::move(given));
    check_limits<Work>(options);
    auto job = std::make_shared<CallJob<R>>(core);
    job->expect(1);
    set_options(*job, options);
    Work::submit_call(usable(core), job, waits, std::forward<F>(f), std::forward<A>(args)...);
    return AsyncResult<R>(std::move(job));
  } else {
    return Refused();
  }
}

// The n items from `at` on.
template <class Work, bool star, class R, class T, class Core, class F, class It, class End>
AsyncResult<MapResult<R>> submit_map(const std::shared_ptr<Core>& core,
                                     CallOptions<MapResult<R>> options, bool waits, const F& f,
                                     It at, End end, size_t n) {
  auto job = std::make_shared<MapJob<R>>(core);
  const size_t share = 4 * static_cast<size_t>(usable(core).size());
  const size_t chunk = options.chunksize.has_value() ? static_cast<size_t>(*options.chunksize)
                                                     : (n + share - 1) / share;
  const uint64_t parts = n == 0 ? 0 : (n + chunk - 1) / chunk;
  set_options(*job, options);
  job->plan(n, chunk);
  job->expect(parts);
  if (parts == 0) {
    usable(core).check_submit();
    usable(core).finish_empty(job);
  }
  uint64_t part = 0;
  Cursor<It, End> from(std::move(at), std::move(end));
  try {
    for (; part < parts; ++part) {
      Work::template submit_chunk<star, T>(usable(core), job, part, waits, f, from, chunk);
    }
  } catch (...) {
    // The input, or a codec: the caller sees why, and nobody the results, but the error callback.
    job->abandoned.store(true, std::memory_order_relaxed);
    usable(core).give_up(job, part, parts, std::current_exception());
    throw;
  }
  return AsyncResult<MapResult<R>>(std::move(job));
}

// Options: what full_options() takes.
template <class Work, bool star, class Core, class Options, class F, class Range>
auto start_map(const std::shared_ptr<Core>& core, Options given, bool waits, const F& f,
               Range& items) {
  static_assert(Work::template require<ItemArguments<star, Range>, std::decay_t<F>>());
  using R = ItemOutcome<Work, star, F, Range>;
  using T = std::decay_t<decltype(*std::begin(items))>;
  if constexpr (std::is_same_v<R, Refused>) {
    return Refused();
  } else {
    CallOptions<MapResult<R>> options = full_options<MapResult<R>>(std::move(given));
    auto at = std::begin(items);
    auto end = std::end(items);
    if (options.chunksize.has_value() && *options.chunksize < 1) {
      refuse_chunksize(*options.chunksize);
    }
    usable(core);
    check_limits<Work>(options);
    if constexpr (KnowsItsSize<Range>) {
      return submit_map<Work, star, R, T>(core, std::move(options), waits, f, at, end,
                                          size_of(items));
    } else {
      // How many there are decides how they are cut.
      std::vector<T> all;
      for (; at != end; ++at) {
        all.push_back(*at);
      }
      auto first = all.begin();
      return submit_map<Work, star, R, T>(core, std::move(options), waits, f, first, all.end(),
                                          all.size());
    }
  }
}

// Chunks of an imap that are ahead, per worker: so many that who is woken for one finds more, and fewer if they are large.
inline constexpr uint64_t kMostAhead = 256;
inline constexpr uint64_t kLeastAhead = 32;
inline constexpr uint64_t kBytesAhead = uint64_t{1} << 20;

template <class Work, class Core, class F, class Range>
auto start_imap(const std::shared_ptr<Core>& core, bool ordered, const IMapOptions& options, F&& f,
                Range&& items) {
  static_assert(Work::template require<ItemArguments<false, Range>, std::decay_t<F>>());
  using R = ItemOutcome<Work, false, F, Range>;
  if constexpr (std::is_same_v<R, Refused>) {
    return Refused();
  } else {
    using State = IMapState<Work, R, std::decay_t<F>, Range>;
    usable(core).check_submit();
    if (options.chunksize < 1) {
      refuse_chunksize(options.chunksize);
    }
    if (options.buffersize.has_value() && *options.buffersize < 1) {
      refuse_buffersize();
    }
    check_limits<Work>(options);
    const uint64_t workers = static_cast<uint64_t>(core->size());
    Ahead ahead{kMostAhead * workers, kLeastAhead * workers, kBytesAhead * workers};
    if (options.buffersize.has_value()) {
      ahead.most = ahead.least = static_cast<uint64_t>(*options.buffersize);
    }
    auto state = std::make_shared<State>(core, std::forward<F>(f), std::forward<Range>(items),
                                         ordered, options, ahead);
    core->keep_stream(state);
    IMapIterator<Item<R>> results(state);
    state->begin();
    return results;
  }
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_START_CALL_H_

// mp/internal/pool/thread_work.h
//
// How a call becomes a task of a ThreadCrew: a function with its arguments, copied.

#ifndef MP_INTERNAL_POOL_THREAD_WORK_H_
#define MP_INTERNAL_POOL_THREAD_WORK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/internal/frame/invoke.h"
#include "mp/internal/pool/cursor.h"
#include "mp/internal/pool/item_types.h"
#include "mp/internal/pool/job.h"
#include "mp/internal/pool/thread_crew.h"

namespace mp::internal {

struct ThreadWork {
  using Core = ThreadCrew;
  static constexpr bool kEndsCalls = false;
  struct AnyNumber {
    void operator()(size_t) const {}
  };

  template <class Arguments, class F>
  struct Fit;
  template <class... A, class F>
  struct Fit<Types<A...>, F> {
    static constexpr bool kFits = std::is_invocable_v<F&, A&&...>;
    static constexpr bool require() {
      static_assert(kFits, "mp: this callable cannot be called with these arguments");
      return true;
    }
  };
  template <class Arguments, class F>
  static constexpr bool kFits = Fit<Arguments, F>::kFits;
  template <class Arguments, class F>
  static constexpr bool require() {
    return Fit<Arguments, F>::require();
  }

  template <class F, class... A>
  requires(std::is_invocable_v<F&, A&&...>) using CallResult =
      std::decay_t<std::invoke_result_t<F&, A&&...>>;

  template <class Job, class F, class... A>
  static void submit_call(ThreadCrew& core, const std::shared_ptr<Job>& job, bool, F&& f,
                          A&&... args) {
    static_assert((require_kept<F>() && ... && require_kept<A>()));
    if constexpr ((can_be_kept<F> && ... && can_be_kept<A>)) {
      submit_kept(core, job, std::forward<F>(f), std::forward<A>(args)...);
    }
  }
  template <class Job, class F, class... A>
  static void submit_kept(ThreadCrew& core, const std::shared_ptr<Job>& job, F&& f, A&&... args) {
    auto call = std::make_shared<std::tuple<std::decay_t<F>, std::decay_t<A>...>>(
        std::forward<F>(f), std::forward<A>(args)...);
    core.submit(job, 0, [job = job.get(), call](MayPut may_put) {
      auto run = [&]() -> decltype(auto) {
        return std::apply(
            [](auto& g, auto&... a) -> decltype(auto) { return call_with(g, std::move(a)...); },
            *call);
      };
      job->run(0, run, may_put);
    });
  }

  // see(how many items there were) is called before anybody has them.
  template <bool star, class T, class Job, class F, class It, class End, class See = AnyNumber>
  static void submit_chunk(ThreadCrew& core, const std::shared_ptr<Job>& job, uint64_t part, bool,
                           const F& f, Cursor<It, End>& from, size_t n, const See& see = {}) {
    struct Chunk {
      std::decay_t<F> f;
      std::vector<T> items;
    };
    auto chunk = std::make_shared<Chunk>(Chunk{f, {}});
    while (chunk->items.size() < n && from.more()) {
      chunk->items.push_back(from.take());
    }
    see(chunk->items.size());
    core.submit(job, part, [job = job.get(), part, chunk](MayPut may_put) {
      auto run = [&](const auto& give) {
        for (auto&& item : chunk->items) {
          auto call = [&]() -> decltype(auto) {
            if constexpr (star) {
              return std::apply(
                  [&](auto&... a) -> decltype(auto) {
                    return call_with(chunk->f, std::move(a)...);
                  },
                  item);
            } else {
              return call_with(chunk->f, static_cast<T&&>(item));
            }
          };
          if constexpr (std::is_void_v<decltype(call())>) {
            call();
            give();
          } else {
            give(std::decay_t<decltype(call())>(call()));
          }
        }
      };
      job->run(part, chunk->items.size(), run, may_put);
    });
  }

  // As ProcessWork's; but each is submitted at once, and takes nothing that its items do not.
  struct Chunks {
    template <class T, class Job, class F, class It, class End, class See>
    size_t add(ThreadCrew& core, const std::shared_ptr<Job>& job, uint64_t part, const F& f,
               Cursor<It, End>& from, size_t n, const See& see) {
      submit_chunk<false, T>(core, job, part, true, f, from, n, see);
      return 0;
    }
    void submit(ThreadCrew&, const std::shared_ptr<internal::Job>&, uint64_t) {}
  };
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_THREAD_WORK_H_

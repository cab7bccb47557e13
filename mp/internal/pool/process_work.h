// mp/internal/pool/process_work.h
//
// How a call becomes a task of a ProcessCrew: a message, made in the caller's thread.

#ifndef MP_INTERNAL_POOL_PROCESS_WORK_H_
#define MP_INTERNAL_POOL_PROCESS_WORK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "mp/internal/pool/cursor.h"
#include "mp/internal/pool/item_types.h"
#include "mp/internal/pool/job.h"
#include "mp/internal/pool/pool_task.h"
#include "mp/internal/pool/process_crew.h"
#include "mp/internal/pool/task_thunk.h"

namespace mp::internal {

struct ProcessWork {
  using Core = ProcessCrew;
  static constexpr bool kEndsCalls = true;  // that take too long, or whose worker died

  template <class Arguments, class F>
  struct Fit;
  template <class... A, class F>
  struct Fit<Types<A...>, F> {
    static constexpr bool fits() {
      if constexpr (ships_call<F, A...>()) {
        using Result = typename CallTaskOf<F, A...>::type::Result;
        return std::is_void_v<Result> || Shippable<Result>;
      }
      return false;
    }
    static constexpr bool kFits = fits();
    static constexpr bool require() {
      if constexpr (kFits || !ships_call<F, A...>()) {
        return require_call<F, A...>();
      } else {
        return require_shippable<typename CallTaskOf<F, A...>::type::Result>();
      }
    }
  };
  template <class Arguments, class F>
  static constexpr bool kFits = Fit<Arguments, F>::kFits;
  // Does not compile, with a message that says why, unless F can be called with them in a worker.
  template <class Arguments, class F>
  static constexpr bool require() {
    return Fit<Arguments, F>::require();
  }

  // What f(args...) returns; nothing, softly, if the call does not fit.
  template <class F, class... A>
  requires(kFits<Types<A...>, F>) using CallResult = typename CallTaskOf<F, A...>::type::Result;

  template <class F, class... A>
  static void submit_call(ProcessCrew& core, const std::shared_ptr<Job>& job, bool waits,
                          const F& f, const A&... args) {
    Encoder& encoder = Encoder::local();
    encode_task<std::decay_t<F>, std::decay_t<const A&>...>(encoder, f, args...);
    core.submit(job, 0, PoolTask::make(encoder), waits);
  }

  template <bool star, class T, class Job, class F, class It, class End>
  static void submit_chunk(ProcessCrew& core, const std::shared_ptr<Job>& job, uint64_t part,
                           bool waits, const F& f, Cursor<It, End>& from, size_t n) {
    Encoder& encoder = Encoder::local();
    encode_chunk<star, typename ItemTypes<star, T>::type, T, std::decay_t<F>>(encoder, f, from, n);
    core.submit(job, part, PoolTask::make(encoder), waits);
  }

  // Chunks of a stream that are submitted together, the first as part `part`.
  class Chunks {
   public:
    // Makes one of the next n items; see(how many there were). Returns its bytes.
    template <class T, class Job, class F, class It, class End, class See>
    size_t add(ProcessCrew&, const std::shared_ptr<Job>&, uint64_t, const F& f,
               Cursor<It, End>& from, size_t n, const See& see) {
      Encoder& encoder = Encoder::local();
      see(encode_chunk<false, typename ItemTypes<false, T>::type, T, std::decay_t<F>>(encoder, f,
                                                                                      from, n));
      tasks_.push_back(PoolTask::make(encoder));
      return tasks_.back()->size();
    }
    void submit(ProcessCrew& core, const std::shared_ptr<Job>& job, uint64_t part) {
      core.submit_some(job, part, tasks_);
      tasks_.clear();
    }

   private:
    std::vector<std::unique_ptr<PoolTask>> tasks_;
  };
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_PROCESS_WORK_H_

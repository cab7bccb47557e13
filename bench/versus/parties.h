// bench/versus/parties.h
//
// Two parties for the rivals, without anything of mp: the second one starts, says that it is ready,
// and works; the first one's clock runs from that word to the end of its own part, as in the
// reference's benchmark.

#ifndef MP_BENCH_VERSUS_PARTIES_H_
#define MP_BENCH_VERSUS_PARTIES_H_

#include <cstdint>
#include <functional>

namespace bench {

// The second party is a thread. Returns the seconds that `first` took; the thread has ended by
// then.
double with_thread(const std::function<void()>& second, const std::function<void()>& first);

// kManyParties threads run `produce` and as many `consume`, each with its share of `n`, all from one moment on. Returns the
// seconds until the last consumer has done its share.
double with_many_threads(int64_t n, const std::function<void(int64_t)>& produce,
                         const std::function<void(int64_t)>& consume);

// The second party is a forked process. It has been waited for at the end; throws
// std::runtime_error if it failed.
double with_process(const std::function<void()>& second, const std::function<void()>& first);

}  // namespace bench

#endif  // MP_BENCH_VERSUS_PARTIES_H_

// bench/versus/parties.h
//
// Two parties for the rivals, without anything of mp: the second one starts, says that it is ready,
// and works; the first one's clock runs from that word to the end of its own part, as in the
// reference's benchmark.

#ifndef MP_BENCH_VERSUS_PARTIES_H_
#define MP_BENCH_VERSUS_PARTIES_H_

#include <functional>

namespace bench {

// The second party is a thread. Returns the seconds that `first` took; the thread has ended by
// then.
double with_thread(const std::function<void()>& second, const std::function<void()>& first);

// The second party is a forked process. It has been waited for at the end; throws
// std::runtime_error if it failed.
double with_process(const std::function<void()>& second, const std::function<void()>& first);

}  // namespace bench

#endif  // MP_BENCH_VERSUS_PARTIES_H_

#include "bench/versus/versus.h"

#if __has_include(<concurrentqueue/blockingconcurrentqueue.h>)

#include <concurrentqueue/blockingconcurrentqueue.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/versus/parties.h"

namespace bench {
namespace {

using StringQueue = moodycamel::BlockingConcurrentQueue<std::string>;

double queue(int64_t n) {
  StringQueue q;
  return with_thread(
      [&] {
        const std::string message(kMessageBytes, '0');
        for (int64_t i = 0; i < n; ++i) q.enqueue(message);
      },
      [&] {
        std::string got;
        for (int64_t i = 0; i < n; ++i) q.wait_dequeue(got);
        benchmark::DoNotOptimize(got.data());
      });
}

double queue_bulk(int64_t n) {
  StringQueue q;
  return with_thread(
      [&] {
        const std::vector<std::string> batch(kBatch, std::string(kMessageBytes, '0'));
        for (int64_t left = n; left > 0; left -= kBatch) {
          q.enqueue_bulk(batch.begin(), static_cast<size_t>(std::min<int64_t>(left, kBatch)));
        }
      },
      [&] {
        std::vector<std::string> got(kBatch);
        for (int64_t left = n; left > 0;) {
          left -= static_cast<int64_t>(q.wait_dequeue_bulk(got.begin(), got.size()));
        }
        benchmark::DoNotOptimize(got.data());
      });
}

double queue_many(int64_t n) {
  moodycamel::BlockingConcurrentQueue<SmallMessage> q;
  return with_many_threads(
      n,
      [&](int64_t count) {
        const SmallMessage message{'0'};
        for (int64_t i = 0; i < count; ++i) q.enqueue(message);
      },
      [&](int64_t count) {
        SmallMessage got;
        for (int64_t i = 0; i < count; ++i) q.wait_dequeue(got);
        benchmark::DoNotOptimize(got);
      });
}

}  // namespace

Body moodycamel_queue() { return self_timed<queue>(); }

Body moodycamel_queue_bulk() { return self_timed<queue_bulk>(); }

Body moodycamel_queue_many() { return self_timed<queue_many>(); }

}  // namespace bench

#else

namespace bench {

Body moodycamel_queue() { return {nullptr, "libconcurrentqueue-dev is not installed"}; }

Body moodycamel_queue_bulk() { return moodycamel_queue(); }

Body moodycamel_queue_many() { return moodycamel_queue(); }

}  // namespace bench

#endif

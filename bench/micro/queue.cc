#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "mp/backend.h"

namespace bench {
namespace {

template <class B>
using Strings = typename B::template Queue<std::string>;

template <class B>
void put_each(Strings<B> q, typename B::Condition ready, int64_t n) {
  const std::string message(kMessageBytes, '0');
  report(ready);
  for (int64_t i = 0; i < n; ++i) q.put(message);
}

template <class B>
double queue(int64_t n) {
  Strings<B> q;
  typename B::Condition ready;
  return with_party(make_party<B>(&put_each<B>, q, ready, n), ready, [&] {
    for (int64_t i = 0; i < n; ++i) {
      std::string got = q.get();
      benchmark::DoNotOptimize(got.data());
    }
  });
}

template <class B>
void put_batches(Strings<B> q, typename B::Condition ready, int64_t n) {
  const std::vector<std::string> batch(kBatch, std::string(kMessageBytes, '0'));
  report(ready);
  for (int64_t left = n; left > 0; left -= kBatch) {
    q.put_many(std::span<const std::string>(batch).first(
        static_cast<size_t>(std::min<int64_t>(left, kBatch))));
  }
}

template <class B>
double queue_batch(int64_t n) {
  Strings<B> q;
  typename B::Condition ready;
  return with_party(make_party<B>(&put_batches<B>, q, ready, n), ready, [&] {
    std::vector<std::string> got;
    for (int64_t left = n; left > 0;) {
      q.get_many(got, kBatch);
      benchmark::DoNotOptimize(got.data());
      left -= static_cast<int64_t>(got.size());
    }
  });
}

}  // namespace

Body queue_processes() { return self_timed<queue<mp::Processes>>(); }

Body queue_threads() { return self_timed<queue<mp::Threads>>(); }

Body queue_batch_processes() { return self_timed<queue_batch<mp::Processes>>(); }

Body queue_batch_threads() { return self_timed<queue_batch<mp::Threads>>(); }

}  // namespace bench

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "mp/backend.h"
#include "mp/bytes.h"
#include "mp/joinable_queue.h"
#include "mp/simple_queue.h"

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

template <class B>
using SmallMessages = typename B::template Queue<SmallMessage>;

template <class B>
void put_share(SmallMessages<B> q, typename B::Barrier begin, int64_t n) {
  const SmallMessage message{'0'};
  begin.wait();
  for (int64_t i = 0; i < n; ++i) q.put(message);
}

template <class B>
void get_share(SmallMessages<B> q, typename B::Barrier begin, typename B::Barrier end, int64_t n) {
  SmallMessage got;
  begin.wait();
  for (int64_t i = 0; i < n; ++i) got = q.get();
  benchmark::DoNotOptimize(got);
  end.wait();
}

template <class B>
double queue_many(int64_t n) {
  SmallMessages<B> q;
  typename B::Barrier begin(2 * kManyParties + 1);
  typename B::Barrier end(kManyParties + 1);
  std::vector<typename B::Process> parties;
  for (int64_t i = 0; i < kManyParties; ++i) {
    const int64_t share = (n + i) / kManyParties;
    parties.push_back(make_party<B>(&put_share<B>, q, begin, share));
    parties.push_back(make_party<B>(&get_share<B>, q, begin, end, share));
  }
  for (const auto& party : parties) party.start();
  begin.wait();
  const auto start = Clock::now();
  end.wait();
  const double elapsed = seconds_since(start);
  for (const auto& party : parties) finish(party);
  return elapsed;
}

template <class B>
using Large = typename B::template Queue<mp::Bytes>;

// As many large messages as may wait: so many that nobody need wait for the other, so few that the memory stays warm.
constexpr int64_t kLargeWaiting = 4;

template <class B>
void put_large(Large<B> q, typename B::Condition ready, int64_t n) {
  const mp::Bytes message = mp::Bytes::zeros(kLargeBytes);
  report(ready);
  for (int64_t i = 0; i < n; ++i) q.put(message);
}

template <class B>
double queue_large(int64_t n) {
  Large<B> q(kLargeWaiting);
  typename B::Condition ready;
  return with_party(make_party<B>(&put_large<B>, q, ready, n), ready, [&] {
    std::vector<mp::Bytes> got;
    for (int64_t left = n; left > 0; left -= static_cast<int64_t>(got.size())) {
      q.get_many(got, 1);
      benchmark::DoNotOptimize(got.data());
    }
  });
}

// By one process in turn: between two the producer's copy is what both wait for.
template <class Take>
void put_and_take_large(benchmark::State& state, const Take& take) {
  const Large<mp::Processes> q;
  const mp::Bytes message = mp::Bytes::zeros(kLargeBytes);
  time_each(state, [&] {
    q.put(message);
    take(q);
  });
}
void view_large(benchmark::State& state) {
  put_and_take_large(state, [](const auto& q) {
    mp::MessageView<mp::Bytes> view = q.get_view();
    benchmark::DoNotOptimize(view.value().data());
  });
}
void get_large(benchmark::State& state) {
  std::vector<mp::Bytes> got;
  put_and_take_large(state, [&](const auto& q) {
    q.get_many(got, 1);
    benchmark::DoNotOptimize(got.data());
  });
}

double lease_each(int64_t n) {
  using B = mp::Processes;
  Strings<B> q;
  B::Condition ready;
  return with_party(make_party<B>(&put_each<B>, q, ready, n), ready, [&] {
    for (int64_t i = 0; i < n; ++i) {
      mp::Lease<std::string> got = q.get_lease();
      benchmark::DoNotOptimize(got->data());
      got.ack();
    }
  });
}

void put_tasks(mp::JoinableQueue<std::string> q, mp::Condition ready, int64_t n) {
  const std::string message(kMessageBytes, '0');
  report(ready);
  for (int64_t i = 0; i < n; ++i) q.put(message);
}
double joinable(int64_t n) {
  mp::JoinableQueue<std::string> q;
  mp::Condition ready;
  return with_party(make_party<mp::Processes>(&put_tasks, q, ready, n), ready, [&] {
    for (int64_t i = 0; i < n; ++i) {
      std::string got = q.get();
      benchmark::DoNotOptimize(got.data());
      q.task_done();
    }
    q.join();
  });
}

void put_simply(mp::SimpleQueue<std::string> q, mp::Condition ready, int64_t n) {
  const std::string message(kMessageBytes, '0');
  report(ready);
  for (int64_t i = 0; i < n; ++i) q.put(message);
}
double simple(int64_t n) {
  mp::SimpleQueue<std::string> q;
  mp::Condition ready;
  return with_party(make_party<mp::Processes>(&put_simply, q, ready, n), ready, [&] {
    for (int64_t i = 0; i < n; ++i) {
      std::string got = q.get();
      benchmark::DoNotOptimize(got.data());
    }
  });
}

}  // namespace

Body queue_processes() { return self_timed<queue<mp::Processes>>(); }

Body queue_threads() { return self_timed<queue<mp::Threads>>(); }

Body queue_batch_processes() { return self_timed<queue_batch<mp::Processes>>(); }

Body queue_batch_threads() { return self_timed<queue_batch<mp::Threads>>(); }

Body queue_many_processes() { return self_timed<queue_many<mp::Processes>>(); }

Body queue_many_threads() { return self_timed<queue_many<mp::Threads>>(); }

Body queue_large_processes() { return self_timed<queue_large<mp::Processes>>(); }

Body queue_large_threads() { return self_timed<queue_large<mp::Threads>>(); }

Body queue_large_get_alone() { return {get_large}; }

Body queue_large_view_alone() { return {view_large}; }

Body queue_lease() { return self_timed<lease_each>(); }

Body joinable_queue() { return self_timed<joinable>(); }

Body simple_queue() { return self_timed<simple>(); }

}  // namespace bench

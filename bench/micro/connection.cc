#include <poll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "bench/placement.h"
#include "mp/backend.h"
#include "mp/wait.h"

namespace bench {
namespace {

// Each side sleeps while the other works. They are on one processor, or on one each.
template <class B>
void answer(typename B::Connection end, int processor, int64_t rounds) {
  OnProcessor here(processor);
  for (int64_t i = 0; i <= rounds; ++i) end.send(end.template recv<int>());
}
template <class B, int kOther>
double round_trip(int64_t n) {
  auto [here, there] = B::Pipe();
  auto party = make_party<B>(&answer<B>, there, kOther, n);
  party.start();
  OnProcessor first(0);
  here.send(0);
  here.template recv<int>();
  const auto start = Clock::now();
  for (int64_t i = 0; i < n; ++i) {
    here.send(1);
    here.template recv<int>();
  }
  const double elapsed = seconds_since(start);
  finish(party);
  return elapsed;
}

template <class B>
void send_large(typename B::Connection end, typename B::Condition ready, int64_t n) {
  const std::string message(kLargeBytes, '0');
  report(ready);
  for (int64_t i = 0; i < n; ++i) end.send_bytes(message);
}
template <class B>
double large(int64_t n) {
  const auto ends = B::Pipe(false);
  typename B::Condition ready;
  std::vector<std::byte> got(kLargeBytes);
  return with_party(make_party<B>(&send_large<B>, ends.second, ready, n), ready, [&] {
    for (int64_t i = 0; i < n; ++i) {
      ends.first.recv_bytes_into(got);
      benchmark::DoNotOptimize(got.data());
    }
  });
}

void send_small(mp::Connection end, mp::Condition ready, int64_t n) {
  const std::string message(kMessageBytes, '0');
  report(ready);
  for (int64_t i = 0; i < n; ++i) end.send_bytes(message);
}
double polled(int64_t n) {
  const auto ends = mp::Pipe(false);
  mp::Condition ready;
  auto party = make_party<mp::Processes>(&send_small, ends.second, ready, n);
  pollfd readable{ends.first.fileno(), POLLIN, 0};
  std::array<std::byte, kMessageBytes> got;
  return with_party(party, ready, [&] {
    for (int64_t i = 0; i < n; ++i) {
      poll(&readable, 1, -1);
      ends.first.recv_bytes_into(got);
      benchmark::DoNotOptimize(got.data());
    }
  });
}

// One of eight connections is ready at a time.
constexpr size_t kConnections = 8;
void send_in_turn(std::vector<mp::Connection> ends, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const mp::Connection& end = ends[static_cast<size_t>(i) % kConnections];
    end.send(1);
    end.recv<int>();
  }
}
double waited(int64_t n) {
  std::vector<mp::Connection> here;
  std::vector<mp::Connection> there;
  for (size_t i = 0; i < kConnections; ++i) {
    auto [a, b] = mp::Pipe();
    here.push_back(a);
    there.push_back(b);
  }
  auto party = make_party<mp::Processes>(&send_in_turn, there, n);
  party.start();
  const auto start = Clock::now();
  for (int64_t i = 0; i < n; ++i) {
    for (const mp::Connection& ready : mp::wait(here)) ready.send(ready.recv<int>());
  }
  const double elapsed = seconds_since(start);
  finish(party);
  return elapsed;
}

}  // namespace

Body round_trip_processes() { return self_timed<round_trip<mp::Processes, 0>>(); }
Body round_trip_threads() { return self_timed<round_trip<mp::Threads, 0>>(); }
Body round_trip_apart_processes() { return self_timed<round_trip<mp::Processes, 1>>(); }
Body round_trip_apart_threads() { return self_timed<round_trip<mp::Threads, 1>>(); }
Body pipe_large_processes() { return self_timed<large<mp::Processes>>(); }
Body pipe_large_threads() { return self_timed<large<mp::Threads>>(); }
Body pipe_polled() { return self_timed<polled>(); }
Body wait_processes() { return self_timed<waited>(); }

}  // namespace bench

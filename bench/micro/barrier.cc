#include <cstdint>

#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "mp/backend.h"

namespace bench {
namespace {

template <class B>
void pass(typename B::Barrier barrier, int64_t rounds) {
  for (int64_t i = 0; i <= rounds; ++i) {
    barrier.wait();
  }
}

template <class B>
double rounds_of_two(int64_t rounds) {
  typename B::Barrier barrier(2);
  auto party = make_party<B>(&pass<B>, barrier, rounds);
  party.start();
  barrier.wait();
  const auto start = Clock::now();
  for (int64_t i = 0; i < rounds; ++i) {
    barrier.wait();
  }
  const double elapsed = seconds_since(start);
  finish(party);
  return elapsed;
}

}  // namespace

Body barrier_processes() { return self_timed<rounds_of_two<mp::Processes>>(); }

Body barrier_threads() { return self_timed<rounds_of_two<mp::Threads>>(); }

}  // namespace bench

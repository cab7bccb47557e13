#include <cstdint>

#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "mp/backend.h"

namespace bench {
namespace {

template <class B>
void answer(typename B::Condition turn, int64_t rounds) {
  turn.acquire();
  turn.notify();
  for (int64_t i = 0; i < rounds; ++i) {
    turn.wait();
    turn.notify();
  }
  turn.release();
}

// The reference's exchange, word for word: each round is two waits, one on each side.
template <class B>
double ping_pong(int64_t waits) {
  const int64_t rounds = (waits + 1) / 2;
  typename B::Condition turn;
  auto party = make_party<B>(&answer<B>, turn, rounds);
  turn.acquire();
  party.start();
  turn.wait();
  const auto start = Clock::now();
  for (int64_t i = 0; i < rounds; ++i) {
    turn.notify();
    turn.wait();
  }
  const double elapsed = seconds_since(start);
  turn.release();
  finish(party);
  return elapsed;
}

}  // namespace

Body condition_processes() { return self_timed<ping_pong<mp::Processes>>(); }

Body condition_threads() { return self_timed<ping_pong<mp::Threads>>(); }

}  // namespace bench

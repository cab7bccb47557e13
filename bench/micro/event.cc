#include <cstdint>

#include "bench/bystander.h"
#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "mp/backend.h"

namespace bench {
namespace {

template <class Event>
void set_and_clear(benchmark::State& state) {
  Event event;
  time_each(state, [&] {
    event.set();
    event.clear();
  });
}

// What a program between threads pays: one that has a second thread.
template <class Event>
void set_and_clear_among_threads(benchmark::State& state) {
  Bystander bystander;
  set_and_clear<Event>(state);
}

template <class B>
void answer(typename B::Event ping, typename B::Event pong, int64_t rounds) {
  pong.set();
  for (int64_t i = 0; i < rounds; ++i) {
    ping.wait();
    ping.clear();
    pong.set();
  }
}

// Each round is two waits, one on each side.
template <class B>
double ping_pong(int64_t waits) {
  const int64_t rounds = (waits + 1) / 2;
  typename B::Event ping;
  typename B::Event pong;
  auto party = make_party<B>(&answer<B>, ping, pong, rounds);
  party.start();
  pong.wait();
  pong.clear();
  const auto start = Clock::now();
  for (int64_t i = 0; i < rounds; ++i) {
    ping.set();
    pong.wait();
    pong.clear();
  }
  const double elapsed = seconds_since(start);
  finish(party);
  return elapsed;
}

}  // namespace

Body event_set_processes() { return {set_and_clear<mp::Event>}; }

Body event_set_threads() { return {set_and_clear_among_threads<mp::dummy::Event>}; }

Body event_processes() { return self_timed<ping_pong<mp::Processes>>(); }

Body event_threads() { return self_timed<ping_pong<mp::Threads>>(); }

}  // namespace bench

// bench/micro/party.h
//
// The second party of a variant that measures mp: a process, or a thread with the same interface.

#ifndef MP_BENCH_MICRO_PARTY_H_
#define MP_BENCH_MICRO_PARTY_H_

#include <stdexcept>

#include "bench/variant.h"
#include "mp/context.h"

namespace bench {

// A party of the backend B, mp::Processes or mp::Threads, that will run f(args...). A process is
// forked: how it came to life does not matter afterwards.
template <class B, class F, class... A>
typename B::Process make_party(F f, const A&... args) {
  return typename B::Process({.context = mp::get_context("fork")}, f, args...);
}

// Waits for a party's end.
template <class Process>
void finish(const Process& party) {
  party.join();
  if (party.exitcode() != 0) throw std::runtime_error("the second party failed");
}

// Starts the party and returns the seconds that `work` takes from the moment when the party has
// called report(), as the reference's benchmarks do. The party has ended then.
template <class Process, class Condition, class Work>
double with_party(const Process& party, const Condition& ready, Work work) {
  ready.acquire();
  party.start();
  ready.wait();
  ready.release();
  const auto start = Clock::now();
  work();
  const double elapsed = seconds_since(start);
  finish(party);
  return elapsed;
}

template <class Condition>
void report(const Condition& ready) {
  ready.acquire();
  ready.notify();
  ready.release();
}

}  // namespace bench

#endif  // MP_BENCH_MICRO_PARTY_H_

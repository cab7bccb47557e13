// mp/internal/model/explorer.h
//
// Explorer: runs a few actors, each a function, in every order of their accesses to shared memory,
// with up to K of them killed before any access, and says whether all of it ends well.
//
// What a step is   one access to an atomic, one futex call, one question to the kernel about a
//                  death. The order of memory accesses is sequentially consistent: the explorer
//                  finds errors of protocol, not missing fences.
// Kernel           a futex wait compares and falls asleep in one step; a wake chooses any of the
//                  sleepers. A killed actor is gone between two of its steps: its sleeps are over,
//                  one sleeper on its life word is woken, then it is dead for everybody.
// Slices           never end while nobody has died: an actor that sleeps with nobody left to wake
//                  it is a violation. After a death, when all who live are asleep, all slices end
//                  at once; a few such rounds are granted.
// Search           depth first, over snapshots of the shared memory and of the actors' stacks. A
//                  state is known by a hash of the shared memory, of the sleepers, and per actor
//                  of the values it has read since its loop's head (LoopHead) or since forget().
//
// An actor may keep nothing but plain values on its stack: no heap, no destructors that matter.

#ifndef MP_INTERNAL_MODEL_EXPLORER_H_
#define MP_INTERNAL_MODEL_EXPLORER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"

namespace mp::internal::model {

inline constexpr int kMostActors = 4;

struct Scenario {
  // All memory that actors share, what they note for the checks included. Plain bytes.
  void* shared = nullptr;
  size_t size = 0;
  // Makes the first state.
  std::function<void()> begin;
  std::vector<std::function<void()>> actors;
  // Run alone when all actors have ended or are dead, as actor number actors.size().
  std::function<void()> end;
  // Names for a printed path: where each thing begins.
  std::vector<std::pair<const void*, std::string>> names;

  int kills = 0;  // at most so many actors are killed
  // Whether nobody but `actor` may change what is at `at`, now, because it holds a lock: its loads
  // of that are part of its next step. Null: never.
  std::function<bool(int actor, const void* at)> owns;
  // Which of them may be killed, now; null: any. Looks without steps.
  std::function<bool(int actor)> may_kill;
  // When all who live are asleep after a death: whether that is a state from which slices may
  // rescue them; null: any is.
  std::function<bool()> may_rest;
  // Slices did not help either: whether this one may sleep on this word for ever, because what it
  // waits for died with somebody; null: never.
  std::function<bool(int actor, const void* word)> may_stay;
  // Between its last step and the moment from which it counts as dead a killed actor is neither.
  bool slow_exit = false;
  // So many slices may end at any moment.
  int early_slices = 0;
  uint64_t most_states = 0;  // 0: no bound
};

struct Outcome {
  uint64_t states = 0;
  uint64_t steps = 0;
  uint64_t ends = 0;  // states in which all had ended
  bool complete = true;
  std::string violation;  // with the path that leads to it; empty: none
};

Outcome explore(const Scenario& scenario);

// Whether the long runs were asked for: MP_MODEL_LONG is set.
bool long_runs();
// "name: 12345 states, 67890 steps, 12 ends" to stdout.
void report(const char* name, const Outcome& outcome);

// -- For actors --

// Number of the running actor.
int self() noexcept;
// If not `ok`, the search ends here with the violation `what`.
void require(bool ok, const char* what);
// The local state is `what` and nothing else, so far.
void forget(uint64_t what) noexcept;
// A step of its own, at which others may run and this one may be killed.
void pause() noexcept;
// Any of 0 .. n - 1.
int choose(int n) noexcept;

// Actors that are spelled, a letter for each thing that one does: use(letter, its place). `spelled`
// and `use` outlive the exploration.
template <class Use>
void cast(Scenario& scenario, const std::vector<std::string>& spelled, const Use& use) {
  for (const std::string& turns : spelled) {
    scenario.actors.push_back([&use, &turns] {
      for (size_t r = 0; r < turns.size(); ++r) {
        forget(r);
        use(turns[r], r);
      }
    });
  }
}

// -- For policies --

enum class Step : uint8_t { kStart, kLoad, kStore, kRmw, kWait, kWake, kAsk, kPause, kChoose };

void before(Step step, const void* at) noexcept;
// What the running actor has seen.
void saw(uint64_t value) noexcept;
uint64_t seen() noexcept;
void set_seen(uint64_t seen) noexcept;

// A word to sleep on, and what it holds.
struct Watched {
  const void* at = nullptr;
  uint64_t value = 0;
  uint64_t expected = 0;
};
// Sleeps on `word`, on `also` if there is one, and on the life words of the actors in the set.
FutexResult wait(const Watched& word, const Watched& also, uint8_t lives,
                 Deadline deadline) noexcept;
int wake(const void* word, int count) noexcept;
// Wakes all who sleep on the life word of `actor`.
void wake_mourners(int actor) noexcept;
bool is_dead(int actor) noexcept;
bool is_dying(int actor) noexcept;

}  // namespace mp::internal::model

#endif  // MP_INTERNAL_MODEL_EXPLORER_H_

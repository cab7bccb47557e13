// mp/testing/killer.h
//
// The instruction killer: runs an operation in a victim process, kills it with SIGKILL at every machine instruction, and
// after each death lets survivors find out whether anything hangs, is torn, lost, duplicated or leaked.
//
//   class PutIntoEmpty : public Scene {
//    public:
//     PutIntoEmpty() : Scene("Queue.put", "empty") {}
//     void set_up() override { queue_ = make_queue(); }                      // a world without a history
//     void operate() override { queue_.put("hello"); }                      // in the victim, step by step
//     Verdict check() override {                                            // in a survivor
//       auto got = queue_.try_get(0);
//       if (got && *got != "hello") return torn(*got);
//       return took_effect(got.has_value());
//     }
//   };
//   PutIntoEmpty scene;
//   Row row = run_row(scene, Mode::kKill, {});                              // row.violations == 0
//
// What runs where. The harness process sets the scene and tears it down, and is a live process of the scene's world that
// never blocks. The victim is forked from it and is the only one that is traced. Survivors (the checker, and the helpers
// a scene casts) are untraced, and may block: when none of them can move any more, that is a hang.
//
// A kill point is a distinct (operation, state, instruction address). The frame around the operation does not count, and
// neither do the repetitions of a `rep` instruction or a loop, at each of which the victim is killed all the same.
// Besides the instructions it is killed on entry to each system call and asleep inside it.
//
// What the harness checks by itself:
//   hang        survivors all asleep in a futex, with no turn on a processor for RowOptions::quiet
//   lost        an operation that has returned has no effect; or it had its effect when killed at one point and not when
//               killed at a later one: an operation commits at one instruction, once
//   crashed     the victim or the checker ended by itself
//
// Sleeps of the code under test should be longer than `quiet` (slices of an hour), or a bounded sleep ends what would
// otherwise be a hang. Whatever one death may cost, one whole operation of a survivor must set right: a check that wants
// to know whether sleepers are woken performs one, and then the helpers must end.

#ifndef MP_TESTING_KILLER_H_
#define MP_TESTING_KILLER_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "mp/testing/helper.h"
#include "mp/testing/tracee.h"

namespace mp::testing {

enum class Outcome { kOk, kHang, kTorn, kLost, kDuplicated, kLeaked, kWrong, kCrashed };
inline constexpr int kOutcomes = 8;
const char* to_string(Outcome outcome);

// What a survivor found.
struct Verdict {
  enum class Effect : uint8_t { kUnknown, kNo, kYes };

  Outcome outcome = Outcome::kOk;
  Effect effect = Effect::kUnknown;  // of the victim's operation
  std::string text;
};

inline Verdict fine() { return {}; }
Verdict took_effect(bool yes);
Verdict torn(std::string text);
Verdict lost(std::string text);
Verdict duplicated(std::string text);
Verdict leaked(std::string text);
// Anything else that may not be: two owners, a dead owner not reported.
Verdict wrong(std::string text);

struct Death {
  bool recoverer;  // the second victim of Mode::kRecovery
  bool returned;   // the operation was over
  int sleeps;      // how often on_sleep() has woken the victim
};

// One row of the report. In the order of their calls for each death:
class Scene : public Traced {
 public:
  Scene(std::string operation, std::string state);
  virtual ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  const std::string& operation() const { return operation_; }
  const std::string& state() const { return state_; }

  // In the harness: a new world. Nothing of an earlier one may show.
  virtual void set_up() = 0;

  // In the victim: prepare(), operate(); see Traced.

  // In the harness: the victim has prepared, and stands before its operation.
  virtual void on_ready() {}

  // In the harness: the victim sleeps inside its operation for the nth time, from 1. Wakes it and returns true; or
  // returns false, and the run ends there.
  virtual bool on_sleep(int /*nth*/) { return false; }

  // In the harness, Mode::kPause: the victim stands still at an instruction. Others may now do what they like, without
  // blocking the harness; afterwards the victim runs on.
  virtual void intrude() {}

  // In the harness: the victim, or the recoverer, stands still and is about to be killed. The last
  // look at what it has done, and into its memory.
  virtual Verdict examine(pid_t /*victim*/, const Death&) { return {}; }

  // In the harness: the victim, or the recoverer, is dead and reaped (kPause: it runs on, and this
  // and the look before are not called).
  virtual void on_death(const Death&) {}

  // In the recoverer, Mode::kRecovery: the operation that finds the dead victim's state, step by step.
  virtual void prepare_recovery() {}
  virtual void recover() {}

  // In the checker, a process of its own: uses the world as anybody would. Helpers must all end while it runs or soon
  // after it.
  virtual Verdict check() = 0;

  // In the harness, when the checker and all helpers have ended.
  virtual Verdict audit() { return {}; }
  virtual void tear_down() {}

  // The memory whose bytes are the state of the world. Deaths between two changes of it need not all be tried in the
  // short form, nor with a killed recoverer.
  virtual std::vector<std::span<const std::byte>> shared() { return {}; }

 protected:
  // A helper that lives until this death has been judged.
  Helper& cast(std::string name, const std::function<void()>& body);
  // A tracee that goes on as a helper from where it stands.
  Helper& release(std::string name, Tracee& tracee);
  // For the checker and the helpers: waits until each of the other helpers is over, or sleeps in a
  // futex. Who holds what they want thus makes sure that they all want it.
  void await_helpers_settled();
  // Waits until `done()`; false when nobody is left to do it: the helpers are over, or have slept in
  // a futex for RowOptions' own `quiet` without a turn. So who waits for a helper that hangs does not
  // hang itself, and the hang is judged.
  bool await(absl::FunctionRef<bool()> done);
  // Ends the program with a sentence: the scene itself is wrong.
  void require(bool ok, const char* what);

  // For a scene made from another.
  void rename(std::string state) { state_ = std::move(state); }

 private:
  friend class RowRunner;

  static constexpr size_t kMostHelpers = 16;

  Helper& add(Helper helper);

  std::string operation_;
  std::string state_;
  std::deque<Helper> helpers_;
  std::atomic<pid_t>* people_;  // the helpers' pids, in memory all share
};

enum class Mode {
  kKill,      // the victim is killed at every instruction
  kRecovery,  // the victim is killed at each point that leaves a state of its own; then the recoverer at every instruction
  kPause,  // nobody dies: the victim stands still at every instruction while intrude() runs, and then ends
};
const char* to_string(Mode mode);

struct RowOptions {
  // 1: at every instruction. n: at every nth, counted from `offset`, and around each change of
  // shared() and each system call; and the recoverers of every third death, counted so too.
  int stride = 1;
  int offset = 0;
  // Stop after this many violations; 0: never.
  int enough = 0;
  std::chrono::nanoseconds quiet = std::chrono::milliseconds(300);
  std::chrono::nanoseconds limit = std::chrono::seconds(30);
  // The processor it runs on, by its place among those allowed.
  int cpu = 0;
  // Called now and then with the share of the work that is done.
  std::function<void(double)> progress = {};
};

struct Violation {
  Outcome outcome;
  int64_t step;       // steps of the victim
  int64_t recovery;   // steps of the recoverer, -1 if there was none
  uintptr_t address;  // where the one who died last died
  std::string where;  // its function, if that could be found
  std::string text;
};

struct Row {
  std::string operation;
  std::string state;
  Mode mode = Mode::kKill;
  int64_t instructions = 0;  // of one whole run; kRecovery: of the longest recovery
  int64_t points = 0;   // distinct addresses at which somebody was killed (kPause: stood still)
  int64_t deaths = 0;   // kPause: stops
  int64_t strayed = 0;  // runs that left the recorded path and were judged where they were
  int64_t violations = 0;
  std::array<int64_t, kOutcomes> by_outcome{};
  std::vector<Violation> first;  // of each outcome the first few
  double seconds = 0;
};

Row run_row(Scene& scene, Mode mode, const RowOptions& options);

}  // namespace mp::testing

#endif  // MP_TESTING_KILLER_H_

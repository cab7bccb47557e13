// mp/testing/barrier_scenes.h
//
// What can happen to a barrier when somebody dies, as scenes for the killer: templates over how the
// barrier is reached, so that the public class, and its core with a planted bug, go through the
// same checks. An `Api` has create(parties, action) and drop() for the harness, wait(), abort(),
// reset(), broken(), n_waiting() and object().

#ifndef MP_TESTING_BARRIER_SCENES_H_
#define MP_TESTING_BARRIER_SCENES_H_

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mp/barrier.h"
#include "mp/internal/core/barrier_object.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/ref.h"
#include "mp/testing/family_scene.h"
#include "mp/testing/one_change.h"

namespace mp::testing {

// What the action counts in.
inline std::atomic<uint32_t>* g_barrier_actions = nullptr;
inline void count_barrier_action() { g_barrier_actions->fetch_add(1); }

// mp::Barrier as users have it.
class PublicBarrier {
 public:
  void create(int parties, bool action) {
    barrier_.emplace(parties, action ? Barrier::Action(&count_barrier_action) : Barrier::Action());
  }
  void drop() { barrier_.reset(); }
  bool wait() { return barrier_->try_wait().ok(); }
  void abort() { barrier_->abort(); }
  void reset() { barrier_->reset(); }
  bool broken() { return barrier_->broken(); }
  int n_waiting() { return barrier_->n_waiting(); }
  internal::BarrierObject<>* object() {
    return internal::HandleAccess::ref(*barrier_).object<internal::BarrierObject<>>();
  }

 private:
  std::optional<Barrier> barrier_;
};

// Its core, with atomics of one's own.
template <class A>
class CoreBarrier {
 public:
  void create(int parties, bool action) {
    auto n = static_cast<uint32_t>(parties);
    ref_ = internal::Ref::create(internal::Kind::kBarrier, internal::BarrierObject<>::size(n));
    object()->word.start(n, action);
    object()->timeout = kForever;
  }
  void drop() { ref_ = internal::Ref(); }
  bool wait() { return bug()->wait(internal::Deadline::never(), &count_barrier_action).passed; }
  void abort() { bug()->call().break_off(internal::BarrierCause::kAbort); }
  void reset() { bug()->call().reset(); }
  bool broken() { return bug()->call().state().broken; }
  int n_waiting() { return static_cast<int>(bug()->call().state().waiting); }
  internal::BarrierObject<>* object() { return ref_.object<internal::BarrierObject<>>(); }

 private:
  internal::BarrierObject<A>* bug() { return ref_.object<internal::BarrierObject<A>>(); }
  internal::Ref ref_;
};

// What all scenes of a barrier have in common.
template <class Api>
class BarrierScene : public FamilyScene {
 public:
  using Word = internal::BarrierWord<>;
  using Hall = internal::BarrierHall<>;
  using Place = internal::BarrierPlace<>;
  using Call = internal::BarrierCall<internal::RealAtomics>;

  // `parties`, of whom `sleepers` come before the victim; `rounds` were passed before.
  BarrierScene(const char* operation, std::string state, int parties, int sleepers,
               bool action = false, int rounds = 0)
      : FamilyScene(std::string("Barrier.") + operation,
                    std::move(state) + ", " + std::to_string(sleepers) + " of " +
                        std::to_string(parties) + " there" + (action ? ", action" : "") +
                        (rounds != 0 ? ", later round" : "")),
        parties_(parties),
        sleepers_(sleepers),
        action_(action),
        rounds_(rounds) {}

  void on_ready() override {
    for (int i = 0; i < sleepers_; ++i) {
      Helper& sleeper = cast("sleeper", [this, i] { wait_as(i); });
      require(sleeper.await_asleep(), "the helper did not wait at the barrier");
    }
  }

  // Where the victim stands when it dies.
  Verdict examine(pid_t, const Death& death) override {
    if (!death.recoverer) {
      auto [h, st] = object()->word.current();
      uint64_t place = row(h)[victims_place()].st;
      arrived_ = Place::taken(place, Hall::round(st)) && is_victim(Place::owner(place));
    }
    return fine();
  }

  // The bytes after the block's header: all that is shared of a barrier.
  std::vector<std::span<const std::byte>> shared() override {
    auto* o = object();
    auto* end = reinterpret_cast<const std::byte*>(o) +
                internal::BarrierObject<>::size(static_cast<uint64_t>(parties_));
    return {std::span(reinterpret_cast<const std::byte*>(&o->word), end)};
  }

  // Looks at the barrier, and so settles what a death has left.
  void recover() override { api_.n_waiting(); }

 protected:
  // What a helper has found, in stage().numbers.
  enum Found : uint32_t { kNothing, kPassed, kBroken };

  void create() override {
    g_barrier_actions = &stage().inside;
    arrived_ = false;
    api_.create(parties_, action_);
    for (int r = 0; r < rounds_; ++r) {
      pass_alone();
    }
    stage().inside = 0;
  }
  void drop() override { api_.drop(); }

  void wait_as(int i) { stage().numbers[i] = api_.wait() ? kPassed : kBroken; }
  Found found(int i) { return static_cast<Found>(stage().numbers[i].load()); }
  // Waits until helper i has found something; kNothing when it hangs, which is seen.
  Found await_found(int i) {
    await([&] { return found(i) != kNothing; });
    return found(i);
  }

  // All parties in one: the barrier is usable.
  void pass_alone() {
    Call call = object()->call();
    std::vector<typename Call::Seat> seats;
    for (int i = 0; i < parties_; ++i) {
      seats.push_back(call.arrive(internal::Deadline::never()));
    }
    for (int i = parties_; i-- > 0;) {
      bool passed = call.depart(seats[static_cast<size_t>(i)], internal::Deadline::never()).passed;
      require(passed, "a barrier that nobody uses is not passed");
    }
  }
  Verdict mend_and_pass() {
    api_.reset();
    if (api_.broken()) {
      return wrong("broken after reset()");
    }
    // Once in each hall.
    pass_alone();
    pass_alone();
    api_.abort();
    if (!api_.broken()) {
      return wrong("not broken after abort()");
    }
    return api_.wait() ? wrong("a broken barrier is passed") : fine();
  }
  // The same, and `v` if all is well.
  Verdict mend_and_pass(Verdict v) {
    Verdict mended = mend_and_pass();
    return mended.outcome == Outcome::kOk ? v : mended;
  }

  Verdict inspect() override {
    for (int i = 0; i < sleepers_; ++i) {
      if (found(i) != found(0)) {
        return wrong("one passed, and for another the same round was broken");
      }
    }
    if (stage().inside > 1) {
      return duplicated("the action ran twice");
    }
    return fine();
  }

  // Where the victim stands once it has come.
  virtual int victims_place() const { return sleepers_ < parties_ ? sleepers_ : 0; }

  internal::BarrierObject<>* object() { return api_.object(); }
  Place* row(uint32_t hall) {
    return reinterpret_cast<Place*>(object() + 1) + hall * static_cast<uint32_t>(parties_);
  }

  const int parties_;
  const int sleepers_;
  const bool action_;
  const int rounds_;
  Api api_;
  bool arrived_ = false;  // the victim had its place
};

// The victim is the last to come.
template <class Api>
class BarrierWaitLast : public BarrierScene<Api> {
  using Base = BarrierScene<Api>;

 public:
  explicit BarrierWaitLast(int parties, bool action = false, int rounds = 0)
      : Base("wait", "last", parties, parties - 1, action, rounds) {}
  void operate() override { this->api_.wait(); }

  Verdict check() override {
    // Settles what is to be settled; a survivor stands in for one who never came.
    if (this->sleepers_ == 0) {
      return this->mend_and_pass();
    }
    bool never_came = this->api_.n_waiting() == this->parties_ - 1 && !this->api_.broken();
    if (never_came && !this->api_.wait()) {
      return wrong("the round broke, and nobody in it has died");
    }
    bool passed = this->await_found(0) == Base::kPassed;
    if (passed && this->action_ && this->stage().inside != 1) {
      return wrong("passed, and the action did not run");
    }
    if (!passed && !this->action_) {
      return wrong("a death broke a full round");
    }
    return this->mend_and_pass(took_effect(passed && !never_came));
  }
};

// The victim comes early and sleeps, until somebody comes and makes it full.
template <class Api>
class BarrierWaitEarly : public BarrierScene<Api> {
  using Base = BarrierScene<Api>;

 public:
  explicit BarrierWaitEarly(int sleepers, int rounds = 0)
      : Base("wait", "woken", sleepers + 2, sleepers, false, rounds) {}
  void operate() override { this->api_.wait(); }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      this->cast("last", [this] { this->wait_as(this->sleepers_); });
    }
    return nth == 1;
  }
  void on_death(const Death& death) override {
    if (!death.recoverer) {
      completed_ = death.sleeps != 0;
    }
  }

  Verdict check() override {
    if (completed_) {
      // All came before the death, if it was one: the last was cast to a sleeping victim.
      Found last = this->await_found(this->sleepers_);
      return last == Base::kPassed ? this->mend_and_pass() : wrong("a death broke a full round");
    }
    if (this->arrived_) {
      // Whoever comes now, as the last, must not pass with the dead.
      if (this->api_.wait()) {
        return wrong("passed with a dead party");
      }
      for (int i = 0; i < this->sleepers_; ++i) {
        if (this->await_found(i) != Base::kBroken) {
          return wrong("passed with a dead party");
        }
      }
      return this->mend_and_pass();
    }
    // It never came.
    if (this->api_.n_waiting() != this->sleepers_ || this->api_.broken()) {
      return wrong("who died before it came is felt");
    }
    this->api_.abort();
    return this->mend_and_pass();
  }

 private:
  using Found = typename Base::Found;
  bool completed_ = false;
};

// The victim breaks the barrier with abort(), or mends it with reset(), while others wait or when it
// is broken.
template <class Api>
class BarrierChange : public BarrierScene<Api> {
  using Base = BarrierScene<Api>;

 public:
  BarrierChange(const char* operation, const char* state, int sleepers, int rounds = 0)
      : Base(operation, state, 3, sleepers, false, rounds) {}
  void recover() override { this->operate(); }

  Verdict examine(pid_t, const Death& death) override {
    auto [h, st] = this->object()->word.current();
    return change_.note(death, is_done(st));
  }
  Verdict check() override {
    auto [h, st] = this->object()->word.current();
    Verdict v = change_.judge(is_done(st));
    if (!change_.returned()) {
      // Whatever the death has cost, one whole operation sets it right.
      this->operate();
    }
    this->await_helpers_settled();
    for (int i = 0; i < this->sleepers_; ++i) {
      if (this->found(i) != Base::kBroken) {
        return wrong("the operation has returned, and somebody has not come back from wait()");
      }
    }
    return v.outcome == Outcome::kOk ? this->mend_and_pass(v) : v;
  }

 protected:
  using Hall = typename Base::Hall;

  void create() override {
    Base::create();
    change_.begin();
  }
  // Whether the current round says so.
  virtual bool is_done(uint64_t st) = 0;

 private:
  OneChange change_;
};

template <class Api>
class BarrierAbort : public BarrierChange<Api> {
 public:
  explicit BarrierAbort(int sleepers, int rounds = 0)
      : BarrierChange<Api>("abort", "open", sleepers, rounds) {}
  void operate() override { this->api_.abort(); }

 protected:
  bool is_done(uint64_t st) override { return internal::BarrierHall<>::broken(st); }
};

template <class Api>
class BarrierReset : public BarrierChange<Api> {
 public:
  explicit BarrierReset(int sleepers, bool broken = false)
      : BarrierChange<Api>("reset", broken ? "broken" : "open", sleepers), broken_(broken) {}
  void operate() override { this->api_.reset(); }

 protected:
  void create() override {
    BarrierChange<Api>::create();
    if (broken_) {
      this->api_.abort();
    }
  }
  bool is_done(uint64_t st) override {
    return broken_ ? !internal::BarrierHall<>::broken(st) : internal::BarrierHall<>::over(st);
  }

 private:
  const bool broken_;
};

// The victim looks at a barrier in which somebody has died, and so breaks it.
template <class Api>
class BarrierFindsADeath : public BarrierScene<Api> {
  using Base = BarrierScene<Api>;

 public:
  explicit BarrierFindsADeath(bool comes)
      : Base(comes ? "wait" : "broken", "one died inside", 2, 0), comes_(comes) {}
  void operate() override {
    if (comes_) {
      this->api_.wait();
    } else {
      this->api_.broken();
    }
  }
  // Without the error and its text: they would be most of the instructions.
  void recover() override {
    if (comes_) {
      this->object()->wait(internal::Deadline::never(), [] {});
    } else {
      this->api_.broken();
    }
  }
  Verdict check() override {
    if (this->api_.wait()) {
      return wrong("passed with a dead party");
    }
    return this->mend_and_pass();
  }

 protected:
  void create() override {
    Base::create();
    Helper& dead = this->cast("the dead party", [this] { this->wait_as(0); });
    this->require(dead.await_asleep(), "the helper did not wait at the barrier");
    dead.kill();
  }

 private:
  const bool comes_;
};

// The victim ends the round while another, who came first, is about to sleep. Where nobody dies,
// nobody else has to help.
enum class BarrierEnd { kLast, kLastWithAction, kAbort, kReset };

template <class Api>
class BarrierBesideOneAboutToSleep : public BarrierScene<Api> {
  using Base = BarrierScene<Api>;

 public:
  explicit BarrierBesideOneAboutToSleep(BarrierEnd end)
      : Base(end == BarrierEnd::kAbort   ? "abort"
             : end == BarrierEnd::kReset ? "reset"
                                         : "wait",
             is_last(end) ? "last, one about to sleep" : "one about to sleep", 2, 0,
             end == BarrierEnd::kLastWithAction),
        end_(end) {}
  void on_ready() override {
    using Self = BarrierBesideOneAboutToSleep;
    late_ = std::make_unique<Tracee>(*this, &Traced::nothing,
                                     static_cast<Tracee::Call>(&Self::wait_late));
    this->require(late_->run_to_futex(), "the late one did not go to sleep");
  }
  void operate() override {
    if (end_ == BarrierEnd::kAbort) {
      this->api_.abort();
    } else if (end_ == BarrierEnd::kReset) {
      this->api_.reset();
    } else {
      this->api_.wait();
    }
  }
  void intrude() override { let_go(); }
  void on_death(const Death& death) override {
    if (!death.recoverer) {
      let_go();
    }
    died_ = true;
  }
  Verdict check() override {
    if (!died_) {
      return fine();
    }
    if (!is_last(end_)) {
      this->operate();
      return this->await_found(0) == Base::kBroken
                 ? this->mend_and_pass()
                 : wrong("passed a barrier that was aborted or reset");
    }
    bool never_came = this->api_.n_waiting() == 1;
    if (never_came && !this->api_.wait()) {
      return wrong("the round broke, and nobody in it has died");
    }
    bool passed = this->await_found(0) == Base::kPassed;
    // Only the death of the one who runs the action may break it.
    if (!passed && !(this->action_ && this->arrived_)) {
      return wrong("a death broke a full round");
    }
    return this->mend_and_pass();
  }

 protected:
  void create() override {
    Base::create();
    died_ = false;
  }
  void drop() override {
    late_.reset();
    Base::drop();
  }
  // The late one has the first place.
  int victims_place() const override { return 1; }

 private:
  static bool is_last(BarrierEnd end) {
    return end == BarrierEnd::kLast || end == BarrierEnd::kLastWithAction;
  }
  void wait_late() { this->wait_as(0); }
  void let_go() { this->release("the one about to sleep", *late_).await_asleep(); }

  const BarrierEnd end_;
  std::unique_ptr<Tracee> late_;
  bool died_ = false;
};

// Nobody dies: while the victim comes, others come and make it full. All pass, each once.
template <class Api>
class BarrierContended : public BarrierScene<Api> {
  using Base = BarrierScene<Api>;

 public:
  explicit BarrierContended(int others)
      : Base("wait", "contended", others + 1, 0), others_(others) {}
  void operate() override { this->wait_as(0); }
  void intrude() override {
    intruded_ = true;
    for (int i = 1; i <= others_; ++i) {
      this->cast("another", [this, i] { this->wait_as(i); }).await_asleep();
    }
  }
  Verdict check() override {
    for (int i = 0; i <= others_ && intruded_; ++i) {
      if (this->await_found(i) != Base::kPassed) {
        return wrong("it is full, and somebody did not pass");
      }
    }
    return this->mend_and_pass();
  }
  bool on_sleep(int) override { return false; }

 protected:
  void create() override {
    Base::create();
    intruded_ = false;
  }

 private:
  const int others_;
  bool intruded_ = false;
};

}  // namespace mp::testing

#endif  // MP_TESTING_BARRIER_SCENES_H_

// mp/testing/refuse_scenes.h
//
// What can happen to a lock or semaphore that refuses (kRefuse) when its owner, a waiter or the one
// who recovers it dies: nobody is let in between the death of an owner and the end of recover().
// Templates over the thing, a lock or a semaphore of one permit. An `Api` has
//
//   static const char* name();
//   void create();  void drop();                  // in the harness
//   bool acquire();                               // false: refused
//   bool find_out();                              // the same without an exception; keeps nothing
//   bool poll();                                  // in
//   void release();  bool release_by_mistake();  void recover();
//   bool news(is_gone);                           // one who is gone has it, or it is marked
//   bool at_rest();                               // free, not marked, all permits there
//   std::vector<std::span<const std::byte>> shared();

#ifndef MP_TESTING_REFUSE_SCENES_H_
#define MP_TESTING_REFUSE_SCENES_H_

#include <sched.h>
#include <unistd.h>

#include <span>
#include <string>
#include <vector>

#include "mp/errors.h"
#include "mp/internal/core/lock_object.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/core/semaphore_object.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/park/semaphore.h"
#include "mp/testing/family_scene.h"
#include "mp/testing/proc.h"

namespace mp::testing {

// False: refused.
template <class Acquire>
bool let_in(const Acquire& acquire) {
  try {
    return acquire();
  } catch (const OwnerDied&) {
    return false;
  }
}

template <class A, internal::Kind kKind = internal::Kind::kLock>
class RefusingLock {
  using Object = internal::LockObject<A>;
  using Word = internal::LockWord<A>;
  static constexpr bool kRecursive = kKind == internal::Kind::kRLock;

 public:
  static const char* name() { return kRecursive ? "RLock" : "Lock"; }
  void create() {
    ref_ = internal::Ref::create(kKind, sizeof(Object));
    object().death = static_cast<uint32_t>(kRefuse);
  }
  void drop() { ref_ = internal::Ref(); }
  bool acquire() {
    return let_in([&] { return take(kForever); });
  }
  bool poll() {
    return let_in([&] { return take(0); });
  }
  bool find_out() {
    bool in = internal::park_acquire(object().lock, internal::self(), internal::Deadline::never(),
                                     internal::Family::get(), false) == internal::Acquired::kClean;
    if (in) {
      internal::park_release(object().lock);
    }
    return in;
  }
  void release() {
    if constexpr (kRecursive) {
      object().release_recursive();
    } else {
      object().release();
    }
  }
  bool release_by_mistake() { return object().release(); }
  void recover() { object().lock.forgive(); }
  template <class IsGone>
  bool news(const IsGone& is_gone) {
    uint32_t w = object().lock.word;
    return w == Word::kDirty || is_gone(Word::owner_of(w));
  }
  bool at_rest() { return object().lock.word == 0; }
  std::vector<std::span<const std::byte>> shared() {
    return {std::as_bytes(std::span(&object().lock, 1))};
  }

 private:
  Object& object() { return *ref_.object<Object>(); }
  bool take(Timeout timeout) {
    return kRecursive ? object().acquire_recursive(timeout) : object().acquire(timeout);
  }

  internal::Ref ref_;
};

template <class A>
class RefusingSemaphore {
  using Object = internal::SemaphoreObject<A>;

 public:
  static const char* name() { return "Semaphore"; }
  void create() {
    ref_ = internal::Ref::create(internal::Kind::kSemaphore, sizeof(Object));
    object().bound = Object::Word::kMaxValue;
    object().fixed = true;
    object().refuse = true;
    object().word.set(1, false);
  }
  void drop() { ref_ = internal::Ref(); }
  bool acquire() {
    return let_in([&] { return object().acquire(kForever); });
  }
  bool poll() {
    return let_in([&] { return object().acquire(0); });
  }
  bool find_out() {
    internal::Semaphore<typename Object::Word, A, Object> parked(
        object().word, object().bound, {.fixed = true, .refuse = true}, internal::self(),
        internal::Family::get(), object());
    bool in = parked.acquire(internal::Deadline::never()) == internal::Acquired::kClean;
    if (in) {
      parked.release();
    }
    return in;
  }
  void release() { object().release(); }
  void recover() { object().recover(); }
  template <class IsGone>
  bool news(const IsGone& is_gone) {
    bool gone = object().owner_died();
    object().word.each_holder([&](const auto& see) { object().each(see); },
                              [&](internal::Owner owner) { gone = gone || is_gone(owner); });
    return gone;
  }
  bool at_rest() { return object().word.value() == 1 && !object().owner_died(); }
  std::vector<std::span<const std::byte>> shared() {
    return {std::as_bytes(std::span(&object().word, 1)), std::as_bytes(std::span(object().cells))};
  }

 private:
  Object& object() { return *ref_.object<Object>(); }

  internal::Ref ref_;
};

// What all scenes have in common. Who is in says so in stage().inside, and what a dead one has left
// there is what has to be repaired.
template <class Api>
class RefuseScene : public FamilyScene {
 public:
  RefuseScene(const char* operation, const char* state)
      : FamilyScene(std::string(Api::name()) + "(kRefuse)." + operation, state) {}

  Verdict examine(pid_t, const Death&) override {
    untold_ = api_.news([this](internal::Owner owner) {
      return is_victim(owner) || is_recoverer(owner) || (owner && owner.bits == dead_one());
    });
    return fine();
  }
  void on_death(const Death& death) override { mixed_ = mixed_ || death.recoverer; }

  // Finds out, repairs, and says so.
  void recover() override {
    if (!api_.find_out()) {
      repair();
      api_.recover();
    }
  }

  Verdict check() override {
    bool in = api_.acquire();
    if (in == untold_) {
      return wrong(in ? "let in before recover()" : "refused, and there is nothing to repair");
    }
    if (!in) {
      // All who wait are told before anybody has repaired it.
      await_helpers_settled();
      if (api_.poll()) {
        return wrong("refused, and then let in before recover()");
      }
      repair();
      api_.recover();
      if (!api_.acquire()) {
        return wrong("refused after recover()");
      }
    }
    enter();
    await_helpers_settled();
    leave_and_release();
    return fine();
  }

  std::vector<std::span<const std::byte>> shared() override { return api_.shared(); }

 protected:
  void create() override {
    api_.create();
    untold_ = false;
    mixed_ = false;
    sleepers_ = 0;
  }
  void drop() override { api_.drop(); }

  Verdict inspect() override {
    uint32_t told = stage().reports;
    if (!mixed_ && told != (untold_ ? sleepers_ : 0)) {
      return wrong(std::to_string(told) + " of " + std::to_string(sleepers_) +
                   " who waited were refused");
    }
    return api_.at_rest() ? fine() : wrong("at the end it is not free, or marked");
  }

  void repair() { stage().inside = 0; }
  void leave_and_release() {
    leave();
    api_.release();
  }

  // A helper that wants it and has gone to sleep over it.
  void cast_sleeper() {
    Helper& sleeper = cast("sleeper", [this] {
      if (!api_.acquire()) {
        stage().reports.fetch_add(1);
        return;
      }
      enter();
      await_helpers_settled();
      leave_and_release();
    });
    require(sleeper.await_asleep(), "the helper got in instead of falling asleep");
    ++sleepers_;
  }
  // A helper that is in, and stays.
  Helper& cast_owner() {
    Helper& owner = cast("owner", [this] {
      stage().numbers[0] = internal::self().bits;
      api_.acquire();
      enter();
      for (;;) {
        pause();
      }
    });
    while (stage().inside == 0) {
      sched_yield();
    }
    return owner;
  }
  uint32_t dead_one() { return stage().numbers[0]; }

  Api api_;
  bool untold_ = false;  // the next who comes is to be refused
  bool mixed_ = false;   // the recoverer may have recovered before the sleepers have looked
  uint32_t sleepers_ = 0;
};

// The victim comes and goes.
template <class Api>
class RefuseFree : public RefuseScene<Api> {
 public:
  RefuseFree() : RefuseScene<Api>("acquire+release", "free") {}
  void operate() override {
    this->api_.acquire();
    this->enter();
    this->leave_and_release();
  }
};

// The victim is in and leaves; another waits.
template <class Api>
class RefuseRelease : public RefuseScene<Api> {
 public:
  RefuseRelease() : RefuseScene<Api>("release", "1 sleeper") {}
  void prepare() override {
    RefuseScene<Api>::prepare();
    this->api_.acquire();
    this->enter();
  }
  void on_ready() override { this->cast_sleeper(); }
  void operate() override { this->leave_and_release(); }
};

// The victim wants it, and the owner is dead; or waits, another behind it, and the owner dies: at the
// latest when the victim sleeps, or where it stands still, and then somebody else has found out.
template <class Api>
class RefuseOwnerDies : public RefuseScene<Api> {
  using Base = RefuseScene<Api>;

 public:
  explicit RefuseOwnerDies(bool before = false)
      : Base("acquire", before ? "the owner is dead" : "the owner dies, one behind"),
        before_(before) {}
  void operate() override { this->stage().numbers[1] = this->api_.find_out() ? 1 : 0; }
  bool on_sleep(int nth) override {
    if (nth == 1 && !died_) {
      this->cast_sleeper();
      owner_->kill();
    }
    return nth == 1;
  }
  void intrude() override {
    owner_->kill();
    died_ = true;
    this->api_.poll();
  }
  Verdict examine(pid_t pid, const Death& death) override {
    Base::examine(pid, death);
    // Whatever the word says: the owner is dead by then, and the victim does not recover anything.
    this->untold_ = this->untold_ || !death.recoverer;
    return fine();
  }
  void on_death(const Death& death) override {
    Base::on_death(death);
    if (!death.recoverer && death.sleeps == 0) {
      owner_->kill();
    }
  }
  Verdict check() override {
    if (this->stage().numbers[1] != 0) {
      return wrong("the victim was let in before recover()");
    }
    return Base::check();
  }

 protected:
  void create() override {
    Base::create();
    this->untold_ = true;
    died_ = false;
    owner_ = &this->cast_owner();
    if (before_) {
      owner_->kill();
    }
  }

 private:
  const bool before_;
  Helper* owner_ = nullptr;
  bool died_ = false;
};

// It is marked, nobody has it, and the victim does something to it. Where nobody dies, somebody else
// recovers it first, and is in until the victim is done.
enum class Marked { kRecover, kAcquire, kReleaseByMistake };

template <class Api>
class RefuseMarked : public RefuseScene<Api> {
  using Base = RefuseScene<Api>;

 public:
  explicit RefuseMarked(Marked what)
      : Base(what == Marked::kRecover   ? "recover"
             : what == Marked::kAcquire ? "acquire"
                                        : "release",
             "marked"),
        what_(what) {}
  void operate() override {
    if (what_ == Marked::kAcquire) {
      this->api_.find_out();
    } else if (what_ == Marked::kRecover) {
      this->api_.recover();
    } else if constexpr (requires { this->api_.release_by_mistake(); }) {
      this->api_.release_by_mistake();
    }
  }
  void recover() override { this->api_.recover(); }
  Verdict examine(pid_t pid, const Death& death) override {
    Base::examine(pid, death);
    this->untold_ = this->untold_ || what_ == Marked::kReleaseByMistake;
    return fine();
  }
  void intrude() override {
    this->api_.recover();
    this->untold_ = false;
    if (what_ == Marked::kRecover) {
      this->cast("another", [this] {
        if (this->api_.acquire()) {
          this->enter();
          order_.wait();
          this->leave_and_release();
        }
      });
      this->await([this] { return this->stage().inside != 0; });
    }
  }
  Verdict check() override {
    bool beside_another = this->stage().inside != 0 && this->api_.poll();
    order_.give();
    if (beside_another) {
      return wrong("let in beside another");
    }
    this->await([this] { return this->stage().inside == 0; });
    return Base::check();
  }

 protected:
  void create() override {
    Base::create();
    order_.renew();
    this->cast_owner().kill();
    this->require(!this->api_.find_out(), "a dead owner's lock was taken");
    this->repair();
    this->untold_ = what_ != Marked::kRecover;
  }

 private:
  const Marked what_;
  Order order_;
};

}  // namespace mp::testing

#endif  // MP_TESTING_REFUSE_SCENES_H_

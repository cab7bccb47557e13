// mp/testing/lock_scenes.h
//
// What can happen to a lock when somebody dies, as scenes for the killer; templates over how the
// lock is reached, so that the public classes, and their core with a planted bug, go through the
// same checks. An `Api` has
//
//   static const char* name();
//   void create();  void drop();                  // in the harness
//   void acquire();  bool poll();  void release();
//   bool owner_died();
//   LockWord<>& word();

#ifndef MP_TESTING_LOCK_SCENES_H_
#define MP_TESTING_LOCK_SCENES_H_

#include <sched.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mp/internal/core/handle.h"
#include "mp/internal/core/lock_object.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/park/lock.h"
#include "mp/lock.h"
#include "mp/rlock.h"
#include "mp/testing/family_scene.h"
#include "mp/testing/proc.h"

namespace mp::testing {

// mp::Lock and mp::RLock as users have them.
template <class L>
class PublicLock {
 public:
  static const char* name();
  void create() { lock_.emplace(); }
  void drop() { lock_.reset(); }
  void acquire() { lock_->acquire(); }
  bool poll() { return lock_->acquire(0); }
  void release() { lock_->release(); }
  bool owner_died() { return lock_->owner_died(); }
  internal::LockWord<>& word() {
    return internal::HandleAccess::ref(*lock_).template object<internal::LockObject<>>()->lock;
  }

 private:
  std::optional<L> lock_;
};
template <>
inline const char* PublicLock<Lock>::name() {
  return "Lock";
}
template <>
inline const char* PublicLock<RLock>::name() {
  return "RLock";
}

// A family without life words, as on a kernel that has no futex_waitv: the death of an owner wakes
// nobody who sleeps over its lock.
class NoLifeWords final : public internal::Liveness {
 public:
  bool is_dead(internal::Owner owner) noexcept override {
    return internal::Family::get().is_dead(owner);
  }
  const internal::FutexWord* arm_life_word(internal::Owner, uint32_t*) noexcept override {
    return nullptr;
  }
  void relay_death(internal::Owner) noexcept override {}
  int64_t slice_ns() const noexcept override { return internal::Family::get().slice_ns(); }
  void count_rescue() noexcept override {}
};

// Their core, with atomics of one's own, and with or without life words.
template <class A, bool kLifeWords = true>
class CoreLock {
 public:
  static const char* name() { return kLifeWords ? "Lock" : "Lock (no waitv)"; }
  void create() {
    ref_ = internal::Ref::create(internal::Kind::kLock, sizeof(internal::LockObject<>));
  }
  void drop() { ref_ = internal::Ref(); }
  void acquire() { take(kForever); }
  bool poll() { return take(0); }
  void release() { object()->release(); }
  bool owner_died() { return object()->owner_died(internal::self()); }
  internal::LockWord<>& word() { return ref_.object<internal::LockObject<>>()->lock; }
  internal::LockObject<A>* object() { return ref_.object<internal::LockObject<A>>(); }

 private:
  bool take(Timeout timeout) {
    if constexpr (kLifeWords) {
      return object()->acquire(timeout);
    } else {
      NoLifeWords family;
      auto deadline = internal::Deadline::after(timeout);
      return internal::park_acquire(object()->lock, internal::self(), deadline, family) !=
             internal::Acquired::kNo;
    }
  }

  internal::Ref ref_;
};

// What all scenes of a lock have in common.
template <class Api>
class LockScene : public FamilyScene {
 public:
  LockScene(const char* operation, std::string state)
      : FamilyScene(std::string(Api::name()) + "." + operation, std::move(state)) {}

  Verdict examine(pid_t, const Death&) override {
    internal::Owner owner = internal::LockWord<>::owner_of(api_.word().word);
    if (is_victim(owner) && stage().inside != 0) {
      return wrong("the victim holds the lock, and another is in the critical section");
    }
    // Whether a survivor will be told of a dead owner.
    uint32_t w = api_.word().word;
    untold_ = is_victim(owner) || is_recoverer(owner) || w == internal::LockWord<>::kDirty;
    return fine();
  }

  // Whatever the death has cost, one whole turn of a survivor sets it right.
  Verdict check() override {
    visit(check_polls_);
    if (api_.word().word != 0 && !internal::LockWord<>::owner_of(api_.word().word)) {
      return wrong("the lock is free and still marked after everybody's turn");
    }
    return fine();
  }

  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(&api_.word(), 1))};
  }

  void recover() override {
    api_.acquire();
    api_.release();
  }

 protected:
  void create() override {
    api_.create();
    untold_ = false;
    mixed_ = false;
  }
  void drop() override { api_.drop(); }

  Verdict inspect() override {
    uint32_t reports = stage().reports;
    if (!mixed_ && reports != (untold_ ? 1u : 0u)) {
      return wrong("survivors were told " + std::to_string(reports) + " times that an owner died");
    }
    if (api_.word().word != 0) {
      return wrong("the lock is not free at the end");
    }
    return fine();
  }

  // A survivor's turn: the lock is taken, held until all who want it sleep, and given back.
  void visit(bool polls = false) {
    if (!polls || !api_.poll()) {
      api_.acquire();
    }
    if (api_.owner_died()) {
      stage().reports.fetch_add(1);
    }
    enter();
    await_helpers_settled();
    leave();
    api_.release();
  }
  void hold(const std::function<void()>& inside) {
    api_.acquire();
    inside();
    api_.release();
  }

  // A helper that wants the lock and has gone to sleep over it.
  void cast_sleeper() {
    Helper& sleeper = cast("sleeper", [this] { visit(); });
    require(sleeper.await_asleep(), "the helper got the lock instead of falling asleep");
  }

  Api api_;
  bool untold_ = false;
  // A helper may be told of a death while the recoverer is on its way: who is told is not sure.
  bool mixed_ = false;
  bool check_polls_ = false;
};

template <class Api>
class LockFree : public LockScene<Api> {
 public:
  LockFree() : LockScene<Api>("acquire+release", "free") {}
  void operate() override {
    this->api_.acquire();
    this->api_.release();
  }
};

// Twice, for a lock that counts.
template <class Api>
class LockFreeTwice : public LockScene<Api> {
 public:
  LockFreeTwice() : LockScene<Api>("acquire+release", "free, two levels") {}
  void operate() override {
    this->api_.acquire();
    this->api_.acquire();
    this->api_.release();
    this->api_.release();
  }
};

// A poll while another process holds the lock.
template <class Api>
class LockPollHeld : public LockScene<Api> {
 public:
  LockPollHeld() : LockScene<Api>("acquire(0)", "held by another") {}
  void create() override {
    LockScene<Api>::create();
    this->api_.acquire();
  }
  void operate() override { this->api_.poll(); }
  void on_death(const Death&) override { this->api_.release(); }
};

// The victim sleeps over a lock that another process holds, a third one behind it; then the owner
// gives it back. With `barged`, yet another takes it before the victim can, and gives it back when
// the victim sleeps again.
template <class Api>
class LockWokenSleeper : public LockScene<Api> {
 public:
  explicit LockWokenSleeper(bool barged = false)
      : LockScene<Api>("acquire+release",
                       barged ? "woken sleeper, lock taken again" : "woken sleeper, one behind"),
        barged_(barged) {}
  void create() override {
    LockScene<Api>::create();
    for (int i : {0, 1}) {
      take_[i].renew();
      give_[i].renew();
    }
    // New processes each time: the first who sleeps over somebody's lock takes a path of its own.
    owner_ = &cast_owner("owner", &take_[0], &give_[0]);
    barger_ = barged_ ? &cast_owner("barger", &take_[1], &give_[1]) : nullptr;
    take(0);
  }
  void operate() override {
    this->api_.acquire();
    this->api_.release();
  }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      this->cast_sleeper();
      give(0, *owner_);
      if (barged_) {
        take(1);
      }
    } else {
      give(1, *barger_);
    }
    return true;
  }
  void on_death(const Death& death) override {
    if (death.recoverer) {
      this->mixed_ = true;
      return;
    }
    if (death.sleeps == 0) {
      give(0, *owner_);
      if (barged_) {
        barger_->kill();
      }
    } else if (death.sleeps == 1 && barged_) {
      give(1, *barger_);
    }
  }

 private:
  Helper& cast_owner(const char* name, Order* take, Order* give) {
    return this->cast(name, [this, take, give] {
      take->wait();
      this->api_.acquire();
      give->wait();
      this->api_.release();
    });
  }
  void take(int i) {
    take_[i].give();
    while (this->api_.word().word == 0) {
      sched_yield();
    }
  }
  void give(int i, Helper& who) {
    give_[i].give();
    this->await([&who] { return who.ended(); });
  }

  const bool barged_;
  Helper* owner_ = nullptr;
  Helper* barger_ = nullptr;
  Order take_[2];
  Order give_[2];
};

// The victim holds the lock and gives it back; others sleep over it.
template <class Api>
class LockReleaseWithSleepers : public LockScene<Api> {
 public:
  // The survivor may poll first: then it takes the lock without registering as a sleeper itself.
  explicit LockReleaseWithSleepers(int sleepers, bool survivor_polls = false)
      : LockScene<Api>("release", std::to_string(sleepers) +
                                      (sleepers == 1 ? " sleeper" : " sleepers") +
                                      (survivor_polls ? ", survivor polls" : "")),
        sleepers_(sleepers) {
    this->check_polls_ = survivor_polls;
  }
  void prepare() override {
    LockScene<Api>::prepare();
    this->api_.acquire();
  }
  void on_ready() override {
    for (int i = 0; i < sleepers_; ++i) {
      this->cast_sleeper();
    }
  }
  void operate() override { this->api_.release(); }
  void on_death(const Death& death) override { this->mixed_ = this->mixed_ || death.recoverer; }

 private:
  const int sleepers_;
};

// The victim gives the lock back while another has looked at it for the last time and is about to
// sleep. Where nobody dies, nobody else has to help.
template <class Api>
class LockReleaseBesideOneAboutToSleep : public LockScene<Api> {
  using Base = LockScene<Api>;

 public:
  LockReleaseBesideOneAboutToSleep() : LockScene<Api>("release", "one about to sleep") {}
  void prepare() override {
    LockScene<Api>::prepare();
    this->api_.acquire();
  }
  void on_ready() override {
    using Self = LockReleaseBesideOneAboutToSleep;
    late_ = std::make_unique<Tracee>(*this, &Traced::nothing,
                                     static_cast<Tracee::Call>(&Self::visit_late));
    this->require(late_->run_to_futex(), "the late one got the lock instead of going to sleep");
  }
  void operate() override { this->api_.release(); }
  void intrude() override { let_go(); }
  void on_death(const Death& death) override {
    if (!death.recoverer) {
      let_go();
    }
    this->mixed_ = this->mixed_ || death.recoverer;
    died_ = true;
  }
  Verdict check() override { return died_ ? LockScene<Api>::check() : fine(); }

 protected:
  void create() override {
    LockScene<Api>::create();
    died_ = false;
  }
  void drop() override {
    late_.reset();
    LockScene<Api>::drop();
  }

 private:
  void visit_late() { this->visit(); }
  void let_go() { this->release("the one about to sleep", *late_).await_asleep(); }

  std::unique_ptr<Tracee> late_;
  bool died_ = false;
};

// The victim repairs a dead owner's lock while another, who saw the owner alive, is about to sleep
// over it. After a repair that is complete nobody sleeps on the word.
template <class A>
class LockRepairBesideOneAboutToSleep : public LockScene<CoreLock<A>> {
  using Base = LockScene<CoreLock<A>>;

 public:
  LockRepairBesideOneAboutToSleep() : Base("repair", "one about to sleep") {}
  void operate() override {
    internal::LockWord<A>& lock = this->api_.object()->lock;
    uint32_t seq = lock.sleepers.ask();
    internal::sleep_on_owned(lock, seq, lock.word.load(), internal::Deadline::never(),
                             no_life_words_);
  }
  void intrude() override { let_go(); }
  void on_death(const Death&) override {
    let_go();
    died_ = true;
  }
  Verdict check() override { return died_ ? Base::check() : fine(); }

 protected:
  void create() override {
    Base::create();
    this->mixed_ = true;
    died_ = false;
    Helper& owner = this->cast("the dead owner", [this] {
      this->api_.acquire();
      for (;;) {
        pause();
      }
    });
    while (this->api_.word().word == 0) {
      sched_yield();
    }
    using Self = LockRepairBesideOneAboutToSleep;
    late_ = std::make_unique<Tracee>(*this, &Traced::nothing,
                                     static_cast<Tracee::Call>(&Self::take_late));
    this->require(late_->run_to_futex(), "the late one got the lock instead of going to sleep");
    owner.kill();
  }
  void drop() override {
    late_.reset();
    Base::drop();
  }

 private:
  void take_late() {
    internal::LockWord<A>& lock = this->api_.object()->lock;
    internal::park_acquire(lock, internal::self(), internal::Deadline::never(), no_life_words_);
    internal::park_release(lock);
  }
  void let_go() { this->release("the one about to sleep", *late_).await_asleep(); }

  NoLifeWords no_life_words_;
  std::unique_ptr<Tracee> late_;
  bool died_ = false;
};

}  // namespace mp::testing

#endif  // MP_TESTING_LOCK_SCENES_H_

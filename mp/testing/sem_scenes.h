// mp/testing/sem_scenes.h
//
// What can happen to a semaphore when somebody dies, as scenes for the killer; templates over how
// the semaphore is reached, so that the public class, and its core with a planted bug, go through the
// same checks. An `Api` has
//
//   static const char* name();
//   void create(int permits);  void drop();       // in the harness
//   void acquire();  bool poll();  void release();
//   SemaphoreObject<>& object();

#ifndef MP_TESTING_SEM_SCENES_H_
#define MP_TESTING_SEM_SCENES_H_

#include <sched.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "mp/bounded_semaphore.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/core/semaphore_object.h"
#include "mp/semaphore.h"
#include "mp/testing/family_scene.h"
#include "mp/testing/proc.h"

namespace mp::testing {

// mp::Semaphore and mp::BoundedSemaphore as users have them.
template <class S>
class PublicSemaphore {
 public:
  static const char* name();
  void create(int permits) { semaphore_.emplace(permits); }
  void drop() { semaphore_.reset(); }
  void acquire() { semaphore_->acquire(); }
  bool poll() { return semaphore_->acquire(0); }
  void release() { semaphore_->release(); }
  internal::SemaphoreObject<>& object() {
    return *internal::HandleAccess::ref(*semaphore_).template object<internal::SemaphoreObject<>>();
  }

 private:
  std::optional<S> semaphore_;
};
template <>
inline const char* PublicSemaphore<Semaphore>::name() {
  return "Semaphore";
}
template <>
inline const char* PublicSemaphore<BoundedSemaphore>::name() {
  return "BoundedSemaphore";
}

// Its core, with atomics of one's own.
template <class A>
class CoreSemaphore {
 public:
  static const char* name() { return "Semaphore"; }
  void create(int permits) {
    ref_ = internal::Ref::create(internal::Kind::kSemaphore, sizeof(internal::SemaphoreObject<>));
    object().bound = static_cast<uint32_t>(permits);
    object().word.set(static_cast<uint32_t>(permits), false);
  }
  void drop() { ref_ = internal::Ref(); }
  void acquire() { mine()->acquire(kForever); }
  bool poll() { return mine()->acquire(0); }
  void release() { mine()->release(); }
  internal::SemaphoreObject<>& object() { return *ref_.object<internal::SemaphoreObject<>>(); }

 private:
  internal::SemaphoreObject<A>* mine() { return ref_.object<internal::SemaphoreObject<A>>(); }

  internal::Ref ref_;
};

// What all scenes of a semaphore have in common. Whatever dies, in the end there are as many permits
// as in the beginning.
template <class Api>
class SemScene : public FamilyScene {
 public:
  SemScene(const char* operation, std::string state, int permits)
      : FamilyScene(std::string(Api::name()) + "." + operation, std::move(state)),
        permits_(permits) {}

  std::vector<std::span<const std::byte>> shared() override {
    internal::SemaphoreObject<>& object = api_.object();
    return {std::as_bytes(std::span(&object.word, 1)), std::as_bytes(std::span(object.cells))};
  }

  // A survivor takes all there are, and gives them back. What the death has cost, that sets right.
  Verdict check() override {
    for (int i = 0; i < permits_ - kept_; ++i) {
      api_.acquire();
    }
    bool one_more = api_.poll();
    await_helpers_settled();
    for (int i = 0; i < permits_ - kept_; ++i) {
      api_.release();
    }
    return one_more ? duplicated("a permit came back twice") : fine();
  }

  void recover() override {
    if (api_.poll()) {
      api_.release();
    }
  }

 protected:
  void create() override { api_.create(permits_); }
  void drop() override { api_.drop(); }

  Verdict inspect() override {
    int value = static_cast<int>(api_.object().word.value());
    return value == permits_ - kept_
               ? fine()
               : wrong("at the end there are " + std::to_string(value) + " permits");
  }

  // A helper that takes a permit, waits until all who want one sleep, and gives it back.
  void visit() {
    api_.acquire();
    await_helpers_settled();
    api_.release();
  }
  void hold(const std::function<void()>& inside) {
    api_.acquire();
    inside();
    api_.release();
  }
  void cast_sleeper() {
    Helper& sleeper = cast("sleeper", [this] { visit(); });
    require(sleeper.await_asleep(), "the helper got a permit instead of falling asleep");
  }
  uint32_t value() { return api_.object().word.value(); }
  void await_value(uint32_t value) {
    while (this->value() != value) {
      sched_yield();
    }
  }

  Api api_;
  const int permits_;
  int kept_ = 0;  // by the harness
};

// Free, the victim the first or the second user. `beside` permits are held by the harness, which used
// it last.
template <class Api>
class SemFree : public SemScene<Api> {
 public:
  explicit SemFree(int permits, int beside)
      : SemScene<Api>("acquire+release",
                      beside == 0 ? "new" : "another holds " + std::to_string(beside), permits),
        beside_(beside) {}
  void operate() override {
    this->api_.acquire();
    this->api_.release();
  }

 protected:
  void create() override {
    SemScene<Api>::create();
    this->kept_ = beside_;
    for (int i = 0; i < beside_; ++i) {
      this->api_.acquire();
    }
  }

 private:
  const int beside_;
};

// The victim holds one permit and takes and gives another: the short ways.
template <class Api>
class SemAgain : public SemScene<Api> {
 public:
  SemAgain() : SemScene<Api>("acquire+release", "the victim holds one", 3) {}
  void prepare() override {
    SemScene<Api>::prepare();
    this->api_.acquire();
  }
  void operate() override {
    this->api_.acquire();
    this->api_.release();
  }
};

// A poll while another process holds the only permit.
template <class Api>
class SemPollNone : public SemScene<Api> {
 public:
  SemPollNone() : SemScene<Api>("acquire(0)", "none free", 1) {}
  void operate() override { this->api_.poll(); }
  void on_death(const Death&) override { this->api_.release(); }

 protected:
  void create() override {
    SemScene<Api>::create();
    this->api_.acquire();
  }
};

// The victim finds the permits of a dead process.
template <class Api>
class SemGiveBack : public SemScene<Api> {
 public:
  // `in_word`: the dead one was the last to use it.
  explicit SemGiveBack(bool in_word)
      : SemScene<Api>("acquire(0)",
                      in_word ? "a dead one holds all" : "a dead one holds two, used since", 3),
        in_word_(in_word) {}
  void operate() override {
    if (this->api_.poll()) {
      this->api_.release();
    }
  }

 protected:
  void create() override {
    SemScene<Api>::create();
    int taken = in_word_ ? 3 : 2;
    Helper& holder = this->cast("the dead one", [this, taken] {
      for (int i = 0; i < taken; ++i) {
        this->api_.acquire();
      }
      for (;;) {
        pause();
      }
    });
    this->await_value(static_cast<uint32_t>(3 - taken));
    this->kept_ = in_word_ ? 0 : 1;
    for (int i = 0; i < this->kept_; ++i) {
      this->api_.acquire();
    }
    holder.kill();
  }

 private:
  const bool in_word_;
};

// The victim sleeps over a semaphore whose permit another process holds, a third one behind it; then
// the holder gives it.
template <class Api>
class SemWokenSleeper : public SemScene<Api> {
 public:
  SemWokenSleeper() : SemScene<Api>("acquire+release", "woken sleeper, one behind", 1) {}
  void operate() override {
    this->api_.acquire();
    this->api_.release();
  }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      this->cast_sleeper();
      give();
    }
    return nth == 1;
  }
  void on_death(const Death& death) override {
    if (!death.recoverer && death.sleeps == 0) {
      give();
    }
  }

 protected:
  void create() override {
    SemScene<Api>::create();
    order_.renew();
    holder_ = &this->cast("holder", [this] {
      this->api_.acquire();
      order_.wait();
      this->api_.release();
    });
    this->await_value(0);
  }

 private:
  void give() {
    order_.give();
    this->await([this] { return holder_->ended(); });
  }

  Helper* holder_ = nullptr;
  Order order_;
};

// The victim sleeps; the holder of the permit is killed, and so it is the victim that gives it back.
template <class Api>
class SemSleeperOfDeadHolder : public SemScene<Api> {
 public:
  SemSleeperOfDeadHolder() : SemScene<Api>("acquire+release", "the holder dies", 1) {}
  void operate() override {
    this->api_.acquire();
    this->api_.release();
  }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      this->cast_sleeper();
      holder_->kill();
    }
    return nth == 1;
  }
  void on_death(const Death& death) override {
    if (!death.recoverer && death.sleeps == 0) {
      holder_->kill();
    }
  }

 protected:
  void create() override {
    SemScene<Api>::create();
    holder_ = &this->cast("holder", [this] {
      this->api_.acquire();
      for (;;) {
        pause();
      }
    });
    this->await_value(0);
  }

 private:
  Helper* holder_ = nullptr;
};

// The victim holds all permits and gives one; others sleep.
template <class Api>
class SemReleaseWithSleepers : public SemScene<Api> {
 public:
  explicit SemReleaseWithSleepers(int sleepers)
      : SemScene<Api>("release",
                      std::to_string(sleepers) + (sleepers == 1 ? " sleeper" : " sleepers"), 1),
        sleepers_(sleepers) {}
  void prepare() override {
    SemScene<Api>::prepare();
    this->api_.acquire();
  }
  void on_ready() override {
    for (int i = 0; i < sleepers_; ++i) {
      this->cast_sleeper();
    }
  }
  void operate() override { this->api_.release(); }

 private:
  const int sleepers_;
};

}  // namespace mp::testing

#endif  // MP_TESTING_SEM_SCENES_H_

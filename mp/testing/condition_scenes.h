// mp/testing/condition_scenes.h
//
// What can happen to a condition when somebody dies, as scenes for the killer; templates over how
// it is reached, so that the public class, and its core with a planted bug, go through the same
// checks. An `Api` has
//
//   static const char* name();
//   void create();  void drop();                  // in the harness
//   void acquire();  void release();
//   void wait();  void wait_a_moment();           // the latter times out
//   void notify(uint64_t n);
//   CondWord<>& word();  LockWord<>& lock();

#ifndef MP_TESTING_CONDITION_SCENES_H_
#define MP_TESTING_CONDITION_SCENES_H_

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mp/condition.h"
#include "mp/internal/core/condition_object.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/ref.h"
#include "mp/lock.h"
#include "mp/rlock.h"
#include "mp/testing/family_scene.h"

namespace mp::testing {

// mp::Condition over an L, as users have it.
template <class L>
class PublicCondition {
 public:
  static const char* name();
  void create() {
    lock_.emplace();
    condition_.emplace(*lock_);
  }
  void drop() {
    condition_.reset();
    lock_.reset();
  }
  void acquire() { condition_->acquire(); }
  void release() { condition_->release(); }
  void wait() { condition_->wait(); }
  void wait_a_moment() { condition_->wait(std::chrono::nanoseconds(1)); }
  void notify(uint64_t n) { condition_->notify(n); }
  internal::CondWord<>& word() {
    return internal::HandleAccess::ref(*condition_)
        .template object<internal::ConditionObject<>>()
        ->word;
  }
  internal::LockWord<>& lock() {
    return internal::HandleAccess::ref(*lock_).template object<internal::LockObject<>>()->lock;
  }

 private:
  std::optional<L> lock_;
  std::optional<Condition> condition_;
};
template <>
inline const char* PublicCondition<Lock>::name() {
  return "Condition";
}
template <>
inline const char* PublicCondition<RLock>::name() {
  return "Condition (RLock)";
}

// Its core, with atomics of one's own.
template <class A>
class CoreCondition {
 public:
  static const char* name() { return "Condition (core)"; }
  void create() {
    lock_ = internal::Ref::create(internal::Kind::kLock, sizeof(internal::LockObject<>));
    condition_ =
        internal::Ref::create(internal::Kind::kCondition, sizeof(internal::ConditionObject<>));
  }
  void drop() {
    condition_ = internal::Ref();
    lock_ = internal::Ref();
  }
  void acquire() { locked()->acquire(kForever); }
  void release() { locked()->release(); }
  void wait() { object()->wait(*locked(), false, internal::Deadline::never()); }
  void wait_a_moment() { object()->wait(*locked(), false, internal::Deadline::after_ns(1)); }
  void notify(uint64_t n) { object()->notify(n); }
  internal::CondWord<>& word() { return condition_.object<internal::ConditionObject<>>()->word; }
  internal::LockWord<>& lock() { return lock_.object<internal::LockObject<>>()->lock; }

 private:
  internal::LockObject<A>* locked() { return lock_.object<internal::LockObject<A>>(); }
  internal::ConditionObject<A>* object() {
    return condition_.object<internal::ConditionObject<A>>();
  }

  internal::Ref lock_;
  internal::Ref condition_;
};

template <class Api>
class ConditionScene : public FamilyScene {
 public:
  ConditionScene(const char* operation, std::string state)
      : FamilyScene(std::string(Api::name()) + "." + operation, std::move(state)) {}

  void recover() override { notify(1); }

  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(&api_.word(), 1)), std::as_bytes(std::span(&api_.lock(), 1))};
  }

 protected:
  using Node = internal::CondNode<>;

  void create() override { api_.create(); }
  void drop() override { api_.drop(); }
  Verdict inspect() override {
    return api_.lock().word == 0 ? fine() : wrong("the lock is not free at the end");
  }

  void notify(uint64_t n) {
    api_.acquire();
    api_.notify(n);
    api_.release();
  }
  // Waits once, and is then counted.
  Helper& cast_waiter() {
    Helper& waiter = this->cast("waiter", [this] {
      api_.acquire();
      api_.wait();
      ++stage().numbers[0];
      api_.release();
    });
    require(waiter.await_asleep(), "the helper does not fall asleep");
    return waiter;
  }
  uint32_t woken() { return stage().numbers[0]; }

  // Nodes in this state that belong to the victim, or to anybody else.
  uint32_t nodes(Node::State state, bool victims) {
    uint32_t n = 0;
    for (const Node& node : api_.word().nodes) {
      uint64_t st = node.st.load();
      n += Node::state(st) == state && is_victim(Node::owner(st)) == victims;
    }
    return n;
  }

  Api api_;
};

// The victim waits: until it is notified, two others behind it; the same, and its notifier keeps the
// lock until it sleeps over that too; or for a moment only. Whatever it was given and has not used
// goes to those who wait after it.
enum class CondWait { kNotified, kNotifiedLockHeld, kTimedOut };

template <class Api>
class ConditionWait : public ConditionScene<Api> {
 public:
  explicit ConditionWait(CondWait how)
      : ConditionScene<Api>("wait", how == CondWait::kNotified           ? "notified, two behind"
                                    : how == CondWait::kNotifiedLockHeld ? "notified, lock held"
                                                                         : "timed out"),
        woken_(how != CondWait::kTimedOut),
        keeps_(how == CondWait::kNotifiedLockHeld) {}
  void prepare() override {
    ConditionScene<Api>::prepare();
    this->api_.acquire();
  }
  void operate() override {
    if (woken_) {
      this->api_.wait();
    } else {
      this->api_.wait_a_moment();
    }
    this->api_.release();
  }
  bool on_sleep(int nth) override {
    if (nth == 1 && woken_) {
      cast_both();
      this->api_.acquire();
      this->api_.notify(1);
      if (keeps_) {
        kept_ = true;
        return true;
      }
      this->api_.release();
    } else if (nth == 2 && kept_) {
      give();
      return true;
    }
    return nth == 1;
  }
  Verdict examine(pid_t, const Death& death) override {
    if (!death.recoverer) {
      owed_ = this->nodes(internal::CondNode<>::kNotified, true);
    }
    return fine();
  }
  void on_death(const Death& death) override {
    if (death.recoverer) {
      recovered_ = true;
      return;
    }
    give();
    if (!cast_) {
      cast_both();
    }
  }
  Verdict check() override {
    this->notify(1);
    this->await_helpers_settled();
    uint32_t woken = this->woken();
    uint32_t due = 1 + owed_;
    this->notify(~uint64_t{0});
    if (woken < due) {
      return lost("a dead waiter ate a notification");
    }
    return woken > due && !recovered_ ? wrong("a notification came twice") : fine();
  }

 protected:
  void create() override {
    ConditionScene<Api>::create();
    owed_ = 0;
    cast_ = false;
    recovered_ = false;
    kept_ = false;
  }

 private:
  void give() {
    if (std::exchange(kept_, false)) {
      this->api_.release();
    }
  }
  void cast_both() {
    cast_ = true;
    this->cast_waiter();
    this->cast_waiter();
  }

  const bool woken_;
  const bool keeps_;
  bool kept_ = false;  // by the harness, which holds the lock
  uint32_t owed_ = 0;
  bool cast_ = false;
  bool recovered_ = false;
};

// The victim notifies one of two waiters, or all.
template <class Api>
class ConditionNotify : public ConditionScene<Api> {
 public:
  explicit ConditionNotify(bool all)
      : ConditionScene<Api>(all ? "notify_all" : "notify", "two waiters"), most_(all ? 2 : 1) {}
  void operate() override { this->notify(most_); }
  Verdict examine(pid_t, const Death& death) override {
    died_ = true;
    if (death.recoverer) {
      return fine();
    }
    this->await_helpers_settled();
    notified_ = this->nodes(internal::CondNode<>::kNotified, false) + this->woken();
    if (notified_ > most_) {
      return wrong("more were notified than should be");
    }
    return death.returned && notified_ < most_ ? lost("a notification") : fine();
  }
  Verdict check() override {
    if (!died_) {
      return fine();
    }
    // Sets right what the death has cost; those who are left go as well.
    this->notify(~uint64_t{0});
    return took_effect(notified_ != 0);
  }

 protected:
  void create() override {
    ConditionScene<Api>::create();
    died_ = false;
    this->cast_waiter();
    this->cast_waiter();
  }

 private:
  const uint32_t most_;
  uint32_t notified_ = 0;
  bool died_ = false;
};

// Nobody waits: there is nothing to notify, and a notification is not kept.
template <class Api>
class ConditionNotifyNobody : public ConditionScene<Api> {
 public:
  explicit ConditionNotifyNobody(bool all)
      : ConditionScene<Api>(all ? "notify_all" : "notify", "nobody waits"),
        most_(all ? ~uint64_t{0} : 1) {}
  void operate() override { this->notify(most_); }
  void on_death(const Death&) override { this->cast_waiter(); }
  Verdict check() override {
    if (this->woken() != 0) {
      return wrong("a notification was kept");
    }
    this->notify(1);
    return fine();
  }

 private:
  const uint64_t most_;
};

// The one who waits longest is dead: the notification is for the other.
template <class Api>
class ConditionNotifyBesideDead : public ConditionScene<Api> {
 public:
  ConditionNotifyBesideDead() : ConditionScene<Api>("notify", "a dead waiter, a live one") {}
  void operate() override { this->notify(1); }
  Verdict examine(pid_t, const Death& death) override {
    died_ = true;
    this->await_helpers_settled();
    return death.returned && !death.recoverer && this->woken() == 0
               ? lost("a dead waiter ate the notification")
               : fine();
  }
  Verdict check() override {
    if (died_) {
      this->notify(~uint64_t{0});
    }
    return fine();
  }

 protected:
  void create() override {
    ConditionScene<Api>::create();
    died_ = false;
    this->cast_waiter().kill();
    this->cast_waiter();
  }

 private:
  bool died_ = false;
};

}  // namespace mp::testing

#endif  // MP_TESTING_CONDITION_SCENES_H_

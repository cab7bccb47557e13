// mp/testing/event_scenes.h
//
// What can happen to an event when somebody dies, as scenes for the killer: templates over how the
// event is reached, so that the public class, and its core with a planted bug, go through the same
// checks. An `Api` has create() and drop() for the harness, set(), clear(), is_set(), wait(Timeout)
// and word().

#ifndef MP_TESTING_EVENT_SCENES_H_
#define MP_TESTING_EVENT_SCENES_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mp/event.h"
#include "mp/internal/core/event_object.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/ref.h"
#include "mp/testing/family_scene.h"
#include "mp/testing/one_change.h"

namespace mp::testing {

// mp::Event as users have it.
class PublicEvent {
 public:
  void create() { event_.emplace(); }
  void drop() { event_.reset(); }
  void set() { event_->set(); }
  void clear() { event_->clear(); }
  bool is_set() { return event_->is_set(); }
  bool wait(Timeout timeout) { return event_->wait(timeout); }
  internal::EventWord<>& word() {
    return internal::HandleAccess::ref(*event_).object<internal::EventObject<>>()->word;
  }

 private:
  std::optional<Event> event_;
};

// Its core, with atomics of one's own.
template <class A>
class CoreEvent {
 public:
  void create() {
    ref_ = internal::Ref::create(internal::Kind::kEvent, sizeof(internal::EventObject<>));
  }
  void drop() { ref_ = internal::Ref(); }
  void set() { object()->set(); }
  void clear() { object()->clear(); }
  bool is_set() { return object()->is_set(); }
  bool wait(Timeout timeout) { return object()->wait(internal::Deadline::after(timeout)); }
  internal::EventWord<>& word() { return ref_.object<internal::EventObject<>>()->word; }

 private:
  internal::EventObject<A>* object() { return ref_.object<internal::EventObject<A>>(); }
  internal::Ref ref_;
};

// What all scenes of an event have in common.
template <class Api>
class EventScene : public FamilyScene {
 public:
  EventScene(const char* operation, std::string state)
      : FamilyScene(std::string("Event.") + operation, std::move(state)) {}

  // Whatever the death has cost, a set() of a survivor sets it right.
  Verdict check() override {
    Verdict v = judge(api_.is_set());
    if (v.outcome != Outcome::kOk) {
      return v;
    }
    api_.set();
    if (!api_.is_set() || !api_.wait(kForever)) {
      return wrong("not set after set()");
    }
    api_.clear();
    if (api_.is_set() || api_.wait(0)) {
      return wrong("set after clear()");
    }
    return v;
  }

  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(&api_.word(), 1))};
  }
  void recover() override { api_.set(); }

 protected:
  void create() override {
    api_.create();
    sleepers_cast_ = 0;
  }
  void drop() override { api_.drop(); }
  // As the deaths have left it.
  virtual Verdict judge(bool /*was_set*/) { return fine(); }

  Verdict inspect() override {
    return stage().reports != 0 ? wrong("a wait() without end returned false") : fine();
  }
  void wait() {
    if (!api_.wait(kForever)) {
      stage().reports.fetch_add(1);
    }
  }
  void cast_sleeper() {
    Helper& sleeper = cast("sleeper", [this] {
      wait();
      stage().numbers[0].fetch_add(1);
    });
    require(sleeper.await_asleep(), "the helper did not wait");
    ++sleepers_cast_;
  }
  // Nobody sleeps any more, without anybody's help.
  bool all_woke() {
    await_helpers_settled();
    return stage().numbers[0] == sleepers_cast_;
  }

  Api api_;

 private:
  uint32_t sleepers_cast_ = 0;
};

// The victim sets an event on which others may sleep.
template <class Api>
class EventSet : public EventScene<Api> {
 public:
  explicit EventSet(int sleepers, bool set_before = false)
      : EventScene<Api>("set", std::to_string(sleepers) +
                                   (sleepers == 1 ? " sleeper" : " sleepers") +
                                   (set_before ? ", set before" : "")),
        sleepers_(sleepers),
        set_before_(set_before) {}
  void on_ready() override {
    for (int i = 0; i < sleepers_; ++i) {
      this->cast_sleeper();
    }
  }
  void operate() override { this->api_.set(); }
  Verdict examine(pid_t, const Death& death) override {
    return change_.note(death, this->api_.is_set());
  }

 protected:
  void create() override {
    EventScene<Api>::create();
    change_.begin();
    if (set_before_) {
      this->api_.set();
    }
  }
  Verdict judge(bool was_set) override {
    if (change_.returned() && !this->all_woke()) {
      return wrong("set() has returned, and somebody sleeps on");
    }
    return change_.judge(was_set);
  }

 private:
  const int sleepers_;
  const bool set_before_;
  OneChange change_;
};

// The victim clears an event that is set, or not.
template <class Api>
class EventClear : public EventScene<Api> {
 public:
  explicit EventClear(bool set) : EventScene<Api>("clear", set ? "set" : "not set"), set_(set) {}
  void operate() override { this->api_.clear(); }
  void recover() override { this->api_.clear(); }
  Verdict examine(pid_t, const Death& death) override {
    return change_.note(death, !this->api_.is_set());
  }

 protected:
  void create() override {
    EventScene<Api>::create();
    change_.begin();
    if (set_) {
      this->api_.set();
    }
  }
  Verdict judge(bool was_set) override { return change_.judge(!was_set); }

 private:
  const bool set_;
  OneChange change_;
};

// Nobody dies: while the victim sets or clears, another one changes the event twice. What it does
// before the victim's change is overruled by that, what it does after it stands.
template <class Api>
class EventContended : public EventScene<Api> {
 public:
  explicit EventContended(bool sets)
      : EventScene<Api>(sets ? "set" : "clear", "contended"), sets_(sets) {}
  void operate() override { change(sets_); }
  void intrude() override {
    was_done_ = this->api_.is_set() == sets_;
    change(sets_);
    change(!sets_);
    intruded_ = true;
  }

 protected:
  void create() override {
    EventScene<Api>::create();
    intruded_ = false;
    change(!sets_);
  }
  Verdict judge(bool was_set) override {
    bool done = was_set == sets_;
    return intruded_ && done == was_done_
               ? wrong(done ? "a later change was undone" : "an earlier change was not undone")
               : fine();
  }

 private:
  void change(bool set) {
    if (set) {
      this->api_.set();
    } else {
      this->api_.clear();
    }
  }

  const bool sets_;
  bool was_done_ = false;
  bool intruded_ = false;
};

// The victim waits, another one behind it; then the event is set, and perhaps cleared at once.
template <class Api>
class EventWait : public EventScene<Api> {
 public:
  explicit EventWait(bool cleared = false)
      : EventScene<Api>("wait", cleared ? "woken, cleared at once" : "woken, one behind"),
        cleared_(cleared) {}
  void operate() override { this->wait(); }
  bool on_sleep(int nth) override {
    if (nth > 1) {
      slept_again_ = true;
      return false;
    }
    this->cast_sleeper();
    this->api_.set();
    if (cleared_) {
      this->api_.clear();
    }
    return true;
  }

 protected:
  void create() override {
    EventScene<Api>::create();
    slept_again_ = false;
  }
  Verdict judge(bool) override {
    return slept_again_       ? wrong("it sleeps on, though the event was set")
           : this->all_woke() ? fine()
                              : wrong("the one behind sleeps on, though the event was set");
  }

 private:
  const bool cleared_;
  bool slept_again_ = false;
};

// A wait that does not sleep long.
template <class Api>
class EventWaitShort : public EventScene<Api> {
 public:
  EventWaitShort(const char* state, bool set, Timeout timeout)
      : EventScene<Api>("wait", state), set_(set), timeout_(timeout) {}
  void operate() override { this->api_.wait(timeout_); }

 protected:
  void create() override {
    EventScene<Api>::create();
    if (set_) {
      this->api_.set();
    }
  }

 private:
  const bool set_;
  const Timeout timeout_;
};

// The victim sets the event while another has looked at it for the last time and is about to sleep.
// Where nobody dies, nobody else has to help.
template <class Api>
class EventSetBesideOneAboutToSleep : public EventScene<Api> {
 public:
  EventSetBesideOneAboutToSleep() : EventScene<Api>("set", "one about to sleep") {}
  void on_ready() override {
    using Self = EventSetBesideOneAboutToSleep;
    late_ = std::make_unique<Tracee>(*this, &Traced::nothing,
                                     static_cast<Tracee::Call>(&Self::wait_late));
    this->require(late_->run_to_futex(), "the late one did not go to sleep");
  }
  void operate() override { this->api_.set(); }
  void intrude() override { let_go(); }
  void on_death(const Death& death) override {
    if (!death.recoverer) {
      let_go();
    }
    died_ = true;
  }
  Verdict check() override { return died_ ? EventScene<Api>::check() : fine(); }

 protected:
  void create() override {
    EventScene<Api>::create();
    died_ = false;
  }
  void drop() override {
    late_.reset();
    EventScene<Api>::drop();
  }

 private:
  void wait_late() { this->wait(); }
  void let_go() { this->release("the one about to sleep", *late_).await_asleep(); }

  std::unique_ptr<Tracee> late_;
  bool died_ = false;
};

}  // namespace mp::testing

#endif  // MP_TESTING_EVENT_SCENES_H_

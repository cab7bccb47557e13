// mp/testing/value_scenes.h
//
// What can happen to a Value or an Array when somebody dies inside one of its operations, as scenes
// for the killer; templates over the operation. An `Op` has
//
//   static const char* name();
//   void create();  void drop();          // in the harness
//   void operate();                       // the victim's operation
//   void read();                          // another's access, which tells nobody of a death
//   void turn(std::function<void(bool owner_died)>);   // another's update
//   Verdict judge(bool told);             // in a turn; told: that some owner died
//   ValueLock lock();
//   std::span<const std::byte> bytes();

#ifndef MP_TESTING_VALUE_SCENES_H_
#define MP_TESTING_VALUE_SCENES_H_

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mp/array.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/lock_object.h"
#include "mp/testing/family_scene.h"
#include "mp/testing/proc.h"
#include "mp/value.h"

namespace mp::testing {

// -- Operations --

// What all have: a Value or Array, and turns of its lock.
template <class V>
class ValueOp {
 public:
  void drop() { value_.reset(); }
  void read() { look(); }
  void turn(const std::function<void(bool)>& f) {
    value_->update([&](auto&&) { f(value_->get_lock().owner_died()); });
  }
  ValueLock lock() { return value_->get_lock(); }

 protected:
  virtual void look() = 0;
  ~ValueOp() = default;

  std::optional<V> value_;
};

// A change of two words, which must change together: after a death they may differ, and then
// somebody is told.
struct Twins {
  int64_t a, b;
};
class UpdateTwins : public ValueOp<Value<Twins>> {
 public:
  static const char* name() { return "Value.update"; }
  void create() { value_.emplace(Twins{0, 0}); }
  void operate() {
    value_->update([](Twins& t) {
      // As two stores, whatever the compiler would make of it.
      volatile Twins& seen = t;
      seen.a = 1;
      seen.b = 1;
    });
  }
  Verdict judge(bool told) {
    Twins t = *value_->get_obj();
    if (t.a == t.b && (t.a == 0 || t.a == 1)) {
      return took_effect(t.a == 1);
    }
    return told && t.a == 1 && t.b == 0 ? fine() : torn("half changed, and nobody was told");
  }
  std::span<const std::byte> bytes() {
    return std::as_bytes(std::span(value_->get_obj().get(), 1));
  }

 private:
  void look() override { value_->value(); }
};

// Eight bytes are whole, told or not. With `kHalves`, a planted bug, they are written in two halves.
struct Halves {
  uint32_t low, high;
};
template <bool kHalves = false>
class SetWord : public ValueOp<Value<Halves>> {
 public:
  static const char* name() { return "Value.set_value"; }
  void create() { value_.emplace(Halves{1, 1}); }
  void operate() {
    if constexpr (kHalves) {
      value_->update([](Halves& h) {
        volatile Halves& seen = h;
        seen.low = 2;
        seen.high = 2;
      });
    } else {
      value_->set_value({2, 2});
    }
  }
  Verdict judge(bool) {
    Halves h = value_->get_obj().value();
    return h.low != h.high || (h.low != 1 && h.low != 2) ? torn("half of a word")
                                                         : took_effect(h.low == 2);
  }
  std::span<const std::byte> bytes() {
    return std::as_bytes(std::span(value_->get_obj().get(), 1));
  }

 private:
  void look() override { value_->value(); }
};

// a[1] += 1 between neighbours.
class AddToElement : public ValueOp<Array<int64_t>> {
 public:
  static const char* name() { return "Array[i] +="; }
  void create() { value_.emplace(std::initializer_list<int64_t>{7, 0, 7}); }
  void operate() { (*value_)[1] += 1; }
  Verdict judge(bool) {
    const auto& a = value_->get_obj();
    bool whole = a[0] == 7 && a[2] == 7 && (a[1] == 0 || a[1] == 1);
    return whole ? took_effect(a[1] == 1) : torn("an element");
  }
  std::span<const std::byte> bytes() {
    return std::as_bytes(std::span<int64_t>(value_->get_obj()));
  }

 private:
  void look() override { value_->get(1); }
};

// Elements of a slice are written one after the other, each whole.
class SetSlice : public ValueOp<Array<int64_t>> {
 public:
  static const char* name() { return "Array.set_slice"; }
  void create() {
    value_.emplace(3);
    values_ = {1, 1, 1};
  }
  void operate() { value_->set_slice(0, 3, values_); }
  Verdict judge(bool told) {
    const auto& a = value_->get_obj();
    int64_t before = 1;
    for (int64_t v : a) {
      if ((v != 0 && v != 1) || v > before) {
        return torn("an element");
      }
      before = v;
    }
    if (a[0] != a[2]) {
      return told ? fine() : torn("half written, and nobody was told");
    }
    return took_effect(a[0] == 1);
  }
  std::span<const std::byte> bytes() {
    return std::as_bytes(std::span<int64_t>(value_->get_obj()));
  }

 private:
  void look() override { value_->slice(); }

  std::vector<int64_t> values_;
};

// A planted bug: an access that uses the news of a death up.
class UpdateTwinsReadBySwallower : public UpdateTwins {
 private:
  void look() override {
    std::scoped_lock hold(value_->get_lock());
    Twins t = *value_->get_obj();
    (void)t;
  }
};

// -- Scenes --

template <class Op>
class ValueScene : public FamilyScene {
 public:
  explicit ValueScene(std::string state) : FamilyScene(Op::name(), std::move(state)) {}

  void operate() override { op_.operate(); }
  // Two accesses: the second finds what the first has left.
  void recover() override {
    op_.read();
    op_.read();
  }

  Verdict examine(pid_t, const Death&) override {
    // A survivor was told of a dead owner, or is to be told, of this death or the one before.
    uint32_t w = word().word;
    internal::Owner owner = internal::LockWord<>::owner_of(w);
    bool news = is_victim(owner) || is_recoverer(owner) || w == internal::LockWord<>::kDirty;
    due_ = std::max(due_, stage().reports + (news ? 1 : 0));
    return fine();
  }

  Verdict check() override {
    op_.read();
    Verdict v;
    visit([&] { v = op_.judge(stage().reports != 0); });
    return v;
  }

  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(&word(), 1)), op_.bytes()};
  }

 protected:
  void create() override {
    op_.create();
    due_ = 0;
  }
  void drop() override { op_.drop(); }

  Verdict inspect() override {
    uint32_t reports = stage().reports;
    if (reports != due_) {
      return wrong("survivors were told " + std::to_string(reports) + " times, and not " +
                   std::to_string(due_) + ", that an owner died");
    }
    return word().word == 0 ? fine() : wrong("the lock is not free at the end");
  }

  internal::LockWord<>& word() {
    return internal::HandleAccess::ref(op_.lock()).template object<internal::LockObject<>>()->lock;
  }

  // A survivor's update: holds the lock until all who want it sleep.
  void visit(const std::function<void()>& inside = [] {}) {
    op_.turn([&](bool owner_died) {
      stage().reports += owner_died ? 1 : 0;
      enter();
      inside();
      await_helpers_settled();
      leave();
    });
  }
  void hold(const std::function<void()>& inside) {
    op_.turn([&](bool) { inside(); });
  }

  void cast_sleeper() {
    Helper& sleeper = cast("sleeper", [this] { visit(); });
    require(sleeper.await_asleep(), "the helper got the lock instead of falling asleep");
  }

  Op op_;
  uint32_t due_ = 0;  // how often survivors are to be told that an owner died
};

// Nobody else is there.
template <class Op>
class ValueFree : public ValueScene<Op> {
 public:
  ValueFree() : ValueScene<Op>("free") {}
};

// The victim has the lock already, one level of it; others sleep over it.
template <class Op>
class ValueWithSleepers : public ValueScene<Op> {
 public:
  ValueWithSleepers() : ValueScene<Op>("held, one sleeper") {}
  void prepare() override {
    ValueScene<Op>::prepare();
    this->op_.lock().acquire();
  }
  void on_ready() override { this->cast_sleeper(); }
  void operate() override {
    this->op_.operate();
    this->op_.lock().release();
  }
};

// The victim sleeps over the lock of another, who gives it back then; a third one sleeps behind.
template <class Op>
class ValueWoken : public ValueScene<Op> {
 public:
  ValueWoken() : ValueScene<Op>("woken sleeper, one behind") {}
  bool on_sleep(int) override {
    this->cast_sleeper();
    give();
    return true;
  }
  void on_death(const Death& death) override {
    if (!death.recoverer && death.sleeps == 0) {
      give();
    }
  }

 protected:
  void create() override {
    ValueScene<Op>::create();
    take_.renew();
    give_.renew();
    owner_ = &this->cast("owner", [this] {
      take_.wait();
      ValueLock lock = this->op_.lock();
      lock.acquire();
      give_.wait();
      lock.release();
    });
    take_.give();
    while (this->word().word == 0) {
      sched_yield();
    }
  }

 private:
  void give() {
    give_.give();
    this->await([this] { return owner_->ended(); });
  }

  Helper* owner_ = nullptr;
  Order take_;
  Order give_;
};

// A Value and an Array are made, used and dropped; nothing of them may stay.
class ValueComesAndGoes : public FamilyScene {
 public:
  ValueComesAndGoes() : FamilyScene("Value, Array", "made and dropped") {}
  void operate() override {
    Value<int> v(1);
    Array<int> a({1, 2, 3});
    a[0] = v.value();
  }
  // The next one makes and drops as well.
  Verdict check() override {
    operate();
    return fine();
  }

 protected:
  void create() override {}
  void drop() override {}
};

}  // namespace mp::testing

#endif  // MP_TESTING_VALUE_SCENES_H_

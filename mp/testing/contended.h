// mp/testing/contended.h
//
// Contended: a scene in which nobody dies, made from one with a free lock: while the victim is at
// it, another one comes and keeps what both want until the victim sleeps; or comes too late, and
// sleeps over it. The scene has
//
//   void hold(const std::function<void()>& inside);   // takes it, calls, gives it back

#ifndef MP_TESTING_CONTENDED_H_
#define MP_TESTING_CONTENDED_H_

#include "mp/testing/helper.h"
#include "mp/testing/killer.h"
#include "mp/testing/proc.h"

namespace mp::testing {

template <class S>
class Contended : public S {
 public:
  template <class... Args>
  explicit Contended(Args... args) : S(args...) {
    this->rename("contended");
  }
  void intrude() override {
    other_ = &this->cast("another", [this] {
      this->hold([this] {
        this->enter();
        order_.wait();
        this->leave();
      });
    });
    this->await([this] { return this->stage().inside != 0 || asleep_in_futex(other_->pid()); });
  }
  bool on_sleep(int nth) override {
    if (nth == 1 && other_ != nullptr) {
      order_.give();
      this->await([this] { return other_->ended(); });
    }
    return nth == 1;
  }
  Verdict check() override {
    order_.give();
    return S::check();
  }

 protected:
  void create() override {
    S::create();
    order_.renew();
    other_ = nullptr;
  }

 private:
  Helper* other_ = nullptr;
  Order order_;
};

}  // namespace mp::testing

#endif  // MP_TESTING_CONTENDED_H_

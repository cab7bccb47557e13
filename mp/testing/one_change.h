// mp/testing/one_change.h
//
// OneChange: what the deaths leave of an operation that is one change of the world which stays, such
// as Event.set(), and which a recoverer does once more. Each of them has done it or not; whoever
// returned has; and what is done once is not undone by the other.

#ifndef MP_TESTING_ONE_CHANGE_H_
#define MP_TESTING_ONE_CHANGE_H_

#include "mp/testing/killer.h"

namespace mp::testing {

class OneChange {
 public:
  void begin() { *this = OneChange(); }

  // In examine(): `done`: the change is there, when one of the two is about to die.
  Verdict note(const Death& death, bool done) {
    if (death.returned && !done) {
      return lost("the operation has returned and has no effect");
    }
    if (death.recoverer && done_ && !done) {
      return lost("the recoverer has undone what the victim did");
    }
    if (!death.recoverer) {
      of_victim_ = done;
    }
    done_ = done;
    returned_ = returned_ || death.returned;
    return fine();
  }

  // In check(): whether the victim's operation took effect, if it is as the last death left it.
  Verdict judge(bool done) const {
    return done == done_ ? took_effect(of_victim_) : wrong("it changed after the deaths");
  }

  // One of the two has come to its end.
  bool returned() const { return returned_; }

 private:
  bool of_victim_ = false;
  bool done_ = false;
  bool returned_ = false;
};

}  // namespace mp::testing

#endif  // MP_TESTING_ONE_CHANGE_H_

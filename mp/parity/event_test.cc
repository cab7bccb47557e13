// _TestEvent of the reference.

#include <sstream>
#include <string>
#include <vector>

#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

template <class B>
class TestEvent : public ParityTest {
 protected:
  typename B::Event event;
};
TYPED_TEST_SUITE(TestEvent, Backends, BackendNames);

template <class B>
void set_it(typename B::Event event) {
  event.set();
}

TYPED_TEST(TestEvent, test_event) {
  EXPECT_FALSE(this->event.is_set());
  EXPECT_FALSE(this->event.wait(0.0));
  EXPECT_GE(seconds([&] { EXPECT_FALSE(this->event.wait(kTimeout1)); }), kTimeout1);

  this->event.set();
  EXPECT_TRUE(this->event.is_set());
  EXPECT_TRUE(this->event.wait());
  EXPECT_TRUE(this->event.wait(kTimeout1));
  EXPECT_TRUE(this->event.wait(0));

  this->event.clear();
  EXPECT_FALSE(this->event.is_set());
  auto p = start<TypeParam>(set_it<TypeParam>, this->event);
  EXPECT_TRUE(this->event.wait());
  finish(p);
  EXPECT_TRUE(this->event.is_set());
}

TYPED_TEST(TestEvent, test_repr) {
  auto expect = [&](const std::string& state) {
    std::string text = repr(this->event);
    std::string end = (TypeParam::kProcesses ? " " : ": ") + state + ">";
    EXPECT_TRUE(
        begins_with(text, TypeParam::kProcesses ? "<Event at 0x" : "<threading.Event at 0x"))
        << text;
    EXPECT_EQ(text.substr(text.size() - end.size()), end);
    EXPECT_EQ((std::ostringstream() << this->event).str(), text);
  };
  expect("unset");
  this->event.set();
  expect("set");
  this->event.clear();
  expect("unset");
}

// Not tests of the reference's suite, but its semantics.

TYPED_TEST(TestEvent, SettingAndClearingTwiceIsAsOnce) {
  this->event.set();
  this->event.set();
  EXPECT_TRUE(this->event.is_set());
  this->event.clear();
  this->event.clear();
  EXPECT_FALSE(this->event.wait(0));
  EXPECT_FALSE(this->event.wait(-1));
}

template <class B>
void wait_and_tell(typename B::Event event, Tokens<B> told) {
  told.put(0);
  told.put(event.wait());
}

TYPED_TEST(TestEvent, ASetWakesEverybody) {
  constexpr int kWaiters = 4;
  Tokens<TypeParam> told;
  std::vector<typename TypeParam::Process> waiters;
  for (int i = 0; i < kWaiters; ++i) {
    waiters.push_back(start<TypeParam>(wait_and_tell<TypeParam>, this->event, told));
  }
  for (int i = 0; i < kWaiters; ++i) {
    EXPECT_EQ(told.get(), 0);
  }
  this->event.set();
  for (int i = 0; i < kWaiters; ++i) {
    EXPECT_EQ(told.get(), 1);
  }
  for (auto& p : waiters) {
    finish(p);
  }
}

// Each side sets the other's event and waits for its own.
template <class B>
void answer(typename B::Event ping, typename B::Event pong, int turns) {
  for (int i = 0; i < turns; ++i) {
    ping.wait();
    ping.clear();
    pong.set();
  }
}

TYPED_TEST(TestEvent, TwoEventsCarryAPingPong) {
  constexpr int kTurns = 2000;
  typename TypeParam::Event pong;
  auto p = start<TypeParam>(answer<TypeParam>, this->event, pong, kTurns);
  for (int i = 0; i < kTurns; ++i) {
    this->event.set();
    EXPECT_TRUE(pong.wait());
    pong.clear();
  }
  finish(p);
}

template <class B>
void take_event(typename B::template Queue<typename B::Event> q) {
  q.get().set();
}

TYPED_TEST(TestEvent, EventsTravelThroughQueues) {
  typename TypeParam::template Queue<typename TypeParam::Event> q;
  auto p = start<TypeParam>(take_event<TypeParam>, q);
  q.put(this->event);
  EXPECT_TRUE(this->event.wait());
  finish(p);
  EXPECT_TRUE(this->event == typename TypeParam::Event(this->event));
}

}  // namespace
}  // namespace mp::testing

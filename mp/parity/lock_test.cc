// _TestLock of the reference, the part about Lock.

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>

#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

template <class B>
class TestLock : public ParityTest {};
TYPED_TEST_SUITE(TestLock, Backends, BackendNames);

TYPED_TEST(TestLock, test_lock) {
  typename TypeParam::Lock lock;
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.locked());
  EXPECT_FALSE(lock.acquire(0));
  lock.release();
  EXPECT_FALSE(lock.locked());
  EXPECT_EQ(error_of([&] { lock.release(); }),
            "ValueError: semaphore or lock released too many times");
}

template <class B>
void take_and_wait(typename B::Lock lock, Tokens<B> taken, Tokens<B> go) {
  lock.acquire();
  taken.put(lock.locked());
  go.get();
  lock.release();
}

TYPED_TEST(TestLock, test_lock_locked_2processes) {
  typename TypeParam::Lock lock;
  Tokens<TypeParam> taken;
  Tokens<TypeParam> go;
  auto p = start<TypeParam>(take_and_wait<TypeParam>, lock, taken, go);
  EXPECT_EQ(taken.get(), 1);
  EXPECT_TRUE(lock.locked());
  EXPECT_FALSE(lock.acquire(0));
  EXPECT_FALSE(lock.acquire(kTimeout2));
  go.put(1);
  EXPECT_TRUE(lock.acquire());
  lock.release();
  finish(p);
  EXPECT_FALSE(lock.locked());
}

TYPED_TEST(TestLock, test_lock_context) {
  typename TypeParam::Lock lock;
  {
    std::unique_lock hold(lock, std::try_to_lock);
    EXPECT_TRUE(hold.owns_lock());
    EXPECT_TRUE(lock.locked());
  }
  EXPECT_FALSE(lock.locked());
}

template <class B>
void take_and_tell(typename B::Lock lock, typename B::template Queue<std::string> told,
                   Tokens<B> go) {
  lock.acquire();
  told.put(repr(lock));
  go.get();
  lock.release();
}

// The name of a thread of a process is the system's. Between threads it is the name of the Process.
template <class B>
std::string repr_in_thread(const typename B::Lock& lock) {
  std::string text;
  std::thread([&] {
    pthread_setname_np(pthread_self(), "T1");
    lock.acquire();
    text = repr(lock);
  }).join();
  return text;
}

TYPED_TEST(TestLock, test_repr_lock) {
  typename TypeParam::Lock lock;
  EXPECT_EQ(repr(lock), "<Lock(owner=None)>");
  lock.acquire();
  std::string mine = repr(lock);
  lock.release();
  if (TypeParam::kProcesses) {
    EXPECT_EQ(mine, "<Lock(owner=MainProcess)>");
    EXPECT_EQ(repr_in_thread<TypeParam>(lock), "<Lock(owner=MainProcess|T1)>");
  } else {
    EXPECT_EQ(mine, "<Lock(owner=" + dummy::current_process().name() + ")>");
    std::thread([&] { lock.acquire(); }).join();
  }
  EXPECT_EQ(repr(lock), "<Lock(owner=SomeOtherThread)>");
  lock.release();

  typename TypeParam::template Queue<std::string> told;
  Tokens<TypeParam> go;
  typename TypeParam::Process p({.name = "P1"}, take_and_tell<TypeParam>, lock, told, go);
  p.start();
  EXPECT_EQ(told.get(), "<Lock(owner=P1)>");
  EXPECT_EQ(repr(lock), TypeParam::kProcesses ? "<Lock(owner=SomeOtherProcess)>"
                                              : "<Lock(owner=SomeOtherThread)>");
  go.put(1);
  finish(p);
  EXPECT_EQ(repr(lock), "<Lock(owner=None)>");
}

// Not tests of the reference's suite, but its semantics.

template <class B>
void release(typename B::Lock lock) {
  lock.release();
}

TYPED_TEST(TestLock, AnotherProcessMayRelease) {
  typename TypeParam::Lock lock;
  lock.acquire();
  finish(start<TypeParam>(release<TypeParam>, lock));
  EXPECT_FALSE(lock.locked());
}

TYPED_TEST(TestLock, TimeoutsAreKept) {
  typename TypeParam::Lock lock;
  lock.acquire();
  EXPECT_GE(seconds([&] { EXPECT_FALSE(lock.acquire(kTimeout1)); }), kTimeout1);
  EXPECT_FALSE(lock.acquire(-1));
}

// The most that were inside at once.
template <class B>
void go_in_often(typename B::Lock lock, Tokens<B> inside, Tokens<B> most) {
  int seen = 0;
  for (int i = 0; i < 5000; ++i) {
    std::scoped_lock hold(lock);
    inside.put(1);
    seen = std::max(seen, static_cast<int>(inside.qsize()));
    inside.get();
  }
  most.put(seen);
}

TYPED_TEST(TestLock, OneProcessAtATimeHoldsIt) {
  typename TypeParam::Lock lock;
  Tokens<TypeParam> inside;
  Tokens<TypeParam> most;
  auto a = start<TypeParam>(go_in_often<TypeParam>, lock, inside, most);
  auto b = start<TypeParam>(go_in_often<TypeParam>, lock, inside, most);
  go_in_often<TypeParam>(lock, inside, most);
  finish(a);
  finish(b);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(most.get(), 1);
  }
}

}  // namespace
}  // namespace mp::testing

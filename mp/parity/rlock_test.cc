// _TestLock of the reference, the part about RLock.

#include <pthread.h>

#include <mutex>
#include <string>
#include <thread>

#include "mp/parity/backends.h"

namespace mp::testing {
namespace {

template <class B>
class TestRLock : public ParityTest {};
TYPED_TEST_SUITE(TestRLock, Backends, BackendNames);

constexpr char kNotOwned[] =
    "AssertionError: attempt to release recursive lock not owned by thread";

TYPED_TEST(TestRLock, test_rlock) {
  typename TypeParam::RLock lock;
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(lock.acquire());
    EXPECT_TRUE(lock.locked());
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(lock.locked());
    lock.release();
  }
  EXPECT_FALSE(lock.locked());
  EXPECT_EQ(error_of([&] { lock.release(); }), kNotOwned);
}

template <class B>
void take_twice_and_wait(typename B::RLock lock, Tokens<B> taken, Tokens<B> go) {
  lock.acquire();
  lock.acquire();
  taken.put(lock.locked());
  go.get();
  lock.release();
  taken.put(lock.locked());
  go.get();
  lock.release();
}

TYPED_TEST(TestRLock, test_rlock_locked_2processes) {
  typename TypeParam::RLock lock;
  Tokens<TypeParam> taken;
  Tokens<TypeParam> go;
  auto p = start<TypeParam>(take_twice_and_wait<TypeParam>, lock, taken, go);
  for (int level = 2; level > 0; --level) {
    EXPECT_EQ(taken.get(), 1);
    EXPECT_TRUE(lock.locked());
    EXPECT_FALSE(lock.acquire(0));
    EXPECT_EQ(error_of([&] { lock.release(); }), kNotOwned);
    go.put(1);
  }
  EXPECT_TRUE(lock.acquire());
  lock.release();
  finish(p);
  EXPECT_FALSE(lock.locked());
}

TYPED_TEST(TestRLock, test_rlock_context) {
  typename TypeParam::RLock lock;
  {
    std::scoped_lock outer(lock);
    std::unique_lock inner(lock, std::try_to_lock);
    EXPECT_TRUE(inner.owns_lock());
    EXPECT_TRUE(lock.locked());
  }
  EXPECT_FALSE(lock.locked());
}

template <class B>
void take_and_tell(typename B::RLock lock, typename B::template Queue<std::string> told,
                   Tokens<B> go) {
  lock.acquire();
  told.put(repr(lock));
  go.get();
  lock.release();
}

TYPED_TEST(TestRLock, test_repr_rlock) {
  typename TypeParam::RLock lock;
  EXPECT_EQ(repr(lock), "<RLock(None, 0)>");
  const std::string me =
      TypeParam::kProcesses ? current_process().name() : dummy::current_process().name();
  for (int n : {1, 2, 3}) {
    lock.acquire();
    EXPECT_EQ(repr(lock), "<RLock(" + me + ", " + std::to_string(n) + ")>");
  }
  for (int n : {2, 1}) {
    lock.release();
    EXPECT_EQ(repr(lock), "<RLock(" + me + ", " + std::to_string(n) + ")>");
  }
  std::thread([&] { EXPECT_EQ(repr(lock), "<RLock(SomeOtherThread, nonzero)>"); }).join();
  lock.release();
  if (TypeParam::kProcesses) {
    std::thread([&] {
      pthread_setname_np(pthread_self(), "T2");
      std::scoped_lock outer(lock);
      std::scoped_lock inner(lock);
      EXPECT_EQ(repr(lock), "<RLock(MainProcess|T2, 2)>");
    }).join();
  }

  typename TypeParam::template Queue<std::string> told;
  Tokens<TypeParam> go;
  typename TypeParam::Process p({.name = "P1"}, take_and_tell<TypeParam>, lock, told, go);
  p.start();
  EXPECT_EQ(told.get(), "<RLock(P1, 1)>");
  EXPECT_EQ(repr(lock), TypeParam::kProcesses ? "<RLock(SomeOtherProcess, nonzero)>"
                                              : "<RLock(SomeOtherThread, nonzero)>");
  go.put(1);
  finish(p);
  EXPECT_EQ(repr(lock), "<RLock(None, 0)>");
}

// Not a test of the reference's suite, but its semantics.

template <class B>
void try_lock_of_parent(typename B::RLock lock, typename B::template Queue<std::string> found) {
  found.put(lock.acquire(0) ? "taken" : "refused");
  found.put(error_of([&] { lock.release(); }));
}

TYPED_TEST(TestRLock, AChildDoesNotOwnWhatItsParentHolds) {
  typename TypeParam::RLock lock;
  typename TypeParam::template Queue<std::string> found;
  std::scoped_lock hold(lock);
  auto p = start<TypeParam>(try_lock_of_parent<TypeParam>, lock, found);
  EXPECT_EQ(found.get(), "refused");
  EXPECT_EQ(found.get(), kNotOwned);
  finish(p);
}

}  // namespace
}  // namespace mp::testing

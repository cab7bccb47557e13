#include "mp/owner_death.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <mutex>
#include <thread>

#include "mp/condition.h"
#include "mp/errors.h"
#include "mp/internal/core/handle.h"
#include "mp/internal/core/lock_object.h"
#include "mp/lock.h"
#include "mp/process.h"
#include "mp/queue.h"
#include "mp/rlock.h"
#include "mp/testing/watchdog.h"
#include "mp/value.h"

namespace mp {
namespace {

using namespace std::chrono_literals;
using testing::Watchdog;

template <class L>
void hold(L lock, Queue<int> held) {
  lock.acquire();
  held.put(1);
  for (;;) {
    pause();
  }
}

template <class L>
ForkProcess holder(const L& lock) {
  Queue<int> held;
  ForkProcess p(hold<L>, lock, held);
  p.start();
  held.get();
  return p;
}

template <class L>
void die_with(const L& lock) {
  ForkProcess p = holder(lock);
  p.kill();
  p.join();
}

template <class L>
class OwnerDeath : public ::testing::Test {
 private:
  Watchdog dog_{60s};
};
using Locks = ::testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(OwnerDeath, Locks);

TYPED_TEST(OwnerDeath, IsReportedUntilTheHolderReleases) {
  TypeParam lock;
  die_with(lock);
  EXPECT_TRUE(lock.acquire());
  EXPECT_TRUE(lock.owner_died());
  lock.release();
  lock.acquire();
  EXPECT_FALSE(lock.owner_died());
  lock.release();
}

TYPED_TEST(OwnerDeath, IsReportedUntilRecover) {
  TypeParam lock({.on_owner_death = kReport});
  die_with(lock);
  lock.acquire();
  lock.recover();
  EXPECT_FALSE(lock.owner_died());
  lock.release();
  EXPECT_FALSE(lock.locked());
}

TYPED_TEST(OwnerDeath, ALockThatRefusesIsNotTakenBeforeRecover) {
  TypeParam lock({.on_owner_death = kRefuse});
  ForkProcess owner = holder(lock);
  EXPECT_FALSE(lock.acquire(0));
  std::thread waiters[2];
  for (std::thread& t : waiters) {
    t = std::thread([&] { EXPECT_THROW(lock.acquire(), OwnerDied); });
  }
  owner.kill();
  owner.join();
  for (std::thread& t : waiters) {
    t.join();
  }
  EXPECT_THROW(lock.acquire(0), OwnerDied);
  EXPECT_THROW(lock.acquire(1), OwnerDied);
  EXPECT_FALSE(lock.locked());
  lock.recover();
  EXPECT_TRUE(lock.acquire(0));
  EXPECT_FALSE(lock.owner_died());
  lock.release();
  EXPECT_TRUE(lock.acquire());
  lock.release();
}

TYPED_TEST(OwnerDeath, ALockOfKNeverStaysWithTheDead) {
  TypeParam lock({.on_owner_death = kNever});
  die_with(lock);
  EXPECT_FALSE(lock.acquire(0));
  EXPECT_FALSE(lock.acquire(0.25));
  EXPECT_TRUE(lock.locked());
}

TEST(OwnerDeathOfALock, AReleaseOfAFreeLockDoesNotHideIt) {
  Watchdog dog(60s);
  Lock refuses({.on_owner_death = kRefuse});
  die_with(refuses);
  EXPECT_THROW(refuses.acquire(0), OwnerDied);
  EXPECT_THROW(refuses.release(), ValueError);
  EXPECT_THROW(refuses.acquire(0), OwnerDied);
  refuses.recover();
  EXPECT_THROW(refuses.release(), ValueError);
  EXPECT_TRUE(refuses.acquire(0));
  refuses.release();

  Lock reports;
  die_with(reports);
  // As one that found out, and was killed before it took it.
  internal::LockObject<>& object =
      *internal::HandleAccess::ref(reports).object<internal::LockObject<>>();
  ASSERT_TRUE(object.lock.repair(object.lock.word.load()));
  EXPECT_THROW(reports.release(), ValueError);
  EXPECT_TRUE(reports.acquire(0));
  EXPECT_TRUE(reports.owner_died());
  reports.release();
}

TEST(OwnerDeathOfALock, AValueIsRecoveredThroughItsLock) {
  Watchdog dog(60s);
  Lock lock({.on_owner_death = kRefuse});
  Value<int> value(7, lock);
  die_with(lock);
  EXPECT_THROW(value.value(), OwnerDied);
  value.get_lock().recover();
  EXPECT_EQ(value.value(), 7);
}

TEST(OwnerDeathOfALock, WhatOneProcessTookAnotherReleasesUnderKNever) {
  Watchdog dog(60s);
  Lock lock({.on_owner_death = kNever});
  die_with(lock);
  lock.release();
  EXPECT_TRUE(lock.acquire(0));
  EXPECT_FALSE(lock.owner_died());
  lock.release();
}

void notify_and_hold(Condition condition, Queue<int> held) {
  condition.acquire();
  condition.notify();
  held.put(1);
  for (;;) {
    pause();
  }
}

TEST(OwnerDeathOfALock, AWaitOverALockThatRefusesThrows) {
  Watchdog dog(60s);
  Condition condition(Lock({.on_owner_death = kRefuse}));
  condition.acquire();
  std::thread killer([&] {
    Queue<int> held;
    ForkProcess p(notify_and_hold, condition, held);
    p.start();
    held.get();
    p.kill();
    p.join();
  });
  EXPECT_THROW(condition.wait(), OwnerDied);
  killer.join();
  EXPECT_EQ(repr(condition), "<Condition(<Lock(owner=None)>, 0)>");
  condition.recover();
  {
    std::scoped_lock hold(condition);
    EXPECT_FALSE(condition.wait(0));
  }
}

}  // namespace
}  // namespace mp

#include "mp/testing/killer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "mp/testing/proc.h"
#include "mp/testing/symbols.h"
#include "mp/testing/toy.h"
#include "mp/testing/watchdog.h"

namespace mp::testing {
namespace {

using namespace std::chrono_literals;

// Far above what any of them takes: others may use the machine.
constexpr auto kLimit = 600s;

constexpr uint32_t kHarness = 1;
constexpr uint32_t kVictim = 2;
constexpr uint32_t kRecoverer = 3;
constexpr uint32_t kChecker = 4;
constexpr uint32_t kSleeper = 5;

// A world with one Toy in it, and what all scenes of the toy have in common.
template <ToyBug kBug>
class ToyScene : public Scene {
 public:
  ToyScene(std::string operation, std::string state)
      : Scene(std::move(operation), std::move(state)),
        world_(static_cast<World*>(mmap(nullptr, sizeof(World), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~ToyScene() override { munmap(world_, sizeof(World)); }

  void set_up() override {
    new (world_) World{};
    toy().object = toy_message(1);
  }

  void on_death(const Death& death) override {
    uint32_t who = death.recoverer ? kRecoverer : kVictim;
    toy().dead[who] = 1;
    // What a life word does: it wakes those who sleep on the dead owner, and nobody else.
    if ((toy().word.load() & ~Toy<kBug>::kDirty) == who) {
      toy_wake(toy().word, INT_MAX);
    }
  }

  void recover() override {
    toy().acquire(kRecoverer);
    toy().release();
  }

  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(world_, 1))};
  }

 protected:
  struct World {
    Toy<kBug> toy;
    ToyMessage out;
  };

  Toy<kBug>& toy() { return world_->toy; }
  World& world() { return *world_; }

  // Everything that is queued, if the queue is sound.
  Verdict drain(std::vector<ToyMessage>* all) {
    toy().acquire(kChecker);
    bool counted = toy().total.load() == toy().tail.load();
    toy().release();
    if (!counted) {
      return duplicated("the count of puts is not that of the messages");
    }
    for (ToyMessage m; toy().get(kChecker, &m);) {
      all->push_back(m);
    }
    return fine();
  }

 private:
  World* world_;
};

// Lock and unlock while nobody else is about.
template <ToyBug kBug>
class FreeLock : public ToyScene<kBug> {
 public:
  FreeLock() : ToyScene<kBug>("ToyLock.acquire+release", "free") {}
  void operate() override {
    this->toy().acquire(kVictim);
    this->toy().release();
  }
  Verdict check() override {
    bool unreported = this->toy().word.load() != 0;
    bool died = this->toy().acquire(kChecker);
    this->toy().release();
    return died == unreported ? fine() : wrong("a dead owner is reported once, to who comes next");
  }
};

// The victim sleeps, another one behind it; then the harness gives the lock back.
template <ToyBug kBug>
class WokenSleeper : public ToyScene<kBug> {
 public:
  WokenSleeper() : ToyScene<kBug>("ToyLock.acquire+release", "as a woken sleeper") {}
  void set_up() override {
    ToyScene<kBug>::set_up();
    this->toy().acquire(kHarness);
  }
  void operate() override {
    this->toy().acquire(kVictim);
    this->toy().release();
  }
  bool on_sleep(int) override {
    Helper& sleeper = this->cast("the sleeper behind it", [this] {
      this->toy().acquire(kSleeper);
      this->toy().release();
    });
    this->require(sleeper.await_asleep(), "the helper does not sleep");
    this->toy().release();
    return true;
  }
  void on_death(const Death& death) override {
    ToyScene<kBug>::on_death(death);
    if (death.sleeps == 0 && !death.recoverer) {
      this->toy().release();
    }
  }
  Verdict check() override {
    this->toy().acquire(kChecker);
    this->toy().release();
    return fine();
  }
};

// The owner dies while others sleep on its lock, and nothing wakes them but who finds the dead owner.
template <ToyBug kBug>
class DyingOwner : public ToyScene<kBug> {
 public:
  DyingOwner() : ToyScene<kBug>("ToyLock.release", "with sleepers") {}
  void prepare() override { this->toy().acquire(kVictim); }
  void on_ready() override {
    for (uint32_t who : {kSleeper, kSleeper + 1}) {
      Helper& sleeper = this->cast("sleeper", [this, who] { visit(who); });
      this->require(sleeper.await_asleep(), "the helper does not sleep");
    }
  }
  void operate() override { this->toy().release(); }
  void on_death(const Death& death) override {
    this->toy().dead[death.recoverer ? kRecoverer : kVictim] = 1;
  }
  Verdict check() override {
    visit(kChecker);
    return fine();
  }

 private:
  // Those who were woken and come late find the lock held once more.
  void visit(uint32_t who) {
    this->toy().acquire(who);
    this->await_helpers_settled();
    this->toy().release();
  }
};

// The owner gives the lock back while another has just looked and is about to sleep.
template <ToyBug kBug>
class ReleaseBesideOneAboutToSleep : public ToyScene<kBug> {
 public:
  ReleaseBesideOneAboutToSleep() : ToyScene<kBug>("ToyLock.release", "one about to sleep") {}
  void prepare() override { this->toy().acquire(kVictim); }
  void on_ready() override {
    late_ = std::make_unique<Tracee>(sleeping_);
    this->require(late_->run_to_futex(), "the late one does not sleep");
  }
  void operate() override { this->toy().release(); }
  void intrude() override { let_go(); }
  void on_death(const Death& death) override {
    let_go();
    ToyScene<kBug>::on_death(death);
    died_ = true;
  }
  Verdict check() override {
    // Where nobody died, nobody has to help.
    if (died_) {
      this->toy().acquire(kChecker);
      this->toy().release();
    }
    return fine();
  }
  void tear_down() override {
    late_.reset();
    died_ = false;
  }

 private:
  struct Sleeping : Traced {
    explicit Sleeping(ReleaseBesideOneAboutToSleep& s) : scene(s) {}
    void operate() override {
      scene.toy().acquire(kSleeper);
      scene.toy().release();
    }
    ReleaseBesideOneAboutToSleep& scene;
  };

  void let_go() { this->release("the one about to sleep", *late_).await_asleep(); }

  Sleeping sleeping_{*this};
  std::unique_ptr<Tracee> late_;
  bool died_ = false;
};

template <ToyBug kBug>
class Put : public ToyScene<kBug> {
 public:
  Put() : ToyScene<kBug>("ToyQueue.put", "one queued") {}
  void set_up() override {
    ToyScene<kBug>::set_up();
    this->toy().put(kHarness, toy_message(1));
  }
  // Made before: its loop is no part of the operation.
  void operate() override { this->toy().put(kVictim, second_); }
  Verdict check() override {
    std::vector<ToyMessage> all;
    Verdict v = this->drain(&all);
    if (v.outcome != Outcome::kOk) {
      return v;
    }
    if (all.empty() || all[0] != toy_message(1)) {
      return lost("what was queued before");
    }
    if (all.size() > 2) {
      return duplicated("more messages than were put");
    }
    if (all.size() == 2 && all[1] != toy_message(2)) {
      return torn("the message");
    }
    return took_effect(all.size() == 2);
  }

 private:
  const ToyMessage second_ = toy_message(2);
};

template <ToyBug kBug>
class Get : public ToyScene<kBug> {
 public:
  Get() : ToyScene<kBug>("ToyQueue.get", "two queued") {}
  void set_up() override {
    ToyScene<kBug>::set_up();
    this->toy().put(kHarness, toy_message(1));
    this->toy().put(kHarness, toy_message(2));
  }
  void operate() override { this->toy().get(kVictim, &this->world().out); }
  Verdict check() override {
    std::vector<ToyMessage> all;
    Verdict v = this->drain(&all);
    if (v.outcome != Outcome::kOk) {
      return v;
    }
    if (all.empty() || all.back() != toy_message(2) || all.size() > 2) {
      return lost("the message behind");
    }
    bool taken = all.size() == 1;
    if (taken && this->world().out != toy_message(1)) {
      return lost("the message is gone, and the getter had not got it all");
    }
    return took_effect(taken);
  }
};

// Uses an object that somebody else overwrites whenever it is not in use.
template <ToyBug kBug>
class Use : public ToyScene<kBug> {
 public:
  Use() : ToyScene<kBug>("ToyObject.use", "beside its destroyer") {}
  void operate() override { this->toy().use(&this->world().out); }
  void intrude() override { this->toy().overwrite_if_unused(); }
  Verdict check() override { return fine(); }
  Verdict audit() override {
    const ToyMessage& out = this->world().out;
    bool before = out == toy_message(1);
    bool after = std::all_of(out.begin(), out.end(), [](uint64_t w) { return w == 0xee; });
    return before || after ? fine() : torn("the object was overwritten in use");
  }
};

template <class S>
Row run(Mode mode, RowOptions options = {}) {
  S scene;
  return run_row(scene, mode, options);
}

std::string text_of(const Row& row) {
  std::string text = row.operation + ", " + row.state + ", " + to_string(row.mode) + ": " +
                     std::to_string(row.violations) + " violations";
  for (const Violation& v : row.first) {
    text += std::string("\n  ") + to_string(v.outcome) + " at step " + std::to_string(v.step) +
            "/" + std::to_string(v.recovery) + " " + v.where + ": " + v.text;
  }
  return text;
}

int64_t count(const Row& row, Outcome outcome) {
  return row.by_outcome[static_cast<size_t>(outcome)];
}

// The recoverers of some deaths, at some instructions: there are thousands of pairs.
constexpr int kSparse = 40;

template <class S>
void expect_sound(std::vector<Mode> modes, bool alone = true) {
  for (Mode mode : modes) {
    Row row = run<S>(mode, {.stride = mode == Mode::kRecovery ? kSparse : 1});
    EXPECT_EQ(row.violations, 0) << text_of(row);
    // Who shares the lock with sleepers may meet them or not.
    EXPECT_TRUE(row.strayed == 0 || !alone) << text_of(row);
    EXPECT_GT(row.points, 10) << text_of(row);
    EXPECT_GE(row.deaths, row.points) << text_of(row);
  }
}

TEST(Killer, FindsNothingInASoundLock) {
  Watchdog dog(kLimit);
  expect_sound<FreeLock<ToyBug::kNone>>({Mode::kKill, Mode::kRecovery});
  expect_sound<DyingOwner<ToyBug::kNone>>({Mode::kKill, Mode::kRecovery}, /*alone=*/false);
  expect_sound<ReleaseBesideOneAboutToSleep<ToyBug::kNone>>({Mode::kKill});
}

TEST(Killer, FindsNothingInASoundRelease) {
  Watchdog dog(kLimit);
  Row row = run<ReleaseBesideOneAboutToSleep<ToyBug::kNone>>(Mode::kPause);
  EXPECT_EQ(row.violations, 0) << text_of(row);
  EXPECT_GT(row.points, 5);
}

TEST(Killer, FindsNothingInASoundWokenSleeper) {
  Watchdog dog(kLimit);
  Row row = run<WokenSleeper<ToyBug::kNone>>(Mode::kKill);
  EXPECT_EQ(row.violations, 0) << text_of(row);
  EXPECT_GT(row.points, 30);
}

TEST(Killer, FindsNothingInASoundQueue) {
  Watchdog dog(kLimit);
  expect_sound<Put<ToyBug::kNone>>({Mode::kKill, Mode::kRecovery});
  expect_sound<Get<ToyBug::kNone>>({Mode::kKill, Mode::kRecovery});
}

TEST(Killer, FindsNothingInASoundUse) {
  Watchdog dog(kLimit);
  expect_sound<Use<ToyBug::kNone>>({Mode::kPause});
}

TEST(Killer, CatchesWaitersClearedOnUnlock) {
  Watchdog dog(kLimit);
  Row row = run<WokenSleeper<ToyBug::kClearWaitersOnUnlock>>(Mode::kKill, {.enough = 1});
  EXPECT_EQ(count(row, Outcome::kHang), 1) << text_of(row);
}

TEST(Killer, CatchesAWakeBeforeTheChange) {
  Watchdog dog(kLimit);
  Row row =
      run<ReleaseBesideOneAboutToSleep<ToyBug::kWakeBeforeChange>>(Mode::kPause, {.enough = 1});
  EXPECT_GT(count(row, Outcome::kHang), 0) << text_of(row);
}

TEST(Killer, CatchesWaitersCountedDownForTheDead) {
  Watchdog dog(kLimit);
  Row row = run<DyingOwner<ToyBug::kCountDownForDead>>(Mode::kKill, {.enough = 1});
  EXPECT_EQ(count(row, Outcome::kHang), 1) << text_of(row);
}

TEST(Killer, CatchesADeadOwnerThatIsIgnored) {
  Watchdog dog(kLimit);
  Row row = run<FreeLock<ToyBug::kIgnoreDeadOwner>>(Mode::kKill, {.enough = 1, .limit = 1s});
  EXPECT_EQ(count(row, Outcome::kHang), 1) << text_of(row);
}

TEST(Killer, CatchesAPublishBeforeTheCopy) {
  Watchdog dog(kLimit);
  Row row = run<Put<ToyBug::kPublishBeforeCopy>>(Mode::kKill);
  EXPECT_GT(count(row, Outcome::kTorn), 0) << text_of(row);
  EXPECT_EQ(count(row, Outcome::kTorn), row.violations) << text_of(row);
}

TEST(Killer, CatchesACommitBeforeTheCopyOut) {
  Watchdog dog(kLimit);
  Row row = run<Get<ToyBug::kCommitBeforeCopyOut>>(Mode::kKill);
  EXPECT_GT(count(row, Outcome::kLost), 0) << text_of(row);
}

// Found at each third of the first deaths, whichever third the one that matters is in: how many there are before it depends on
// how this processor's memcpy() copies.
int64_t duplicated_in_recoveries(int stride) {
  int64_t found = 0;
  for (int offset = 0; offset < 3; ++offset) {
    Row row = run<Put<ToyBug::kRecoveryNotIdempotent>>(
        Mode::kRecovery, {.stride = stride, .offset = offset, .enough = 1});
    found += count(row, Outcome::kDuplicated);
  }
  return found;
}

TEST(Killer, CatchesARecoveryThatIsNotIdempotentOnlyByASecondDeath) {
  Watchdog dog(kLimit);
  Row once = run<Put<ToyBug::kRecoveryNotIdempotent>>(Mode::kKill);
  EXPECT_EQ(once.violations, 0) << text_of(once);
  EXPECT_GT(duplicated_in_recoveries(kSparse), 0);
}

TEST(Killer, CatchesAReferenceDroppedBeforeItsUseEnds) {
  Watchdog dog(kLimit);
  Row row = run<Use<ToyBug::kDropBeforeUseEnds>>(Mode::kPause);
  EXPECT_GT(count(row, Outcome::kTorn), 0) << text_of(row);
}

TEST(Killer, CountsTheSamePointsTwice) {
  Watchdog dog(kLimit);
  for (Mode mode : {Mode::kKill, Mode::kRecovery}) {
    RowOptions options{.stride = mode == Mode::kRecovery ? kSparse : 1};
    Row first = run<Put<ToyBug::kNone>>(mode, options);
    Row second = run<Put<ToyBug::kNone>>(mode, options);
    EXPECT_EQ(first.instructions, second.instructions);
    EXPECT_EQ(first.points, second.points);
    EXPECT_EQ(first.deaths, second.deaths);
  }
}

TEST(Killer, CatchesInTheShortFormToo) {
  Watchdog dog(kLimit);
  RowOptions sparse{.stride = 1000, .offset = 500};
  Row all = run<Put<ToyBug::kPublishBeforeCopy>>(Mode::kKill);
  Row some = run<Put<ToyBug::kPublishBeforeCopy>>(Mode::kKill, sparse);
  EXPECT_LT(some.deaths, all.deaths);
  EXPECT_GT(count(some, Outcome::kTorn), 0) << text_of(some);
  EXPECT_GT(duplicated_in_recoveries(1000), 0);
}

TEST(Killer, SaysWhereAViolationHappened) {
  Watchdog dog(kLimit);
  Row row = run<Put<ToyBug::kPublishBeforeCopy>>(Mode::kKill);
  ASSERT_FALSE(row.first.empty());
  EXPECT_FALSE(row.first[0].where.empty());
  EXPECT_NE(row.first[0].address, 0u);
}

// Scenes that are broken themselves.

class Odd : public Scene {
 public:
  Odd() : Scene("Odd", "odd") {}
  void set_up() override {}
  void operate() override {
    for (int i = 0; i < 3; ++i) {
      turns.store(i);
    }
  }
  Verdict check() override { return fine(); }
  std::atomic<int> turns{0};
};

TEST(Killer, CallsACheckerThatCrashesAViolation) {
  Watchdog dog(kLimit);
  struct : Odd {
    Verdict check() override { _exit(3); }
  } scene;
  Row row = run_row(scene, Mode::kKill, {.enough = 1});
  EXPECT_EQ(count(row, Outcome::kCrashed), 1) << text_of(row);
}

TEST(Killer, CallsAVictimThatCrashesAViolation) {
  Watchdog dog(kLimit);
  struct : Odd {
    void operate() override { *static_cast<volatile int*>(nowhere) = 1; }
    void* volatile nowhere = nullptr;
  } scene;
  Row row = run_row(scene, Mode::kKill, {});
  EXPECT_GT(count(row, Outcome::kCrashed), 0) << text_of(row);
}

TEST(Killer, CallsASurvivorThatSpinsForEverAHang) {
  Watchdog dog(kLimit);
  struct : Odd {
    Verdict check() override {
      for (;;) {
        turns.store(1);
      }
    }
  } scene;
  Row row = run_row(scene, Mode::kKill, {.enough = 1, .limit = 100ms});
  EXPECT_EQ(count(row, Outcome::kHang), 1) << text_of(row);
}

TEST(Killer, EndsARunThatSleepsWithNobodyToWakeIt) {
  Watchdog dog(kLimit);
  struct : Odd {
    void operate() override { toy_wait(word, 0); }
    std::atomic<uint32_t> word{0};
  } scene;
  Row row = run_row(scene, Mode::kKill, {});
  EXPECT_EQ(row.violations, 0) << text_of(row);
  // Before, on entry to and inside the call: three deaths at one address.
  EXPECT_GE(row.deaths, row.points + 2);
}

TEST(Killer, CallsAVictimThatIsNotWokenAHang) {
  Watchdog dog(kLimit);
  struct : Odd {
    void operate() override { toy_wait(word, 0); }
    bool on_sleep(int) override { return true; }
    std::atomic<uint32_t> word{0};
  } scene;
  Row row = run_row(scene, Mode::kKill, {.enough = 1});
  EXPECT_EQ(count(row, Outcome::kHang), 1) << text_of(row);
}

TEST(Killer, JudgesTheRunThatNobodyKills) {
  Watchdog dog(kLimit);
  struct : Odd {
    void on_death(const Death& death) override { whole = death.returned; }
    Verdict check() override { return whole ? wrong("though nobody was killed") : fine(); }
    bool whole = false;
  } scene;
  Row row = run_row(scene, Mode::kKill, {.enough = 1});
  EXPECT_EQ(count(row, Outcome::kWrong), 1) << text_of(row);
  EXPECT_EQ(row.deaths, 0) << "a killed run was needed to find it";
}

TEST(Killer, DoesNotWaitForAHelperThatHangs) {
  Watchdog dog(kLimit);
  struct : Odd {
    void on_ready() override {
      Helper& helper = cast("the one who hangs", [this] { toy_wait(word, 0); });
      require(helper.await_asleep(), "the helper does not sleep");
    }
    Verdict check() override {
      return await([] { return false; }) ? fine() : wrong("the checker has come back");
    }
    std::atomic<uint32_t> word{0};
  } scene;
  Row row = run_row(scene, Mode::kKill, {.enough = 1});
  ASSERT_EQ(count(row, Outcome::kHang), 1) << text_of(row);
  EXPECT_NE(row.first[0].text.find("the checker has come back"), std::string::npos) << text_of(row);
}

TEST(Killer, LeavesNoProcessBehind) {
  Watchdog dog(kLimit);
  run<WokenSleeper<ToyBug::kNone>>(Mode::kKill, {.stride = 50});
  EXPECT_TRUE(children_of(getpid()).empty());
}

TEST(Killer, IsLinkedWithoutLazyBinding) { EXPECT_TRUE(bound_at_start()); }

TEST(AwaitEnded, TakesASlowProcessForSlow) {
  Watchdog dog(kLimit);
  // Runs far longer than `quiet`, with naps in between that are no futex.
  Helper slow("slow", [] {
    for (int i = 0; i < 20; ++i) {
      usleep(2000);
    }
  });
  std::vector<Helper*> all{&slow};
  EXPECT_EQ(await_ended(all, 5ms), "");
}

TEST(AwaitEnded, NamesWhoSleepsForEver) {
  Watchdog dog(kLimit);
  std::atomic<uint32_t> word{0};
  Helper helper("Rip van Winkle", [&] { toy_wait(word, 0); });
  std::vector<Helper*> all{&helper};
  std::string text = await_ended(all, 50ms);
  EXPECT_NE(text.find("Rip van Winkle (state S, system call 202)"), std::string::npos) << text;
}

TEST(Symbols, NamesAFunctionOfThisProgram) {
  EXPECT_EQ(symbol_of(reinterpret_cast<uintptr_t>(&bound_at_start)),
            "mp::testing::bound_at_start()+0x0");
}

}  // namespace
}  // namespace mp::testing

// mp/internal/model/model_atomics.h
//
// ModelAtomics: the policy under which every access to an atomic is a step of the Explorer, and
// the kernel that goes with it. `B` is the planted bug.

#ifndef MP_INTERNAL_MODEL_MODEL_ATOMICS_H_
#define MP_INTERNAL_MODEL_MODEL_ATOMICS_H_

#include <atomic>
#include <cstdint>
#include <limits>

#include "mp/internal/model/explorer.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/liveness.h"
#include "mp/internal/park/parking.h"
#include "mp/internal/sync/atomics.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal::model {

template <class T>
class ModelAtomic {
 public:
  constexpr ModelAtomic() noexcept = default;
  constexpr ModelAtomic(T value) noexcept : value_(value) {}
  ModelAtomic(const ModelAtomic&) = delete;
  ModelAtomic& operator=(const ModelAtomic&) = delete;

  T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
    before(Step::kLoad, this);
    return seen_by_actor(value_);
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    before(Step::kStore, this);
    value_ = value;
  }
  T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
    before(Step::kRmw, this);
    T old = value_;
    value_ = value;
    return seen_by_actor(old);
  }
  bool compare_exchange_strong(T& expected, T desired,
                               std::memory_order = std::memory_order_seq_cst,
                               std::memory_order = std::memory_order_seq_cst) noexcept {
    before(Step::kRmw, this);
    T old = seen_by_actor(value_);
    if (old != expected) {
      expected = old;
      return false;
    }
    value_ = desired;
    return true;
  }
  T fetch_add(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
    before(Step::kRmw, this);
    T old = value_;
    value_ = static_cast<T>(old + n);
    return seen_by_actor(old);
  }
  T fetch_sub(T n, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return fetch_add(static_cast<T>(T{0} - n), order);
  }
  T fetch_or(T bits, std::memory_order = std::memory_order_seq_cst) noexcept {
    before(Step::kRmw, this);
    T old = value_;
    value_ = static_cast<T>(old | bits);
    return seen_by_actor(old);
  }
  T fetch_and(T bits, std::memory_order = std::memory_order_seq_cst) noexcept {
    before(Step::kRmw, this);
    T old = value_;
    value_ = static_cast<T>(old & bits);
    return seen_by_actor(old);
  }
  // Without a step: for the test itself, and for the kernel.
  T raw() const noexcept { return value_; }
  void set_raw(T value) noexcept { value_ = value; }

 private:
  static T seen_by_actor(T value) noexcept {
    saw(static_cast<uint64_t>(value));
    return value;
  }
  T value_;
};

struct alignas(16) ModelPair {
  ModelAtomic<uint64_t> lo;
  ModelAtomic<uint64_t> hi;

  // Whether look() is two steps, as it is in truth, or one, for the larger runs.
  static inline bool g_torn_looks = true;

  PairValue look() const noexcept {
    if (g_torn_looks) {
      uint64_t h = hi.load();
      return {lo.load(), h};
    }
    before(Step::kLoad, this);
    saw(lo.raw());
    saw(hi.raw());
    return {lo.raw(), hi.raw()};
  }
  bool compare_exchange(PairValue& expected, PairValue desired) noexcept {
    before(Step::kRmw, this);
    PairValue old = {lo.raw(), hi.raw()};
    saw(old.lo);
    saw(old.hi);
    if (old != expected) {
      expected = old;
      return false;
    }
    lo.set_raw(desired.lo);
    hi.set_raw(desired.hi);
    return true;
  }
};

template <Bug B = Bug::kNone>
struct ModelAtomics {
  template <class T>
  using Atomic = ModelAtomic<T>;
  using Pair = ModelPair;
  static constexpr Bug kBug = B;
  static void step(const char*) noexcept {}
  static void fence_after_rmw() noexcept {}
  template <class T>
  static T peek(const ModelAtomic<T>& word) noexcept {
    return word.load();
  }
  static void pause() noexcept {}
  static constexpr int kMaxSpins = 0;
  struct LoopHead {
    LoopHead() noexcept : seen_(seen()) {}
    void again() const noexcept { set_seen(seen_); }

   private:
    uint64_t seen_;
  };
};

// Actor n is process n + 1, in its first generation.
inline Owner owner_of(int actor) noexcept { return Owner::of(static_cast<uint32_t>(actor) + 1, 1); }
inline int actor_of(Owner owner) noexcept { return static_cast<int>(owner.slot()) - 1; }
inline Owner self_owner() noexcept { return owner_of(self()); }

// A deadline that may pass at any moment, once its owner sleeps.
inline constexpr Deadline any_time() noexcept { return Deadline::at(1); }

class ModelFamily final : public Liveness {
 public:
  // `life_words`: whether the kernel can sleep on two words.
  explicit ModelFamily(bool life_words) noexcept : life_words_(life_words) {}

  bool is_dead(Owner owner) noexcept override {
    return owner && owner != self_owner() && model::is_dead(actor_of(owner));
  }
  const FutexWord* arm_life_word(Owner owner, uint32_t* alive_value) noexcept override {
    before(Step::kAsk, nullptr);
    *alive_value = 0;
    bool none = !life_words_ || model::is_dying(actor_of(owner));
    return none ? nullptr : life(actor_of(owner));
  }
  bool is_dying(Owner owner) noexcept override {
    return life_words_ && model::is_dying(actor_of(owner));
  }
  void relay_death(Owner owner) noexcept override { wake_mourners(actor_of(owner)); }
  int64_t slice_ns() const noexcept override { return std::numeric_limits<int64_t>::max(); }
  void count_rescue() noexcept override {}

  // Whose life words those are, a bit per actor.
  static uint8_t actors_of_lives(const FutexPair* lives, int count) noexcept {
    uint32_t actors = 0;
    for (int i = 0; i < count; ++i) {
      actors |= lives[i].word == nullptr ? 0 : 1u << (lives[i].word - g_life);
    }
    return static_cast<uint8_t>(actors);
  }
  using Liveness::is_dead;

 private:
  static const FutexWord* life(int actor) noexcept { return &g_life[actor]; }
  // Places to point at. The values are the explorer's own.
  static inline FutexWord g_life[kMostActors + 1];
  bool life_words_;
};

}  // namespace mp::internal::model

namespace mp::internal {

template <Bug B>
struct Parking<model::ModelAtomics<B>> {
  using Word = model::ModelAtomic<uint32_t>;

  static FutexResult wait(const Word& word, uint32_t expected, Deadline deadline) noexcept {
    return wait_or_death(word, expected, {nullptr, 0}, deadline);
  }
  static FutexResult wait_or_death(const Word& word, uint32_t expected, FutexPair life,
                                   Deadline deadline) noexcept {
    return wait_or_deaths(word, expected, &life, 1, deadline);
  }
  static FutexResult wait_or_deaths(const Word& word, uint32_t expected, const FutexPair* lives,
                                    int count, Deadline deadline) noexcept {
    model::before(model::Step::kWait, &word);
    return model::wait({&word, word.raw(), expected}, {},
                       model::ModelFamily::actors_of_lives(lives, count), deadline);
  }
  static FutexResult wait_among(const Word& word, uint32_t expected, const Word* also,
                                uint32_t also_expected, const FutexPair (&lives)[2],
                                Deadline deadline) noexcept {
    model::before(model::Step::kWait, &word);
    return model::wait(
        {&word, word.raw(), expected},
        also == nullptr ? model::Watched{} : model::Watched{also, also->raw(), also_expected},
        model::ModelFamily::actors_of_lives(lives, 2), deadline);
  }
  static int wake(const Word& word, int count) noexcept { return model::wake(&word, count); }
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_MODEL_MODEL_ATOMICS_H_

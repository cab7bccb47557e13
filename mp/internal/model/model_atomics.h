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
  T fetch_or(T bits, std::memory_order = std::memory_order_seq_cst) noexcept {
    before(Step::kRmw, this);
    T old = value_;
    value_ = static_cast<T>(old | bits);
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

template <Bug B = Bug::kNone>
struct ModelAtomics {
  template <class T>
  using Atomic = ModelAtomic<T>;
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

  // Which actor's life word that is.
  static int actor_of_life(const FutexWord* word) noexcept {
    return word == nullptr ? -1 : static_cast<int>(word - g_life);
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
    model::before(model::Step::kWait, &word);
    return model::wait({&word, word.raw(), expected}, {}, set_of(life), deadline);
  }
  static FutexResult wait_among(const Word& word, uint32_t expected, const Word* also,
                                uint32_t also_expected, const FutexPair (&lives)[2],
                                Deadline deadline) noexcept {
    model::before(model::Step::kWait, &word);
    return model::wait(
        {&word, word.raw(), expected},
        also == nullptr ? model::Watched{} : model::Watched{also, also->raw(), also_expected},
        set_of(lives[0]) | set_of(lives[1]), deadline);
  }
  static int wake(const Word& word, int count) noexcept { return model::wake(&word, count); }

 private:
  static uint8_t set_of(FutexPair life) noexcept {
    int actor = model::ModelFamily::actor_of_life(life.word);
    return actor < 0 ? 0 : static_cast<uint8_t>(1u << actor);
  }
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_MODEL_MODEL_ATOMICS_H_

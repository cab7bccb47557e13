// mp/testing/family_scene.h
//
// FamilyScene: a Scene in the library's own world: the harness founds a family, the others are its
// members by fork. Each death gets new objects and leaves none behind.

#ifndef MP_TESTING_FAMILY_SCENE_H_
#define MP_TESTING_FAMILY_SCENE_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "mp/internal/shm/family.h"
#include "mp/testing/killer.h"

namespace mp::testing {

class FamilyScene : public Scene {
 public:
  FamilyScene(std::string operation, std::string state);
  ~FamilyScene() override;

  // Sleeps of an hour, so that no slice rescues anybody; then create().
  void set_up() final;
  // Leaks: drop(), and then the arena must hold the blocks it held before set_up().
  Verdict audit() final;
  void tear_down() final;

  void prepare() override { note_self(kVictim); }
  void prepare_recovery() override { note_self(kRecoverer); }
  Verdict examine(pid_t victim, const Death& death) override;

 protected:
  // In the harness: the objects of the scene; and their end, which may find them gone already.
  virtual void create() = 0;
  virtual void drop() = 0;
  // In the harness, everybody has ended and the objects are still there.
  virtual Verdict inspect() { return {}; }

  enum Who { kHarness, kVictim, kRecoverer, kWhos };

  // What the processes of the scene tell each other: memory of its own, not the library's.
  struct Stage {
    std::atomic<uint32_t> owner[kWhos];  // Owner bits
    std::atomic<uint32_t> inside;        // a survivor is in its critical section
    std::atomic<uint32_t> overlaps;      // two were
    std::atomic<uint32_t> reports;       // how often a survivor was told that an owner died
    std::atomic<uint32_t> numbers[16];
    char bytes[2048];
  };
  Stage& stage() { return *stage_; }
  internal::Family& family() { return internal::Family::get(); }

  // A survivor is in its critical section from here until leave(); two at once are a violation.
  void enter() {
    if (stage().inside.exchange(1) != 0) {
      stage().overlaps.fetch_add(1);
    }
  }
  void leave() { stage().inside = 0; }

  // The calling process is `who`.
  void note_self(Who who) { stage().owner[who] = internal::Family::self().bits; }

  bool is_victim(internal::Owner owner) { return owner && owner.bits == stage().owner[kVictim]; }
  bool is_recoverer(internal::Owner owner) {
    return owner && owner.bits == stage().owner[kRecoverer];
  }

 private:
  Stage* stage_;
  int64_t baseline_ = 0;
};

}  // namespace mp::testing

#endif  // MP_TESTING_FAMILY_SCENE_H_

// mp/testing/slot_scenes.h
//
// The place of a process in the family's table, as a start and an end hand it over, as scenes for the killer. The starts
// themselves are killed at their system calls: //mp:start_crash_test and //mp:process_crash_test.

#ifndef MP_TESTING_SLOT_SCENES_H_
#define MP_TESTING_SLOT_SCENES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mp/internal/shm/family.h"
#include "mp/testing/family_scene.h"

namespace mp::testing {

class SlotScene : public FamilyScene {
 public:
  using FamilyScene::FamilyScene;

  // What the dead have left is found, and there is a slot for the next.
  Verdict check() override {
    family().sweep_all();
    if (int n = of_the_dead(); n != 0) {
      return leaked("slots of children of the dead: " + std::to_string(n));
    }
    auto next = family().reserve_child(true);
    if (!next.ok()) {
      return wrong("no slot for the next: " + next.status().ToString());
    }
    const internal::Owner owner = next->owner;
    if (family().is_dead(owner)) {
      return wrong("the next is dead before it begins");
    }
    next->certificate.reset();
    family().done_with(owner);
    return phase_of(owner.slot()) == internal::Phase::kFree
               ? judge()
               : leaked("the next one's slot is not free");
  }
  void recover() override { family().sweep_all(); }

  std::vector<std::span<const std::byte>> shared() override {
    return {
        std::as_bytes(std::span(&family().arena().slot(1), family().header().slots_used.load()))};
  }

 protected:
  virtual Verdict judge() { return fine(); }
  void create() override {}
  void drop() override {}

  internal::Phase phase_of(uint32_t slot) {
    return static_cast<internal::Phase>(family().arena().slot(slot).state.load() & 3);
  }
  // Slots in which victim or recoverer have children, as they see it.
  int of_the_dead() {
    int n = 0;
    for (uint32_t i = 1; i <= family().header().slots_used; ++i) {
      internal::Owner creator{family().arena().slot(i).creator.load()};
      n += (is_victim(creator) || is_recoverer(creator)) && phase_of(i) != internal::Phase::kFree;
    }
    return n;
  }
};

// The victim makes room for a child.
class SlotReserve : public SlotScene {
 public:
  SlotReserve() : SlotScene("Slot.reserve", "free") {}
  void operate() override {
    if (auto child = family().reserve_child(true); child.ok()) {
      child_ = *std::move(child);
    }
  }

 private:
  std::optional<internal::Family::Child> child_;
};

// The victim has joined its child, and gives its slot back.
class SlotGiveBack : public SlotScene {
 public:
  SlotGiveBack() : SlotScene("Slot.done_with", "its child is dead") {}
  void prepare() override {
    SlotScene::prepare();
    auto child = family().reserve_child(true);
    require(child.ok(), "no slot");
    owner_ = child->owner;
    child->certificate.reset();
  }
  void operate() override { family().done_with(owner_); }

 private:
  internal::Owner owner_;
};

// A child of the harness, which lives on, is dead: the victim sweeps it.
class SlotSweep : public SlotScene {
 public:
  SlotSweep() : SlotScene("Slot.sweep", "a dead child of a live process") {}
  void operate() override { family().sweep(owner_); }

 protected:
  void create() override {
    auto child = family().reserve_child(true);
    require(child.ok(), "no slot");
    owner_ = child->owner;
    child->certificate.reset();
  }
  // It waits for the one who asks for its exit status.
  Verdict judge() override {
    return phase_of(owner_.slot()) == internal::Phase::kSwept ? fine()
                                                              : wrong("a dead child was not swept");
  }
  Verdict inspect() override {
    family().done_with(owner_);
    return phase_of(owner_.slot()) == internal::Phase::kFree
               ? fine()
               : leaked("a slot that nobody waits for is not free");
  }

 private:
  internal::Owner owner_;
};

// A child that lives, made by a fork server: the victim takes it for its own.
class SlotWatch : public SlotScene {
 public:
  SlotWatch() : SlotScene("Slot.watch_child", "a child of the fork server") {}
  void operate() override { family().watch_child(child_->owner); }

 protected:
  void create() override {
    auto child = family().reserve_child(false);
    require(child.ok(), "no slot");
    child_ = *std::move(child);
  }
  void drop() override { child_.reset(); }
  Verdict check() override {
    family().sweep_all();
    return family().is_dead(child_->owner) ? wrong("a child that lives is taken for dead") : fine();
  }
  // The child dies after its parent.
  Verdict inspect() override {
    const internal::Owner owner = child_->owner;
    child_->certificate.reset();
    family().sweep_all();
    return phase_of(owner.slot()) == internal::Phase::kFree
               ? fine()
               : leaked("the slot of a child that died after its parent");
  }

 private:
  std::optional<internal::Family::Child> child_;
};

}  // namespace mp::testing

#endif  // MP_TESTING_SLOT_SCENES_H_

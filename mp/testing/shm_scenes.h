// mp/testing/shm_scenes.h
//
// What can happen to the names of shared memory when somebody dies, as scenes for the killer.

#ifndef MP_TESTING_SHM_SCENES_H_
#define MP_TESTING_SHM_SCENES_H_

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include "mp/internal/core/shared_memory_core.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/shared_file.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/shm/segment.h"
#include "mp/testing/family_scene.h"
#include "mp/testing/proc.h"

namespace mp::testing {

enum class ShmKind { kArena, kFile };

inline std::string shm_state(ShmKind kind, const char* state) {
  return std::string(kind == ShmKind::kFile ? "file" : "no file") + (*state != '\0' ? ", " : "") +
         state;
}

// What all have in common: one name; and at the end no file of it, and no claim of this family.
class ShmScene : public FamilyScene {
 public:
  using Core = internal::SharedMemoryCore;

  ShmScene(const char* operation, ShmKind kind, const char* state = "")
      : FamilyScene(std::string("SharedMemory.") + operation, shm_state(kind, state)),
        kind_(kind) {}

  Verdict examine(pid_t, const Death& death) override {
    if (!death.recoverer) {
      there_ = there();
    }
    return fine();
  }

  // The sweep, as any process does it that meets the dead.
  void recover() override { family().sweep_all(); }

  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(&family().header().names, 1))};
  }

 protected:
  static constexpr size_t kSize = 64;

  void create() override {
    // Rows may run at the same time, each in a harness of its own.
    name_ = name_of_row() = absl::StrFormat("psm_%08x", getpid());
  }
  void drop() override {
    memory_.reset();
    if (!name_.empty()) {
      auto left = Core::attach(name_);
      if (left.ok()) {
        left->unlink().IgnoreError();
      }
    }
  }

  Verdict inspect() override {
    drop();
    family().sweep_all();
    if (kind_ == ShmKind::kFile && access(path().c_str(), F_OK) == 0) {
      return leaked("the file " + path());
    }
    for (const internal::Claim& claim : internal::all_claims()) {
      if (claim.family == family().id()) {
        return leaked("the claim on " + claim.name);
      }
    }
    return fine();
  }

  static std::string& name_of_row() {
    static std::string name;
    return name;
  }
  std::string path() { return "/dev/shm/" + name_; }
  // A byte of the contents that everybody expects.
  static std::byte content(size_t i) { return static_cast<std::byte>(7 * i + 1); }
  static void fill(std::span<std::byte> bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] = content(i);
    }
  }
  static bool whole(std::span<const std::byte> bytes) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] != content(i)) {
        return false;
      }
    }
    return bytes.size() == kSize;
  }

  absl::StatusOr<Core> make() {
    if (kind_ == ShmKind::kFile) {
      return Core::create(name_, kSize, fill);
    }
    internal::g_make_name = [] { return name_of_row(); };
    return Core::create(kSize, fill);
  }
  // Looks without a lock: the victim may stand still with one.
  bool there() {
    return kind_ == ShmKind::kFile ? access(path().c_str(), F_OK) == 0 : find() != nullptr;
  }
  internal::Segment* find() {
    for (uint64_t at = family().header().names; at != 0;) {
      auto* segment = family().at<internal::Segment>(at);
      if (segment->linked != 0 && segment->name() == name_) {
        return segment;
      }
      at = segment->next;
    }
    return nullptr;
  }
  bool there_and_whole() {
    if (kind_ == ShmKind::kArena) {
      return whole({find()->bytes(), find()->size});
    }
    internal::SharedFile file;
    std::byte* base = nullptr;
    if (internal::open_shared_file(name_, &file) != 0 ||
        internal::map_shared_file(file, &base) != 0) {
      return false;
    }
    bool yes = whole({base, file.size});
    internal::unmap_shared_file(base, file.size);
    return yes;
  }
  // The memory is there, whole.
  Verdict check_kept() {
    family().sweep_all();
    auto found = Core::attach(name_);
    if (!found.ok()) {
      return lost("the memory has no name any more: " + std::string(found.status().message()));
    }
    return whole(found->bytes()) ? fine() : torn("the bytes are not those that were written");
  }
  // The name is free for the next.
  Verdict check_free() {
    auto again = make();
    if (!again.ok()) {
      return wrong("the name is not free: " + std::string(again.status().message()));
    }
    return again->unlink().ok() ? fine() : wrong("the survivor cannot unlink what it made");
  }

  const ShmKind kind_;
  std::string name_;
  std::optional<Core> memory_;
  bool there_ = false;
};

// The victim makes it; as its maker is killed and nobody uses it, it goes.
class ShmCreate : public ShmScene {
 public:
  explicit ShmCreate(ShmKind kind, const char* state = "") : ShmScene("create", kind, state) {}
  void operate() override { make().status().IgnoreError(); }
  Verdict examine(pid_t victim, const Death& death) override {
    ShmScene::examine(victim, death);
    return death.recoverer || !there_ || there_and_whole()
               ? fine()
               : torn("the name is there before the contents");
  }
  Verdict check() override {
    family().sweep_all();
    Verdict v = check_free();
    return v.outcome == Outcome::kOk ? took_effect(there_) : v;
  }
};

// A planted bug: the name first, and then the claim.
class ShmCreateUnclaimed : public ShmCreate {
 public:
  ShmCreateUnclaimed() : ShmCreate(ShmKind::kFile) {}
  void operate() override {
    internal::SharedFile file;
    std::byte* base = nullptr;
    if (internal::make_shared_file(kSize, &file) != 0 ||
        internal::map_shared_file(file, &base) != 0) {
      return;
    }
    fill({base, kSize});
    internal::Family::Naming naming(family());
    family().note_claims();
    internal::name_shared_file(file, name_);
    internal::write_claim({.inode = file.inode,
                           .family = family().id(),
                           .owner = internal::Family::self().bits,
                           .name = name_});
    internal::unmap_shared_file(base, kSize);
  }
};

// The victim wants a name that another has.
class ShmCreateTaken : public ShmScene {
 public:
  explicit ShmCreateTaken(ShmKind kind) : ShmScene("create", kind, "the name is taken") {}
  void create() override {
    ShmScene::create();
    memory_ = *make();
  }
  void operate() override { Core::create(name_, kSize, fill).status().IgnoreError(); }
  Verdict check() override { return check_kept(); }
};

// Somebody who lives has made it, and has closed it or not; the victim attaches to it and closes it.
class ShmAttach : public ShmScene {
 public:
  explicit ShmAttach(ShmKind kind, bool used, const char* operation = "attach+close")
      : ShmScene(operation, kind, used ? "in use" : "closed by its maker"), used_(used) {}
  void create() override {
    ShmScene::create();
    memory_ = *make();
    if (!used_) {
      memory_->close();
    }
  }
  void operate() override { Core::attach(name_).status().IgnoreError(); }
  Verdict check() override { return check_kept(); }

 private:
  const bool used_;
};

// The victim attaches while another one is at the names of the family: it sleeps over their lock, a
// third one behind it, until that one is done, or dies. Who holds that lock lets nobody fork: so all
// are there before it is taken.
class ShmAttachWoken : public ShmAttach {
 public:
  explicit ShmAttachWoken(bool dies) : ShmAttach(ShmKind::kArena, true), dies_(dies) {
    rename(dies ? "its lock's owner dies, one behind" : "woken, one behind");
  }
  void on_ready() override {
    behind_ = &cast("the one behind", [this] {
      come_.wait();
      operate();
    });
    owner_ = &cast("the lock's owner", [this] {
      internal::LockWord<>& lock = family().header().family_lock;
      internal::park_acquire(lock, internal::Family::self(), internal::Deadline::never(), family());
      stage().inside = 1;
      give_.wait();
      internal::park_release(lock);
    });
    require(await([this] { return stage().inside != 0; }), "the helper did not get the lock");
  }
  bool on_sleep(int nth) override {
    if (nth == 1) {
      come_.give();
      require(behind_->await_asleep(), "the helper does not sleep over the names");
      give();
    }
    return nth == 1;
  }
  void on_death(const Death& death) override {
    if (!death.recoverer && death.sleeps == 0) {
      come_.give();
      give();
    }
  }

 protected:
  void create() override {
    ShmAttach::create();
    come_.renew();
    give_.renew();
  }

 private:
  void give() {
    if (dies_) {
      owner_->kill();
    } else {
      give_.give();
      await([this] { return owner_->ended(); });
    }
  }

  const bool dies_;
  Helper* behind_ = nullptr;
  Helper* owner_ = nullptr;
  Order come_;
  Order give_;
};

// Nobody dies: while the victim attaches, another one takes the name off. Either comes first. The
// victim may stand still with the names' lock, which lets nobody fork: so the other is there before.
class ShmAttachContended : public ShmAttach {
 public:
  explicit ShmAttachContended(ShmKind kind) : ShmAttach(kind, true) {
    rename(shm_state(kind, "contended"));
  }
  void on_ready() override {
    other_ = &cast("the one who unlinks", [this] {
      come_.wait();
      stage().inside = 1;
      stage().numbers[0] = memory_->unlink().ok() ? 1 : 2;
    });
  }
  void operate() override {
    auto found = Core::attach(name_);
    if (found.ok() && !whole(found->bytes())) {
      stage().reports = 1;
    }
  }
  void intrude() override {
    intruded_ = true;
    come_.give();
    // It may have to wait for the victim.
    await([this] {
      return other_->ended() || (stage().inside != 0 && process_state(other_->pid()) == 'S');
    });
  }
  Verdict check() override {
    if (!intruded_) {
      Verdict v = check_kept();
      come_.give();
      return v;
    }
    await_helpers_settled();
    if (stage().numbers[0] != 1) {
      return wrong("what was there could not be unlinked");
    }
    return stage().reports != 0 ? torn("attached to something else") : check_free();
  }

 protected:
  void create() override {
    ShmAttach::create();
    come_.renew();
    intruded_ = false;
  }

 private:
  Helper* other_ = nullptr;
  Order come_;
  bool intruded_ = false;
};

// A planted bug: who attaches becomes the owner.
class ShmAttachOwns : public ShmAttach {
 public:
  ShmAttachOwns() : ShmAttach(ShmKind::kFile, false) {}
  void operate() override {
    internal::SharedFile file;
    if (internal::open_shared_file(name_, &file) != 0) {
      return;
    }
    internal::Family::Naming naming(family());
    family().note_claims();
    internal::remove_claim(file.inode);
    internal::write_claim({.inode = file.inode,
                           .family = family().id(),
                           .owner = internal::Family::self().bits,
                           .name = name_});
  }
};

class ShmUnlink : public ShmAttach {
 public:
  explicit ShmUnlink(ShmKind kind, bool used) : ShmAttach(kind, used, "unlink") {}
  void prepare() override {
    ShmScene::prepare();
    memory_ = *Core::attach(name_);
  }
  void operate() override { memory_->unlink().IgnoreError(); }
  Verdict check() override {
    family().sweep_all();
    Verdict v = there_ ? check_kept() : check_free();
    return v.outcome == Outcome::kOk ? took_effect(!there_) : v;
  }
};

}  // namespace mp::testing

#endif  // MP_TESTING_SHM_SCENES_H_

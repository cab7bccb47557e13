// mp/testing/fd_scenes.h
//
// Messages that carry a file descriptor, and what becomes of it when somebody dies. It is the write end of a pipe: as long
// as it is open anywhere, the family's mailbox included, the pipe does not end.

#ifndef MP_TESTING_FD_SCENES_H_
#define MP_TESTING_FD_SCENES_H_

#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/fd.h"
#include "mp/internal/proc/mailbox.h"
#include "mp/queue.h"
#include "mp/testing/queue_scenes.h"

namespace mp::testing {

class FdScene : public FamilyScene {
 public:
  using FamilyScene::FamilyScene;

  // Whoever joins a dead process sweeps what it held.
  void recover() override { family().sweep_all(); }
  std::vector<std::span<const std::byte>> shared() override {
    return {std::as_bytes(std::span(ring_, 1)),
            std::as_bytes(std::span(&family().header().family_lock, 1)),
            std::as_bytes(std::span(&family().arena().deposit(0), 1)),
            std::as_bytes(std::span(&family().header().mailbox_count, 1))};
  }

 protected:
  void create() override {
    // Whoever goes through the mailbox next finds that its lock's owner died, and takes another path. Not the victim of the
    // next run: no descriptor has token 0, so this looks at all of them.
    require(internal::mailbox_ends().ok() && internal::mailbox_discard(0),
            "the mailbox cannot be looked through");
    queue_.emplace();
    ring_ = ring_at(objects_of(*queue_)[0]);
    int ends[2];
    require(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "there is no pipe");
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }
  void drop() override {
    queue_.reset();
    read_.reset();
    write_.reset();
  }
  Verdict inspect() override {
    return internal::mailbox_waiting() == 0 ? fine()
                                            : leaked("something in the mailbox at the end");
  }

  // Takes the message, if there is one, and looks at what it carries; then nobody may have it any more. `there` is whether
  // there was one.
  Verdict take_and_look(bool* there) {
    family().sweep_all();
    absl::StatusOr<Fd> fd = queue_->try_get();
    *there = !absl::IsUnavailable(fd.status());
    char c = 0;
    if (*there && (!fd.ok() || write(fd->get(), "x", 1) != 1 || read(read_.get(), &c, 1) != 1)) {
      return lost("the message came without its descriptor");
    }
    fd = Fd();
    family().sweep_all();
    return read(read_.get(), &c, 1) == 0 ? fine() : leaked("the descriptor is open somewhere");
  }

  std::optional<Queue<Fd>> queue_;
  internal::Ring<>* ring_ = nullptr;
  Fd read_;
  Fd write_;
};

// With `kForgetful` nothing takes an orphan out of the mailbox: a planted bug.
template <bool kForgetful = false>
class FdPut : public FdScene {
 public:
  FdPut() : FdScene("Queue.put", "a file descriptor") {}
  // The victim has its own.
  void on_ready() override { write_.reset(); }
  void operate() override { queue_->put(write_); }
  Verdict check() override {
    bool there;
    Verdict v = take_and_look(&there);
    return v.outcome == Outcome::kOk ? took_effect(there) : v;
  }

 protected:
  void create() override {
    if (kForgetful) {
      internal::Family::g_message_hooks.discard = [](uint64_t) noexcept { return true; };
    }
    FdScene::create();
  }
};

class FdGet : public FdScene {
 public:
  FdGet() : FdScene("Queue.get", "a file descriptor") {}
  void operate() override { got_ = queue_->get(); }
  Verdict check() override {
    bool there;
    Verdict v = take_and_look(&there);
    return v.outcome == Outcome::kOk ? took_effect(!there) : v;
  }

 protected:
  void create() override {
    FdScene::create();
    queue_->put(write_);
    write_.reset();
  }

 private:
  Fd got_;  // the victim's, and gone with it
};

}  // namespace mp::testing

#endif  // MP_TESTING_FD_SCENES_H_

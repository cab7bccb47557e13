// mp/internal/core/poll_fd.h
//
// PollFd: the descriptor of a pipe's end that can be polled, made when somebody asks for it: readable while there is a
// message or the end of all. Behind it are a doorbell, which who sends rings, and the pidfd of one who holds the other end.
//
// Safety   Any thread. Each process has its own; a child of fork makes a new one when it asks.
// Readable for nothing  After a death, and after the other end was closed by one holder of several or came to another
//          process; also while several read this end, and one takes what another was called for. settle() ends that.
// Cost     Three descriptors. While it is there: a system call of who sends into the empty pipe, three of who takes its last
//          message.
// Missed   A sender who is killed between publishing and ringing, or calls exec, while another holder of its end is the one
//          that is watched: its message is found with the next one, or by a call of this process.

#ifndef MP_INTERNAL_CORE_POLL_FD_H_
#define MP_INTERNAL_CORE_POLL_FD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "absl/status/statusor.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/core/bells.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/os/doorbell.h"
#include "mp/internal/os/poll_set.h"

namespace mp::internal {

class PollFd {
 public:
  // That of `end`, whose messages come through `ring`, a PipeRing.
  static absl::StatusOr<int> of(const Ref& end, const Ref& ring);
  // This process has found nothing in `ring`, or has taken a message.
  static void settle_all(Family& family, uint64_t ring) noexcept;
  // Somebody has let go of the other end of `ring`. With family_lock: waits for nothing.
  static void look_again(uint64_t ring) noexcept;

  explicit PollFd(Ref ring);
  ~PollFd();

 private:
  struct Companion;

  absl::StatusOr<int> get();
  absl::Status open();
  void shut() noexcept;
  void settle() noexcept;
  // Makes the pidfd that of a holder of the other end.
  void watch() noexcept;
  // Who holds the other end, and has not begun to run, cannot be watched yet.
  void await_beginner() noexcept;
  void sweep_dead(std::unique_lock<std::mutex>& hold) noexcept;
  bool is_ours() const noexcept;
  // In a child of fork: what is here is its parent's.
  void take_over() noexcept;

  const Ref ring_;
  Family& family_;
  std::atomic<uint32_t> owner_;
  std::mutex mutex_;
  // With mutex_.
  Listener listener_;
  UniqueFd doorbell_;
  UniqueFd pidfd_;
  PollSet set_;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_POLL_FD_H_

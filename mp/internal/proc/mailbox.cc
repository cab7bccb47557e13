#include "mp/internal/proc/mailbox.h"

#include <errno.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/fork_handlers.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/core/received.h"
#include "mp/internal/os/scm_rights.h"
#include "mp/internal/park/brief_lock.h"
#include "mp/internal/park/lock.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {
namespace {

constexpr int kMostRoom = 128;
// What the kernel charges for a message of a few bytes, rounded up.
constexpr int kChargePerMessage = 1024;

MP_FORK_STATE constinit std::mutex g_making;
// Never destroyed; changed under g_making, and once.
std::atomic<SocketPair*> g_ends{nullptr};
std::atomic<uint32_t> g_last_token{0};

absl::StatusOr<SocketPair*> make_ends() {
  std::lock_guard hold(g_making);
  SocketPair* pair = g_ends.load(std::memory_order_relaxed);
  if (pair == nullptr) {
    SocketPair made;
    if (int err = make_socket_pair(false, &made); err != 0) {
      return os_error(err, "mp: the family's mailbox for file descriptors");
    }
    pair = new SocketPair(std::move(made));
    g_ends.store(pair, std::memory_order_release);
  }
  return pair;
}

absl::StatusOr<SocketPair*> ends() {
  if (SocketPair* pair = g_ends.load(std::memory_order_acquire)) [[likely]] {
    return pair;
  }
  Family::get();
  return make_ends();
}

// A child that is forked before anybody made the mailbox would have one of its own.
void before_fork() {
  if (Family::current() != nullptr) {
    // Without a mailbox the child lives on; what is put into one later does not reach it.
    make_ends().status().IgnoreError();
  }
  g_making.lock();
}
void after_fork() { g_making.unlock(); }

[[maybe_unused]] const bool g_registered =
    handle_forks(ForkOrder::kMailbox, {before_fork, after_fork, after_fork});

// Queues and connections send descriptors through here.
[[maybe_unused]] const bool g_filled_in =
    (g_fd_mail = FdMail{
         .token = mailbox_token,
         .put = mailbox_put,
         .take = [](uint64_t token) -> absl::StatusOr<int> {
           auto fd = mailbox_take(token);
           if (!fd.ok()) {
             return fd.status();
           }
           return fd->release();
         },
         .copy = [](uint64_t token) -> absl::StatusOr<int> {
           auto fd = mailbox_copy(token);
           if (!fd.ok()) {
             return fd.status();
           }
           return fd->release();
         },
         // The end that nothing is sent from: what waits elsewhere takes no room from the mailbox.
         .socket =
             []() noexcept {
               SocketPair* pair = g_ends.load(std::memory_order_acquire);
               return pair == nullptr ? -1 : pair->b.get();
             }},
     Family::g_message_hooks.discard = mailbox_discard, true);

int room_of(const SocketPair& pair) {
  // Half of what fits: taking needs room at the tail.
  return std::min(kMostRoom, send_buffer(pair.a.get()) / kChargePerMessage / 2);
}

// One look through the mailbox, alone.
class Round {
 public:
  explicit Round(SocketPair& pair) : pair_(pair), family_(Family::get()) {
    if (acquire_brief(family_.header().mailbox_lock, Family::self(), family_) ==
        Acquired::kOwnerDied) {
      recount();
    }
  }
  ~Round() { park_release(family_.header().mailbox_lock); }

  std::atomic<uint32_t>& count() { return family_.header().mailbox_count; }

  int put(uint64_t token, int fd) {
    // Counted first: a count that is too high is mended after a death.
    count().fetch_add(1, std::memory_order_relaxed);
    int err = send_with_fds(pair_.a.get(), &token, sizeof token, &fd, 1, Socket::kDontWait);
    if (err != 0) {
      count().fetch_sub(1, std::memory_order_relaxed);
    }
    return err;
  }

  // Takes `token` out, or leaves it there, at the head; 0, or ENOENT, or another errno.
  int take(uint64_t token, UniqueFd* fd, bool leave = false) {
    // The head first: most descriptors are taken in the order in which they came.
    bool marked = false;
    for (;;) {
      uint64_t head;
      Message message;
      int err =
          receive_with_fds(pair_.b.get(), &head, sizeof head, Socket::kDontWait, true, &message);
      if (err == EAGAIN) {
        return ENOENT;
      }
      if (err != 0) {
        return err;
      }
      if (head == token && !message.fds.empty()) {
        *fd = std::move(message.fds[0]);
        if (leave) {
          return 0;
        }
        pop();
        count().fetch_sub(1, std::memory_order_relaxed);
        return 0;
      }
      if (message.fds.empty()) {
        // A marker: ours, when this round began with one, or one that a death left.
        pop();
        if (head == marker_) {
          return ENOENT;
        }
        continue;
      }
      if (!marked) {
        marked = true;
        if (int e = mark(); e != 0) {
          return e;
        }
      }
      if (int e = to_tail(head, message.fds[0].get()); e != 0) {
        return e;
      }
    }
  }

  // Some token; false when there is none.
  bool peek(uint64_t* token) {
    Message message;
    while (receive_with_fds(pair_.b.get(), token, sizeof *token, Socket::kDontWait, true,
                            &message) == 0) {
      if (!message.fds.empty()) {
        return true;
      }
      pop();
    }
    return false;
  }

 private:
  // A marker carries no descriptor; its bytes are a token too, so that it is not taken for an older one.
  int mark() {
    marker_ = mailbox_token();
    return send_with_fds(pair_.a.get(), &marker_, sizeof marker_, nullptr, 0, Socket::kDontWait);
  }

  int to_tail(uint64_t token, int fd) {
    int err = send_with_fds(pair_.a.get(), &token, sizeof token, &fd, 1, Socket::kDontWait);
    if (err == 0) {
      pop();
    }
    return err;
  }

  void pop() {
    uint64_t head;
    Message message;
    receive_with_fds(pair_.b.get(), &head, sizeof head, Socket::kDontWait, false, &message);
  }

  // After a death in the middle of one of these: goes through all once, throws duplicates and markers out and counts.
  void recount() {
    absl::flat_hash_set<uint64_t> seen;
    if (mark() != 0) {
      return;
    }
    for (;;) {
      uint64_t head;
      Message message;
      if (receive_with_fds(pair_.b.get(), &head, sizeof head, Socket::kDontWait, true, &message) !=
          0) {
        break;
      }
      if (message.fds.empty() || !seen.insert(head).second) {
        pop();
        if (head == marker_) {
          break;
        }
      } else if (to_tail(head, message.fds[0].get()) != 0) {
        break;
      }
    }
    count().store(static_cast<uint32_t>(seen.size()), std::memory_order_relaxed);
  }

  SocketPair& pair_;
  Family& family_;
  uint64_t marker_ = 0;
};

absl::Status gone(uint64_t token, int err) {
  if (err == ENOENT) {
    return OSError(absl::StrCat("mp: the family's mailbox holds no file descriptor with token ",
                                token,
                                ": it was taken already, or its message is older than the mailbox"))
        .status();
  }
  return os_error(err, "mp: taking a file descriptor out of the family's mailbox");
}

}  // namespace

uint64_t mailbox_token() {
  // The slot's generation makes it unique among processes, the count within one.
  return uint64_t{Family::self().bits} << 32 |
         (g_last_token.fetch_add(1, std::memory_order_relaxed) + 1);
}

absl::Status mailbox_put(uint64_t token, int fd) {
  auto pair = ends();
  if (!pair.ok()) {
    return pair.status();
  }
  int room = room_of(**pair);
  int err = 0;
  for (bool swept = false;; swept = true) {
    {
      Round round(**pair);
      err = static_cast<int>(round.count().load(std::memory_order_relaxed)) >= room
                ? EAGAIN
                : round.put(token, fd);
    }
    if (err != EAGAIN || swept) {
      break;
    }
    // What the dead have left there is thrown away when they are swept.
    Family::get().sweep_all();
  }
  if (err == EAGAIN) {
    return os_error(
        EAGAIN,
        absl::StrCat("mp: the family's mailbox is full: ", room,
                     " file descriptors wait to be received; receive some before sending more"));
  }
  if (err != 0) {
    return os_error(
        err, absl::StrCat("mp: sending file descriptor ", fd, " through the family's mailbox"));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> mailbox_take(uint64_t token) {
  auto pair = ends();
  if (!pair.ok()) {
    return pair.status();
  }
  UniqueFd fd;
  int err = Round(**pair).take(token, &fd);
  if (err != 0) {
    return gone(token, err);
  }
  return fd;
}

absl::StatusOr<UniqueFd> mailbox_copy(uint64_t token) {
  auto pair = ends();
  if (!pair.ok()) {
    return pair.status();
  }
  UniqueFd fd;
  int err = Round(**pair).take(token, &fd, true);
  if (err != 0) {
    return gone(token, err);
  }
  return fd;
}

bool mailbox_discard(uint64_t token) noexcept {
  // A process without the mailbox can not reach it.
  SocketPair* pair = g_ends.load(std::memory_order_acquire);
  UniqueFd fd;
  int err = pair == nullptr ? EAGAIN : Round(*pair).take(token, &fd);
  return err == 0 || err == ENOENT;
}

int mailbox_room() {
  auto pair = ends();
  return pair.ok() ? room_of(**pair) : 0;
}

int mailbox_waiting() {
  Family* family = Family::current();
  return family == nullptr
             ? 0
             : static_cast<int>(family->header().mailbox_count.load(std::memory_order_relaxed));
}

bool mailbox_peek_for_test(uint64_t* token) {
  auto pair = ends();
  return pair.ok() && Round(**pair).peek(token);
}

absl::StatusOr<MailboxEnds> mailbox_ends() {
  auto pair = ends();
  if (!pair.ok()) {
    return pair.status();
  }
  return MailboxEnds{(*pair)->a.get(), (*pair)->b.get()};
}

void mailbox_adopt(UniqueFd in, UniqueFd out) {
  g_ends.store(new SocketPair{std::move(in), std::move(out)}, std::memory_order_release);
}

}  // namespace mp::internal

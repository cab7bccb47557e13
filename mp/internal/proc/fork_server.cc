#include "mp/internal/proc/fork_server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <iterator>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/check.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/os/child_signals.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/os/life_pipe.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/os/reopen.h"
#include "mp/internal/os/scm_rights.h"
#include "mp/internal/proc/finish.h"
#include "mp/internal/proc/fork_guard.h"
#include "mp/internal/proc/life.h"
#include "mp/internal/proc/preload.h"
#include "mp/internal/proc/status.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {
namespace {

// To the client: a child that waits, and comes with the client's end of a socket to it; or, without
// an owner, why there is none.
struct Announcement {
  uint32_t owner;
  int32_t pid;
  int32_t error;   // 0: its children end before they are used
  int32_t status;  // of the last of them
};

// To a child that waits: run this plan. To the server, without one: try again to fork.
struct Word {
  uint64_t plan;
};

// -- The client -----------------------------------------------------------------------------------

struct Spare {
  Announcement who;
  UniqueFd socket;
};

// The server of this process. Under the StartLock.
struct Client {
  UniqueFd socket;
  UniqueFd pidfd;
  std::atomic<int> pid{0};  // read without the lock
  Owner owner;
  bool served = false;
  std::optional<Spare> next;  // received, and not yet used

  absl::Status start();
  // Of a server that is dead or shall be; returns its status.
  int stop() noexcept;
  // The next announcement. 0 or an errno; EPIPE when the server is gone.
  int receive(Spare* out, Socket wait);
};

// Null until the first need, and never destroyed: exit handlers may still start processes.
constinit std::atomic<Client*> g_client{nullptr};

bool has_client() {
  Client* client = g_client.load(std::memory_order_acquire);
  return client != nullptr && client->socket.valid();
}
Client& client() {
  Client* client = g_client.load(std::memory_order_acquire);
  if (client == nullptr) {
    client = new Client;
    g_client.store(client, std::memory_order_release);
  }
  return *client;
}

absl::Status Client::start() {
  SocketPair pair;
  if (int err = make_socket_pair(true, &pair); err != 0) {
    return os_error(err, "mp: a socket to the fork server");
  }
  auto passed = life_read_ends();
  if (!passed.ok()) {
    return passed.status();
  }
  passed->insert(passed->begin(), pair.b.get());
  Family& family = Family::get();
  auto slot = family.reserve_child(true);
  if (!slot.ok()) {
    return slot.status();
  }
  auto plan = give_preload(slot->owner);
  auto id = plan.ok() ? execute_self(Role::kServer, *slot,
                                     plan->has_value() ? (*plan)->offset() : 0, *passed)
                      : absl::StatusOr<int>(plan.status());
  if (id.ok()) {
    pidfd = open_pidfd(*id);
    if (!pidfd.valid()) {
      int err = errno;
      kill_child(*id);
      id = os_error(err, "mp: a descriptor for the fork server");
    }
  }
  slot->certificate.reset();
  if (!id.ok()) {
    family.done_with(slot->owner);
    return id.status();
  }
  socket = std::move(pair.a);
  pid = *id;
  owner = slot->owner;
  served = false;
  next.reset();
  return absl::OkStatus();
}

int Client::stop() noexcept {
  int status = 0;
  signal_pidfd(pidfd.get(), SIGKILL);
  reap(pidfd.get(), true, &status);
  pidfd.reset();
  Family& family = Family::get();
  family.done_with(std::exchange(owner, Owner{}));
  // The children that wait would go by themselves; with them gone, nothing is left when we return.
  // One that was forked a moment ago has yet to say who it is: the socket ends when all have. It
  // may be held open by a process that a static initialiser of the server made.
  Deadline patience = Deadline::after_ns(1'000'000'000);
  Spare spare;
  for (;;) {
    int err = receive(&spare, Socket::kDontWait);
    if (err == EAGAIN && await_end(socket.get(), patience)) {
      continue;
    }
    if (err != 0) {
      break;
    }
    if (Owner waiting{spare.who.owner}) {
      UniqueFd child = open_pidfd(spare.who.pid);
      if (!family.is_dead(waiting)) {
        signal_pidfd(child.get(), SIGKILL);
        await_end(child.get(), Deadline::never());
      }
      family.sweep(waiting);
    }
  }
  socket.reset();
  pid = 0;
  return status;
}

int Client::receive(Spare* out, Socket wait) {
  if (next.has_value()) {
    *out = *std::exchange(next, std::nullopt);
    return 0;
  }
  Message message;
  int err = receive_with_fds(socket.get(), &out->who, sizeof out->who, wait, false, &message);
  out->socket = message.fds.empty() ? UniqueFd() : std::move(message.fds[0]);
  return err == 0 && message.size == 0 ? EPIPE : err;
}

void nothing() {}

void forget_in_child() {
  if (has_client()) {
    // Our parent's server, not ours.
    client().socket.reset();
    client().pidfd.reset();
    client().pid = 0;
    client().next.reset();
  }
}

[[maybe_unused]] const bool g_hooked = (add_fork_hooks({nothing, nothing, forget_in_child}), true);

absl::Status wasted(int status) {
  int code = exit_code_of(status);
  if (code > Family::kCouldNotStart) {
    return os_error(code - Family::kCouldNotStart,
                    "mp: a child of the fork server could not start");
  }
  return make_status(
      "RuntimeError", absl::StatusCode::kUnavailable,
      absl::StrCat("mp: the children of the fork server end before they are used; exit code of the "
                   "last one: ",
                   code));
}

// A child that waits for a plan, from now on watched by this process; null when the server died.
absl::StatusOr<std::unique_ptr<Child>> take_child(UniqueFd* socket) {
  Family& family = Family::get();
  for (int refusals = 0;;) {
    Spare spare;
    if (int err = client().receive(&spare, Socket::kWait); err != 0) {
      if (err == EPIPE) {
        return nullptr;
      }
      return os_error(err, "mp: the socket of the fork server");
    }
    client().served = true;
    const Announcement a = spare.who;
    if (a.owner == 0) {
      // It may be long ago that it could not fork: let it try once more. Also when this is what the
      // caller hears: its next answer then waits for the next start, which would wait for ever else.
      Word again{0};
      int err =
          send_with_fds(client().socket.get(), &again, sizeof again, nullptr, 0, Socket::kWait);
      if (++refusals > 1) {
        return a.error != 0 ? os_error(a.error, "mp: the fork server could not start a process")
                            : wasted(a.status);
      }
      if (err != 0) {
        return nullptr;
      }
      continue;
    }
    UniqueFd pidfd = open_pidfd(a.pid);
    int err = pidfd.valid() ? 0 : errno;
    // The pid was the child's own when we opened it if the child lives now.
    Owner owner{a.owner};
    if (!family.watch_child(owner)) {
      continue;
    }
    if (family.is_dead(owner)) {
      family.done_with(owner);
      continue;
    }
    if (err != 0) {
      client().next = std::move(spare);
      return os_error(err, "mp: a descriptor for a new process");
    }
    *socket = std::move(spare.socket);
    return std::make_unique<Child>(owner, a.pid, std::move(pidfd), client().owner);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> start_by_server(const Parcel& parcel) {
  constexpr int kAttempts = 5;
  auto plan = Plan::make(parcel.plan);
  if (!plan.ok()) {
    return plan.status();
  }
  int code = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (!has_client()) {
      if (absl::Status s = client().start(); !s.ok()) {
        return s;
      }
    }
    UniqueFd socket;
    auto child = take_child(&socket);
    if (!child.ok()) {
      return child.status();
    }
    if (*child != nullptr) {
      absl::Status status = give((*child)->owner(), parcel, *plan);
      Word word{plan->offset()};
      int err = status.ok() ? send_with_fds(socket.get(), &word, sizeof word, parcel.fds.data(),
                                            parcel.fds.size(), Socket::kWait)
                            : 0;
      if (status.ok() && err == 0) {
        return child;
      }
      // As if it had never been: it has not run.
      (*child)->signal(SIGKILL);
      (*child)->wait(Deadline::never());
      if (!status.ok()) {
        return status;
      }
      if (err != EPIPE) {
        return os_error(err, "mp: passing file descriptors to a new process");
      }
      continue;
    }
    bool served = client().served;
    code = exit_code_of(client().stop());
    if (!served && code > Family::kCouldNotStart) {
      return os_error(code - Family::kCouldNotStart, "mp: the fork server could not start");
    }
    if (!served && code >= 0) {
      return make_status(
          "RuntimeError", absl::StatusCode::kInternal,
          absl::StrCat("mp: the fork server ended with exit code ", code, " before it served: ",
                       has_preload() ? "what set_forkserver_preload() gave it failed, or " : "",
                       "main() must reach mp::freeze_support(argc, argv), its "
                       "first line, whatever the arguments and the environment are"));
    }
  }
  return make_status("RuntimeError", absl::StatusCode::kUnavailable,
                     absl::StrCat("mp: ", kAttempts,
                                  " fork servers or children of theirs in a row ended before a "
                                  "process was started; exit code of the last server: ",
                                  code));
}

void stop_fork_server() noexcept {
  if (fork_server_pid() == 0) {
    return;
  }
  StartLock lock;
  if (has_client()) {
    client().stop();
  }
}

int fork_server_pid() noexcept {
  Client* client = g_client.load(std::memory_order_acquire);
  return client != nullptr ? client->pid.load(std::memory_order_relaxed) : 0;
}

// -- The server -----------------------------------------------------------------------------------

namespace {

class Server {
 public:
  Server(Entry entry, const ServerJobs& jobs) : socket_(std::move(entry.fds.at(0))), jobs_(jobs) {
    life_.assign(std::make_move_iterator(entry.fds.begin() + 1),
                 std::make_move_iterator(entry.fds.end()));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
      Family::end_unstarted(errno, "mp: the fork server's pipe");
    }
    if (int err = signals_.start(); err != 0) {
      Family::end_unstarted(err, "mp: the fork server's descriptor for the ends of its children");
    }
    taken_.reset(above_stdio(ends[0]));
    take_.reset(above_stdio(ends[1]));
  }

  [[noreturn]] void run() {
    for (;;) {
      while (waiting_ < kSpares && !refused_) {
        fork_spare();
      }
      ChildSignals::Ready ready = signals_.wait(taken_.get(), socket_.get());
      // Before its end is looked at, a child has said that it was taken.
      note_taken();
      if (ready.child) {
        reap_children();
      }
      if (ready.second) {
        read_word();
      }
    }
  }

 private:
  struct Forked {
    Owner owner;
    bool waiting;  // as far as is known here
  };
  // With two, the fork of the next child goes on beside the start, run and end of this one.
  static constexpr int kSpares = 2;
  // How many children may end without having been taken, one after the other.
  static constexpr int kMostWasted = 5;

  void fork_spare() {
    bool wasteful = wasted_ >= kMostWasted;
    int err = wasteful ? 0 : try_to_fork();
    if (err != 0 || wasteful) {
      refused_ = true;
      wasted_ = 0;
      announce({0, 0, err, last_wasted_}, nullptr, 0);
    }
  }

  void announce(const Announcement& a, const int* fds, size_t count) {
    if (send_with_fds(socket_.get(), &a, sizeof a, fds, count, Socket::kWait) != 0) {
      // Our client has closed the socket or ended.
      _exit(0);
    }
  }

  int try_to_fork() {
    Watches watches;
    for (const UniqueFd& end : life_) {
      if (int err = add_watch(end.get(), &watches); err != 0) {
        return err;
      }
    }
    SocketPair pair;
    if (int err = make_socket_pair(true, &pair); err != 0) {
      return err;
    }
    auto child = Family::get().reserve_child(false);
    if (!child.ok()) {
      return errno_of(child.status());
    }
    Owner owner = child->owner;
    int pid;
    int err = 0;
    {
      StartLock lock;
      lock.fork_is_ours();
      Family::get().set_fork_child(*std::move(child));
      pid = fork();
      err = errno;
    }
    if (pid == 0) {
      live_with_parent(std::move(watches));
      wait_and_run(owner, std::move(pair));
    }
    if (pid < 0) {
      Family::get().sweep(owner);
      return err;
    }
    children_.emplace(pid, Forked{owner, true});
    ++waiting_;
    return 0;
  }

  // In the child.
  [[noreturn]] void wait_and_run(Owner owner, SocketPair pair) {
    life_.clear();
    int pid = getpid();
    // Before the warm-up: meanwhile the client prepares its plan. By the child itself: it keeps the
    // server's socket open until then, so that of a server that died between the fork and this the
    // client hears the end only when no child will come any more.
    int theirs = pair.a.get();
    announce({owner.bits, pid, 0, 0}, &theirs, 1);
    socket_.reset();
    pair.a.reset();
    Word word{};
    Message message;
    for (Socket wait = Socket::kDontWait;; wait = Socket::kWait) {
      int err = receive_with_fds(pair.b.get(), &word, sizeof word, wait, false, &message);
      if (err == 0 && message.size != 0) {
        break;
      }
      if (err == EAGAIN) {
        // Nobody needs us yet: time to touch what running a plan will need.
        jobs_.warm_up();
        continue;
      }
      if (err == EMFILE) {
        Family::end_unstarted(err, "mp: no room for the file descriptors passed to it");
      }
      // Not needed any more.
      _exit(0);
    }
    if (write(take_.get(), &pid, sizeof pid) < 0) {
      // The pipe is full of the like: the server stands still, and will see us end.
    }
    // Both ends open until now: a dead server makes no SIGPIPE.
    taken_.reset();
    take_.reset();
    pair.b.reset();
    signals_.undo();
    jobs_.run(word.plan, std::move(message.fds));
    check(false, "a child returned from its plan");
    _exit(1);
  }

  void note_taken() {
    int pid;
    while (read(taken_.get(), &pid, sizeof pid) == sizeof pid) {
      auto it = children_.find(pid);
      if (it != children_.end() && std::exchange(it->second.waiting, false)) {
        --waiting_;
        wasted_ = 0;
      }
    }
  }

  void read_word() {
    Word word;
    Message message;
    int err =
        receive_with_fds(socket_.get(), &word, sizeof word, Socket::kDontWait, false, &message);
    if (err == 0 && message.size == 0) {
      // Our client has closed the socket or ended.
      _exit(0);
    }
    if (err == 0) {
      refused_ = false;
    }
  }

  void reap_children() {
    while (!children_.empty()) {
      int pid = any_ended_child();
      if (pid == 0) {
        return;
      }
      auto it = children_.find(pid);
      if (it == children_.end()) {
        // Somebody else's child, made by a static initialiser, stands in front of ours.
        for (it = children_.begin(); it != children_.end();) {
          reap(it++);
        }
        return;
      }
      reap(it);
    }
  }

  void reap(absl::flat_hash_map<int, Forked>::iterator it) {
    int status = kUnknown;
    if (look_at_child(it->first, &status) == Look::kRunning) {
      return;
    }
    report(it->second.owner, status);
    if (it->second.waiting) {
      --waiting_;
      ++wasted_;
      last_wasted_ = status;
    }
    children_.erase(it);
  }

  static void report(Owner child, int status) {
    Family& family = Family::get();
    Slot& slot = family.slot(child);
    if (static_cast<uint32_t>(slot.state.load(std::memory_order_acquire) >> 32) !=
        child.generation()) {
      return;
    }
    uint32_t word = slot.status.load(std::memory_order_relaxed);
    // sync: status (pairs with Child): what the child wrote before it ended is visible to whoever
    // reads this.
    while (!slot.status.compare_exchange_weak(
        word, StatusWord::make(child, StatusWord::kReaped, status), std::memory_order_release,
        std::memory_order_relaxed)) {
    }
    futex_wake(&slot.status, kWakeAll);
  }

  // Of a child that somebody else reaped.
  static constexpr int kUnknown = 255 << 8;

  UniqueFd socket_;
  std::vector<UniqueFd> life_;  // what its children's watches are opened from
  UniqueFd taken_;              // owners of children that were taken come out here
  UniqueFd take_;
  const ServerJobs jobs_;
  ChildSignals signals_;
  absl::flat_hash_map<int, Forked> children_;
  int waiting_ = 0;  // how many of them wait
  int wasted_ = 0;
  int last_wasted_ = 0;   // exit status
  bool refused_ = false;  // the client knows that we could not fork
};

MP_FORK_STATE alignas(Server) constinit std::byte g_server[sizeof(Server)] = {};

}  // namespace

void serve_forks(Entry entry, const ServerJobs& jobs) {
  // What the dynamic linker resolves and caches at first use, the children inherit.
  jobs.warm_up();
  if (entry.plan != 0) {
    run_preload(entry.plan);
  }
  reserve_finish();
  // Never destroyed: the children go on from here, and never return.
  auto* server = new (g_server) Server(std::move(entry), jobs);
  server->run();
}

}  // namespace mp::internal

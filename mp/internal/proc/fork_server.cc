#include "mp/internal/proc/fork_server.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/check.h"
#include "mp/internal/os/child_signals.h"
#include "mp/internal/os/life_pipe.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/os/scm_rights.h"
#include "mp/internal/proc/fork_guard.h"
#include "mp/internal/proc/life.h"
#include "mp/internal/proc/status.h"

namespace mp::internal {
namespace {

struct Request {
  uint64_t plan;
  uint32_t owner;
  uint32_t reserved;
};
struct Answer {
  int32_t error;
  int32_t pid;
};

// -- The client -----------------------------------------------------------------------------------------------------

// The server of this process. Under the StartLock.
struct Client {
  UniqueFd socket;
  UniqueFd pidfd;
  std::atomic<int> pid{0};  // read without the lock
  Owner owner;
  bool served = false;

  absl::Status start();
  // Of a server that is dead or shall be; returns its status.
  int stop() noexcept;
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
  auto life = life_read_end();
  if (!life.ok()) {
    return life.status();
  }
  Family& family = Family::get();
  auto slot = family.reserve_child(true);
  if (!slot.ok()) {
    return slot.status();
  }
  auto id = execute_self(Role::kServer, *slot, 0, {pair.b.get(), *life});
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
  return absl::OkStatus();
}

int Client::stop() noexcept {
  socket.reset();
  int status = 0;
  signal_pidfd(pidfd.get(), SIGKILL);
  reap(pidfd.get(), true, &status);
  pidfd.reset();
  pid = 0;
  Family::get().done_with(std::exchange(owner, Owner{}));
  return status;
}

void nothing() {}

void forget_in_child() {
  if (has_client()) {
    // Our parent's server, not ours.
    client().socket.reset();
    client().pidfd.reset();
    client().pid = 0;
  }
}

[[maybe_unused]] const bool g_hooked = (add_fork_hooks({nothing, nothing, forget_in_child}), true);

enum class Asked { kAnswered, kServerDied };

// One request. `child` and `answer` are whole afterwards; the certificate stays open, so that the slot cannot be taken
// for a dead one while the request lies in a socket.
absl::StatusOr<Asked> ask(const Family::Child& child, const Parcel& parcel, const Plan& plan, Answer* answer,
                          UniqueFd* pidfd) {
  std::vector<int> fds = {child.certificate.get()};
  fds.insert(fds.end(), parcel.fds.begin(), parcel.fds.end());
  Request request{plan.offset(), child.owner.bits, 0};
  int err = send_with_fds(client().socket.get(), &request, sizeof request, fds.data(), fds.size(), Socket::kWait);
  if (err == EPIPE) {
    return Asked::kServerDied;
  }
  if (err != 0) {
    return os_error(err, "mp: a request to the fork server");
  }
  Message message;
  err = receive_with_fds(client().socket.get(), answer, sizeof *answer, Socket::kWait, false, &message);
  if (err != 0 && err != EMFILE) {
    return os_error(err, "mp: the answer of the fork server");
  }
  if (err == 0 && message.size == 0) {
    return Asked::kServerDied;
  }
  if (!message.fds.empty()) {
    *pidfd = std::move(message.fds[0]);
  } else if (answer->error == 0) {
    answer->error = EMFILE;
  }
  return Asked::kAnswered;
}

// The server died at our request and the child runs: its slot says who it is.
std::unique_ptr<Child> find_orphan(Owner owner, Owner server) {
  Family& family = Family::get();
  int pid = static_cast<int>(family.slot(owner).pid.load(std::memory_order_relaxed));
  UniqueFd pidfd = open_pidfd(pid);
  if (family.is_dead(owner)) {
    // The number may have been somebody else's already.
    pidfd.reset();
  }
  return std::make_unique<Child>(owner, pid, std::move(pidfd), server);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> start_by_server(const Parcel& parcel) {
  Family& family = Family::get();
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    if (!has_client()) {
      if (absl::Status s = client().start(); !s.ok()) {
        return s;
      }
    }
    auto plan = Plan::make(parcel.plan);
    if (!plan.ok()) {
      return plan.status();
    }
    auto child = family.reserve_child(true);
    if (!child.ok()) {
      return child.status();
    }
    Owner owner = child->owner;
    Answer answer{};
    UniqueFd pidfd;
    absl::StatusOr<Asked> asked = Asked::kAnswered;
    if (absl::Status s = give(owner, parcel, *plan); !s.ok()) {
      asked = s;
    } else {
      asked = ask(*child, parcel, *plan, &answer, &pidfd);
    }
    child->certificate.reset();
    if (asked.ok() && *asked == Asked::kAnswered && answer.error == 0) {
      client().served = true;
      return std::make_unique<Child>(owner, answer.pid, std::move(pidfd), client().owner);
    }
    Owner server = client().owner;
    bool runs = !plan->withdraw();
    if (runs && asked.ok() && *asked == Asked::kServerDied) {
      client().stop();
      return find_orphan(owner, server);
    }
    if (answer.pid > 0) {
      // Forked, but there was no descriptor for it here or there: as if it had never been.
      if (runs && !family.is_dead(owner)) {
        kill(answer.pid, SIGKILL);
      }
      Child(owner, answer.pid, std::move(pidfd), server).wait(Deadline::never());
    } else {
      family.done_with(owner);
    }
    if (!asked.ok()) {
      return asked.status();
    }
    if (*asked == Asked::kAnswered) {
      return os_error(answer.error, "mp: the fork server could not fork");
    }
    bool served = client().served;
    int status = client().stop();
    if (!served || attempt == kAttempts) {
      return make_status(
          "RuntimeError", absl::StatusCode::kInternal,
          absl::StrCat("mp: the fork server ended with exit code ", exit_code_of(status),
                       " before it served: main() must reach mp::freeze_support(argc, argv), its first line, whatever "
                       "the arguments and the environment are"));
    }
  }
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

// -- The server -----------------------------------------------------------------------------------------------------

namespace {

class Server {
 public:
  Server(Entry entry, void (*child_main)(uint64_t, std::vector<UniqueFd>))
      : socket_(std::move(entry.fds.at(0))),
        life_(std::move(entry.fds.at(1))),
        child_main_(child_main) {
    check(signals_.start() == 0, "the fork server cannot wait for its children");
  }

  [[noreturn]] void run() {
    for (;;) {
      ChildSignals::Ready ready = signals_.wait(socket_.get());
      if (ready.child) {
        reap_children();
      }
      if (ready.request && !serve()) {
        // Our process has closed the socket or ended.
        _exit(0);
      }
    }
  }

 private:
  bool serve() {
    Request request;
    Message message;
    Answer answer{};
    UniqueFd pidfd;
    int err = receive_with_fds(socket_.get(), &request, sizeof request, Socket::kDontWait, false, &message);
    if (err == EAGAIN) {
      return true;
    }
    if (err == 0 && message.size == 0) {
      return false;
    }
    if (err != 0 || message.size != sizeof request || message.fds.empty()) {
      answer.error = err != 0 ? err : EBADMSG;
    } else {
      answer.pid = fork_child(request, message);
      answer.error = answer.pid < 0 ? errno : 0;
    }
    if (answer.error == 0) {
      // Nobody but us reaps it: the number is still its own.
      pidfd = open_pidfd(answer.pid);
      answer.error = pidfd.valid() ? 0 : errno;
    }
    int fd = pidfd.get();
    return send_with_fds(socket_.get(), &answer, sizeof answer, &fd, fd >= 0 ? 1 : 0, Socket::kWait) == 0;
  }

  // The child's pid, or -1 and errno.
  int fork_child(const Request& request, Message& message) {
    Owner owner{request.owner};
    UniqueFd certificate = std::move(message.fds[0]);
    UniqueFd watch = open_watch(life_.get());
    if (!watch.valid()) {
      return -1;
    }
    int pid;
    {
      StartLock lock;
      lock.fork_is_ours();
      Family::get().set_fork_child({owner, std::move(certificate)});
      pid = fork();
    }
    if (pid != 0) {
      if (pid > 0) {
        children_.emplace(pid, owner);
      }
      return pid;
    }
    live_with_parent(std::move(watch));
    socket_.reset();
    life_.reset();
    signals_.undo();
    message.fds.erase(message.fds.begin());
    child_main_(request.plan, std::move(message.fds));
    _exit(0);
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
        reap_all();
        return;
      }
      reap_one(it);
    }
  }

  void reap_all() {
    for (auto it = children_.begin(); it != children_.end();) {
      reap_one(it++);
    }
  }

  void reap_one(absl::flat_hash_map<int, Owner>::iterator it) {
    int status = kUnknown;
    if (look_at_child(it->first, &status) == Look::kRunning) {
      return;
    }
    report(it->second, status);
    children_.erase(it);
  }

  static void report(Owner child, int status) {
    Family& family = Family::get();
    Slot& slot = family.slot(child);
    if (static_cast<uint32_t>(slot.state.load(std::memory_order_acquire) >> 32) != child.generation()) {
      return;
    }
    uint32_t word = slot.status.load(std::memory_order_relaxed);
    // sync: status (pairs with Child): what the child wrote before it ended is visible to whoever reads this.
    while (!slot.status.compare_exchange_weak(word, StatusWord::make(child, StatusWord::kReaped, status),
                                              std::memory_order_release, std::memory_order_relaxed)) {
    }
    futex_wake(&slot.status, kWakeAll);
  }

  // For a child that somebody else reaped: as a reference implementation reports it.
  static constexpr int kUnknown = 255 << 8;

  UniqueFd socket_;
  UniqueFd life_;
  void (*const child_main_)(uint64_t, std::vector<UniqueFd>);
  ChildSignals signals_;
  absl::flat_hash_map<int, Owner> children_;
};

}  // namespace

void serve_forks(Entry entry, void (*child_main)(uint64_t, std::vector<UniqueFd>)) {
  // On the heap: the children go on from here, and never return.
  auto* server = new Server(std::move(entry), child_main);
  server->run();
}

}  // namespace mp::internal

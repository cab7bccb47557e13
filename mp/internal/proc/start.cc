#include "mp/internal/proc/start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <utility>

#include "mp/errors.h"
#include "mp/internal/base/check.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/proc/entry.h"
#include "mp/internal/proc/finish.h"
#include "mp/internal/proc/fork_guard.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/internal/proc/life.h"
#include "mp/internal/proc/mailbox.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {
namespace {

bool g_frozen = false;
Program g_program;

// `pid` is our child, and we have not waited for it.
absl::StatusOr<std::unique_ptr<Child>> watch_child(Owner owner, int pid) {
  UniqueFd pidfd = open_pidfd(pid);
  // Without a process of that number it has ended, and somebody else has reaped it: the kernel where SIGCHLD is ignored.
  if (int err = errno; !pidfd.valid() && err != ESRCH) {
    kill_child(pid);
    Family::get().done_with(owner);
    return os_error(err, "mp: a descriptor for a new process");
  }
  return std::make_unique<Child>(owner, pid, std::move(pidfd), Owner{});
}

bool address_space_is_limited() {
  rlimit limit{};
  return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

// A new program maps the arena again, at once and in whole. Where that may fail a start takes until
// it has joined, or has said that it can not.
absl::Status await_joined(const Family& family, Child& child) {
  while (!family.has_joined(child.owner()) &&
         !await_end(child.sentinel(), Deadline::after_ns(1'000'000))) {
  }
  if (family.has_joined(child.owner())) {
    return absl::OkStatus();
  }
  int code = child.exit_code().value_or(0);
  return code > Family::kCouldNotStart
             ? os_error(code - Family::kCouldNotStart,
                        "mp: a new process could not map the family's shared memory (RLIMIT_AS?)")
             : absl::OkStatus();
}

void arrive(uint64_t offset, std::vector<UniqueFd> fds) {
  g_program.child_main({Plan::receive(offset), std::move(fds)});
}

// In a program executed as a child whose main ended without freeze().
void main_was_second_copy() {
  if (!g_frozen) {
    static constexpr char kText[] =
        "mp: this process was started as a child, but main() ended without "
        "mp::freeze_support(argc, argv). Make it the "
        "first line of main()\n";
    if (write(STDERR_FILENO, kText, sizeof kText - 1) < 0) {
      // Nothing is left to tell it to.
    }
    _exit(1);
  }
}

[[maybe_unused]] const bool g_watched =
    entry().role == Role::kRoot || atexit(main_was_second_copy) == 0;

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> start_by_fork(absl::FunctionRef<void()> body) {
  StartLock lock;
  auto watches = watches_for_child();
  if (!watches.ok()) {
    return watches.status();
  }
  int null = null_input();
  if (auto mailbox = mailbox_ends(); !mailbox.ok()) {
    return mailbox.status();
  }
  Family& family = Family::get();
  auto child = family.reserve_child(true);
  if (!child.ok()) {
    return child.status();
  }
  Owner owner = child->owner;
  family.set_fork_child(*std::move(child));
  lock.fork_is_ours();
  reserve_finish();
  flush_before_fork();
  int pid = fork();
  if (pid == 0) {
    live_with_parent(*std::move(watches));
    dup2(null, STDIN_FILENO);
    body();
    check(false, "a child returned from its body");
  }
  if (pid < 0) {
    int err = errno;
    family.done_with(owner);
    return os_error(err, "mp: fork");
  }
  return watch_child(owner, pid);
}

absl::StatusOr<std::unique_ptr<Child>> start_by_spawn(const Parcel& parcel) {
  StartLock lock;
  Family& family = Family::get();
  auto plan = Plan::make(parcel.plan);
  if (!plan.ok()) {
    return plan.status();
  }
  auto child = family.reserve_child(true);
  if (!child.ok()) {
    return child.status();
  }
  flush_streams(false);
  absl::StatusOr<int> pid = 0;
  if (absl::Status s = give(child->owner, parcel, *plan); !s.ok()) {
    pid = s;
  } else {
    pid = execute_self(Role::kChild, *child, plan->offset(), parcel.fds);
  }
  child->certificate.reset();
  if (!pid.ok()) {
    family.done_with(child->owner);
    return pid.status();
  }
  auto started = watch_child(child->owner, *pid);
  if (started.ok() && address_space_is_limited()) {
    if (absl::Status s = await_joined(family, **started); !s.ok()) {
      return s;
    }
  }
  return started;
}

absl::StatusOr<std::unique_ptr<Child>> start_by_forkserver(const Parcel& parcel) {
  StartLock lock;
  flush_streams(false);
  return start_by_server(parcel);
}

void freeze(int argc, char** argv, const Program& program) {
  g_program = program;
  set_command_line(argc, argv);
  if (std::exchange(g_frozen, true)) {
    return;
  }
  switch (entry().role) {
    case Role::kRoot:
      return;
    case Role::kChild:
      Family::get();
      arrive(entry().plan, std::move(entry().fds));
      break;
    case Role::kServer:
      Family::get();
      serve_forks(std::move(entry()), {g_program.warm_up, arrive});
  }
  check(false, "a child returned from its main");
}

Frozen frozen() noexcept {
  return g_frozen ? Frozen::kYes : entry().role == Role::kRoot ? Frozen::kNo : Frozen::kAwaited;
}

}  // namespace mp::internal

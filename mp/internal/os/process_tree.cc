#include "mp/internal/os/process_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <map>
#include <string>
#include <utility>

#include "mp/internal/base/unique_fd.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/pidfd.h"

namespace mp::internal {
namespace {

// How long to wait for a process to stop or end: it may be in a call of a device that nothing interrupts.
constexpr int64_t kStopNs = 1'000'000'000;

// What nobody can look at for want of a descriptor or memory is not known to be gone. Counted in `refused`: the errno.
void note_refusal(int* refused) {
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
    *refused = errno;
  }
}

template <class See>
void each_number(const std::string& directory, int* refused, See see) {
  DIR* dir = opendir(directory.c_str());
  if (dir == nullptr) {
    note_refusal(refused);
    return;
  }
  while (dirent* entry = readdir(dir)) {
    if (isdigit(static_cast<unsigned char>(entry->d_name[0]))) {
      see(atoi(entry->d_name));
    }
  }
  closedir(dir);
}

// The state and the parent in a stat file of /proc; state 0 when there is no such process or thread.
struct Stat {
  char state = 0;
  int parent = 0;
};
Stat stat_of(const std::string& path, int* refused) {
  Stat stat;
  FILE* f = fopen((path + "/stat").c_str(), "re");
  if (f == nullptr) {
    note_refusal(refused);
  } else {
    char text[512] = {};
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    // "PID (NAME) S PARENT ...": the name may hold anything.
    const char* end = static_cast<const char*>(memrchr(text, ')', n));
    if (end == nullptr || sscanf(end + 1, " %c %d", &stat.state, &stat.parent) != 2) {
      stat = {};
    }
  }
  return stat;
}

std::string proc(int pid) { return "/proc/" + std::to_string(pid); }

// No thread of it runs, or will run before it is continued. One in an uninterruptible call finds the signal at its end.
bool stands_still(int pid, int* refused) {
  bool still = true;
  each_number(proc(pid) + "/task", refused, [&](int tid) {
    char state = stat_of(proc(pid) + "/task/" + std::to_string(tid), refused).state;
    still &= state == 0 || strchr("TtDZXx", state) != nullptr;
  });
  return still;
}

void stop(int pid, int pidfd, int* refused) {
  signal_pidfd(pidfd, SIGSTOP);
  for (Deadline patience = Deadline::after_ns(kStopNs);
       !stands_still(pid, refused) && !patience.passed();) {
    sched_yield();
  }
}

// Without a descriptor a pid serves: that of who has a parent that stands still is not given to others.
using Tree = std::map<int, UniqueFd>;

// Adds the descendants of those in `tree`, stopped; not all of them if something is refused.
void gather(Tree& tree, int* refused) {
  // Once a look at all processes finds nobody new, all are known: those known before it made no more.
  for (bool grown = true; grown;) {
    grown = false;
    each_number("/proc", refused, [&](int candidate) {
      auto is_of_tree = [&] { return tree.count(stat_of(proc(candidate), refused).parent) != 0; };
      if (tree.count(candidate) != 0 || !is_of_tree()) {
        return;
      }
      UniqueFd fd = open_pidfd(candidate);
      const bool no_room = !fd.valid() && errno != ESRCH;
      // It is the one that was seen if its parent is one of the tree still.
      if ((fd.valid() || no_room) && is_of_tree()) {
        if (no_room) {
          kill(candidate, SIGSTOP);
        } else {
          stop(candidate, fd.get(), refused);
        }
        tree.emplace(candidate, std::move(fd));
        grown = true;
      }
    });
  }
}

// To all but `root`.
void send(const Tree& tree, int root, int signal) {
  for (const auto& [member, fd] : tree) {
    if (fd.valid()) {
      signal_pidfd(fd.get(), signal);
    } else if (member != root) {
      kill(member, signal);
    }
  }
}

}  // namespace

int signal_tree(int pid, int pidfd, int signal) {
  int refused = 0;
  stop(pid, pidfd, &refused);
  if (await_end(pidfd, Deadline::past())) {
    // Whose number it is by now, nobody knows.
    return 0;
  }
  Tree tree;
  tree.emplace(pid, UniqueFd());
  gather(tree, &refused);
  if (refused == 0) {
    send(tree, pid, signal);
    signal_pidfd(pidfd, signal);
  }
  if (refused != 0 || signal != SIGKILL) {
    send(tree, pid, SIGCONT);
    signal_pidfd(pidfd, SIGCONT);
  }
  return refused;
}

void kill_descendants() {
  Tree tree;
  tree.emplace(getpid(), UniqueFd());
  int refused = 0;
  gather(tree, &refused);
  send(tree, getpid(), SIGKILL);
  const Deadline patience = Deadline::after_ns(kStopNs);
  for (const auto& [member, fd] : tree) {
    await_end(fd.get(), patience);
  }
}

void keep_orphans() noexcept { prctl(PR_SET_CHILD_SUBREAPER, 1); }

}  // namespace mp::internal

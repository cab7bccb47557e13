#include "mp/internal/proc/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "mp/errors.h"
#include "mp/internal/os/spawn.h"
#include "mp/internal/proc/life.h"
#include "mp/internal/proc/mailbox.h"

namespace mp::internal {
namespace {

constexpr char kVariable[] = "MP_START";

std::vector<std::string>& command_line() {
  static auto& words = *new std::vector<std::string>;
  return words;
}

// "c:PLAN:LIFE:IN:OUT:FD,FD,": role, plan, read end of the parent's life pipe, ends of the mailbox, what was passed.
// Before the constructors of this program's static objects.
__attribute__((constructor(101))) void enter() {
  const char* text = getenv(kVariable);
  if (text == nullptr) {
    return;
  }
  Entry& e = entry();
  const char* at = text + 1;
  auto next = [&at] {
    char* end = const_cast<char*>(at);
    uint64_t n = *at != '\0' ? strtoull(at + 1, &end, 10) : 0;
    at = end;
    return n;
  };
  e.plan = next();
  int life = static_cast<int>(next());
  MailboxEnds mailbox;
  mailbox.in = static_cast<int>(next());
  mailbox.out = static_cast<int>(next());
  while (*at != '\0' && at[1] != '\0') {
    e.fds.emplace_back(static_cast<int>(next()));
  }
  e.role = text[0] == 's' ? Role::kServer : Role::kChild;
  unsetenv(kVariable);
  for (const UniqueFd& fd : e.fds) {
    fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  }
  fcntl(mailbox.in, F_SETFD, FD_CLOEXEC);
  fcntl(mailbox.out, F_SETFD, FD_CLOEXEC);
  mailbox_adopt(mailbox);
  if (e.role == Role::kServer) {
    e.parents_life = fcntl(life, F_DUPFD_CLOEXEC, 3);
  }
  live_with_parent(life);
  restore_process_name();
}

// `fd`, or a copy above the standard streams, kept in `copy`.
int above_stdio(int fd, UniqueFd* copy) {
  if (fd > 2) {
    return fd;
  }
  copy->reset(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  return copy->get();
}

}  // namespace

Entry& entry() {
  static Entry& entry = *new Entry;
  return entry;
}

absl::StatusOr<int> execute_self(Role role, const Family::Child& child, uint64_t plan, const std::vector<int>& fds) {
  int life;
  if (absl::Status s = life_of_children(&life); !s.ok()) {
    return s;
  }
  auto mailbox = mailbox_ends();
  if (!mailbox.ok()) {
    return mailbox.status();
  }
  Family& family = Family::get();
  // Any of them is below 3 if this program was started with a standard stream closed.
  std::vector<int> sources = {family.arena().fd(), child.certificate.get(), life, mailbox->in, mailbox->out};
  sources.insert(sources.end(), fds.begin(), fds.end());
  std::vector<UniqueFd> copies(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    sources[i] = above_stdio(sources[i], &copies[i]);
    if (sources[i] < 0) {
      return os_error(errno, "mp: descriptors for a new process");
    }
  }
  std::vector<int> numbers = spawned_numbers(sources);
  std::string start = absl::StrCat(kVariable, "=", std::string(1, static_cast<char>(role)), ":", plan, ":", numbers[2], ":",
                                   numbers[3], ":", numbers[4]);
  for (size_t i = 5; i < numbers.size(); ++i) {
    absl::StrAppend(&start, i == 5 ? ":" : ",", numbers[i]);
  }
  std::string join = absl::StrCat(Family::kJoinVariable, "=", family.join_text(numbers[0], numbers[1], child.owner));

  if (command_line().empty()) {
    command_line() = own_command_line();
  }
  std::vector<char*> argv;
  for (std::string& word : command_line()) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  int pid;
  if (int err = spawn_self(argv.data(), {start, join}, sources, &pid); err != 0) {
    return os_error(err, "mp: starting this program (/proc/self/exe) again");
  }
  return pid;
}

void set_command_line(int argc, char* const* argv) { command_line().assign(argv, argv + argc); }

}  // namespace mp::internal

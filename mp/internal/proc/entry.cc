#include "mp/internal/proc/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
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

std::string& program() {
  static auto& path = *new std::string;
  return path;
}

// "c:MASK:PLAN:IN:OUT:2:LIFE:LIFE:FD,FD": role, signal mask, plan, the ends of the mailbox, how many watches on the parent and
// its ancestors and which, what was passed.
class StartText {
 public:
  explicit StartText(const char* text) : at_(text + 1) {}

  // The next number; 0 at the end.
  uint64_t next() {
    char* end = const_cast<char*>(at_);
    uint64_t n = *at_ != '\0' ? strtoull(at_ + 1, &end, 10) : 0;
    at_ = end;
    return n;
  }
  UniqueFd next_fd() {
    UniqueFd fd(static_cast<int>(next()));
    fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
    return fd;
  }
  bool more() const { return at_[0] != '\0' && at_[1] != '\0'; }

 private:
  const char* at_;
};

// Before the constructors of this program's static objects.
__attribute__((constructor(101))) void enter() {
  const char* text = getenv(kVariable);
  if (text == nullptr) {
    return;
  }
  Entry& e = entry();
  e.role = text[0] == static_cast<char>(Role::kServer) ? Role::kServer : Role::kChild;
  StartText start(text);
  uint64_t mask = start.next();
  e.plan = start.next();
  UniqueFd in = start.next_fd();
  UniqueFd out = start.next_fd();
  Watches watches;
  for (size_t count = std::min(start.next(), uint64_t{kMostWatched}); watches.count < count;) {
    watches.fds[watches.count++] = start.next_fd();
  }
  live_with_parent(std::move(watches));
  mailbox_adopt(std::move(in), std::move(out));
  while (start.more()) {
    e.fds.push_back(start.next_fd());
  }
  unsetenv(kVariable);
  restore_process_name();
  set_signal_mask(mask);
}

// `fd`, or a copy above the standard streams, kept in `copy`.
int copy_above_stdio(int fd, UniqueFd* copy) {
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

absl::StatusOr<int> execute_self(Role role, const Family::Child& child, uint64_t plan,
                                 const std::vector<int>& fds) {
  auto watches = watches_for_child();
  if (!watches.ok()) {
    return watches.status();
  }
  auto mailbox = mailbox_ends();
  if (!mailbox.ok()) {
    return mailbox.status();
  }
  Family& family = Family::get();
  std::vector<int> sources = {family.arena().fd(), child.certificate.get(), mailbox->in,
                              mailbox->out};
  for (size_t i = 0; i < watches->count; ++i) {
    sources.push_back(watches->fds[i].get());
  }
  const size_t own = sources.size();
  sources.insert(sources.end(), fds.begin(), fds.end());
  // Any of them is below 3 if this program was started with a standard stream closed.
  std::vector<UniqueFd> copies(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    sources[i] = copy_above_stdio(sources[i], &copies[i]);
    if (sources[i] < 0) {
      return os_error(errno, "mp: descriptors for a new process");
    }
  }
  std::vector<int> numbers = spawned_numbers(sources);
  std::string join = absl::StrCat(Family::kJoinVariable, "=",
                                  family.join_text(numbers[0], numbers[1], child.owner));
  std::string start =
      absl::StrCat(kVariable, "=", std::string(1, static_cast<char>(role)), ":", signal_mask(), ":",
                   plan, ":", numbers[2], ":", numbers[3], ":", watches->count);
  for (size_t i = 4; i < numbers.size(); ++i) {
    absl::StrAppend(&start, i <= own ? ":" : ",", numbers[i]);
  }

  if (command_line().empty()) {
    command_line() = own_command_line();
  }
  std::vector<char*> argv;
  for (std::string& word : command_line()) {
    argv.push_back(word.data());
  }
  const bool other = !program().empty();
  if (other && !argv.empty()) {
    argv[0] = program().data();
  }
  argv.push_back(nullptr);
  int pid;
  if (int err = spawn_program(other ? program().c_str() : nullptr, argv.data(), {start, join},
                              sources, &pid);
      err != 0) {
    return os_error(err, other
                             ? absl::StrCat("mp: starting ", program(), ", set by set_executable()")
                             : "mp: starting this program (/proc/self/exe) again");
  }
  return pid;
}

void set_program(std::string_view path) { program() = path; }

void set_command_line(int argc, char* const* argv) { command_line().assign(argv, argv + argc); }

}  // namespace mp::internal

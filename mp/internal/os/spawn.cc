#include "mp/internal/os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>

namespace mp::internal {
namespace {

constexpr int kFirst = 3;

std::vector<int> sorted(std::vector<int> fds) {
  std::sort(fds.begin(), fds.end());
  return fds;
}

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

}  // namespace

std::vector<int> spawned_numbers(const std::vector<int>& fds) {
  std::vector<int> order = sorted(fds);
  std::vector<int> numbers;
  numbers.reserve(fds.size());
  for (int fd : fds) {
    auto at = std::lower_bound(order.begin(), order.end(), fd);
    numbers.push_back(kFirst + static_cast<int>(at - order.begin()));
  }
  return numbers;
}

int spawn_self(char* const* argv, const std::vector<std::string>& variables,
               const std::vector<int>& fds, int* pid) {
  std::vector<char*> environment;
  for (const std::string& variable : variables) {
    environment.push_back(const_cast<char*>(variable.c_str()));
  }
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) {
    environment.push_back(*e);
  }
  environment.push_back(nullptr);

  FileActions actions;
  int err = posix_spawn_file_actions_addopen(actions.get(), 0, "/dev/null", O_RDONLY, 0);
  // In ascending order no target is a source that is still to come: the i-th smallest of distinct
  // numbers from 3 on is at least 3 + i.
  int next = kFirst;
  for (int fd : sorted(fds)) {
    if (err == 0) {
      err = posix_spawn_file_actions_adddup2(actions.get(), fd, next++);
    }
  }
  if (err == 0) {
    err = posix_spawn_file_actions_addclosefrom_np(actions.get(), next);
  }
  if (err == 0) {
    err = posix_spawn(pid, "/proc/self/exe", actions.get(), nullptr, argv, environment.data());
  }
  return err;
}

std::vector<std::string> own_command_line() {
  std::vector<std::string> words;
  FILE* f = fopen("/proc/self/cmdline", "re");
  if (f != nullptr) {
    std::string word;
    for (int c; (c = fgetc(f)) != EOF;) {
      if (c != '\0') {
        word.push_back(static_cast<char>(c));
      } else {
        words.push_back(std::move(word));
        word.clear();
      }
    }
    fclose(f);
  }
  return words;
}

void restore_process_name() noexcept { prctl(PR_SET_NAME, program_invocation_short_name); }

}  // namespace mp::internal

// mp/testing/core_dump_child.h
//
// A child that dumps core.

#ifndef MP_TESTING_CORE_DUMP_CHILD_H_
#define MP_TESTING_CORE_DUMP_CHILD_H_

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace mp::testing {

enum class Dump {
  kWritten,
  kForbidden,  // by core_pattern, by a limit, by the place the test runs in
  kOther,      // the child did not end by abort()
};

// Forks a child that does `first()` and aborts, its core unlimited where that is allowed, in the test's own directory,
// gives what it wrote to `look(path)`, and removes it.
template <class First, class Look>
Dump dump_core(const First& first, const Look& look) {
  const char* tmp = std::getenv("TEST_TMPDIR");
  std::string directory = std::string(tmp != nullptr ? tmp : "/tmp") + "/core_dump_XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    return Dump::kOther;
  }
  pid_t child = fork();
  if (child == 0) {
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_CORE, &all) != 0) {
      limit.rlim_cur = limit.rlim_max;
      setrlimit(RLIMIT_CORE, &limit);
    }
    if (chdir(directory.c_str()) != 0) {
      _exit(1);
    }
    signal(SIGABRT, SIG_DFL);
    first();
    abort();
  }
  int status = 0;
  waitpid(child, &status, 0);
  for (const std::string& core :
       {directory + "/core", directory + "/core." + std::to_string(child)}) {
    if (access(core.c_str(), F_OK) == 0) {
      look(core);
      unlink(core.c_str());
    }
  }
  rmdir(directory.c_str());
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) {
    return Dump::kOther;
  }
  return WCOREDUMP(status) ? Dump::kWritten : Dump::kForbidden;
}
template <class First>
Dump dump_core(const First& first) {
  return dump_core(first, [](const std::string&) {});
}

}  // namespace mp::testing

#endif  // MP_TESTING_CORE_DUMP_CHILD_H_

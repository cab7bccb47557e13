// A program whose main() calls mp::freeze_support() in the first process only: a child must not
// pass for a good one.

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "mp/errors.h"
#include "mp/process.h"

namespace {

void expect(bool ok, const char* what) {
  if (!ok) {
    std::fprintf(stderr, "expected: %s\n", what);
    std::_Exit(2);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (std::getenv("SECOND_COPY") != nullptr) {
    // A child that has come here by mistake. It cannot start processes of its own...
    bool refused = false;
    try {
      mp::Process p({.context = mp::get_context("fork")}, [] {});
      p.start();
    } catch (const mp::RuntimeError& e) {
      refused = std::strstr(e.what(), "bootstrapping phase") != nullptr;
    }
    // ... and its success is none.
    return refused ? 0 : 99;
  }
  mp::freeze_support(argc, argv);
  setenv("SECOND_COPY", "1", 1);
  std::string text;
  int ends[2];
  expect(pipe(ends) == 0, "a pipe");
  int err = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  mp::Process p({.context = mp::get_context("spawn")}, [] { mp::exit(3); });
  p.start();
  p.join();
  dup2(err, STDERR_FILENO);
  close(ends[1]);
  char buffer[1024];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  expect(p.exitcode() == 1, "exit code 1 of a child that ran main()");
  expect(text.find("mp::freeze_support(argc, argv)") != text.npos, "a text that says why");

  mp::Process q({.context = mp::get_context("forkserver")}, [] {});
  try {
    q.start();
    expect(false, "an error from a fork server that ran main()");
  } catch (const mp::RuntimeError& e) {
    expect(std::strstr(e.what(), "mp::freeze_support(argc, argv)") != nullptr, e.what());
  }
  expect(waitpid(-1, nullptr, WNOHANG) < 0, "no child left");
  return 0;
}

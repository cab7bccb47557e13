#include "mp/internal/proc/finish.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "mp/internal/base/check.h"
#include "mp/internal/proc/status.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {
namespace {

void (*g_last)() = nullptr;

void flush(std::ostream& stream) noexcept {
  try {
    stream.flush();
  } catch (...) {
    // The stream's owner asked for exceptions; at this place nobody waits for them.
  }
}

void last_steps(int status, void*) {
  g_last();
  flush_streams(true);
  if (Family* family = Family::current()) {
    Owner me = Family::self();
    uint32_t unknown = 0;
    // The reaper's word is better than ours, should it be there already.
    family->slot(me).status.compare_exchange_strong(
        unknown, StatusWord::make(me, StatusWord::kOwnWord, (status & 0xff) << 8), std::memory_order_release,
        std::memory_order_relaxed);
  }
  _exit(status & 0xff);
}

}  // namespace

void arm_finish(void (*last)()) {
  g_last = last;
  // The C library calls handlers in reverse order and has only one list: whatever was registered before this one, in
  // our parent, is never reached.
  check(on_exit(last_steps, nullptr) == 0, "no memory for an exit handler");
}

void finish(int code) { exit(code & 0xff); }

void flush_streams(bool all) noexcept {
  flush(std::cout);
  flush(std::cerr);
  flush(std::clog);
  if (all) {
    fflush(nullptr);
  } else {
    fflush(stdout);
    fflush(stderr);
  }
}

void flush_before_fork() noexcept { flush_streams(__libc_single_threaded); }

void detach_stdin() noexcept {
  int fd = open("/dev/null", O_RDONLY);
  if (fd > 0) {
    dup2(fd, STDIN_FILENO);
    close(fd);
  }
}

}  // namespace mp::internal

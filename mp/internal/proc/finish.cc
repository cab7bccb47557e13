#include "mp/internal/proc/finish.h"

#include <cxxabi.h>
#include <fcntl.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include <cstdio>
#include <ext/stdio_sync_filebuf.h>
#include <fstream>
#include <iostream>
#include <typeinfo>

#include "mp/internal/base/check.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/os/reopen.h"
#include "mp/internal/proc/status.h"
#include "mp/internal/shm/family.h"

extern "C" void* __dso_handle;

namespace mp::internal {
namespace {

using Last = std::optional<int>();
MP_FORK_STATE constinit Last* g_last = nullptr;

// Whether a stream's buffer holds anything; true when that cannot be known. A child that wrote
// nothing should not touch what flushing touches: each page of it would be copied.
class Buffer : public std::streambuf {
 public:
  static bool pending(std::streambuf* buffer) {
    if (buffer == nullptr) {
      return false;
    }
    const std::type_info& type = typeid(*buffer);
    if (type != typeid(__gnu_cxx::stdio_sync_filebuf<char>) && type != typeid(std::filebuf)) {
      return true;
    }
    return (buffer->*&Buffer::pptr)() != (buffer->*&Buffer::pbase)();
  }
};

void flush(std::ostream& stream) noexcept {
  try {
    if (Buffer::pending(stream.rdbuf())) {
      stream.flush();
    }
  } catch (...) {
    // The stream's owner asked for exceptions; at this place nobody waits for them.
  }
}

void last_steps(int status, void*) {
  status = g_last().value_or(status);
  flush_streams(true);
  if (Family* family = Family::current()) {
    Owner me = Family::self();
    family->leave();
    std::atomic<uint32_t>& word = family->slot(me).status;
    uint32_t seen = word.load(std::memory_order_relaxed);
    // The reaper's word is better than ours, should it be there already.
    while (!StatusWord::is(seen, me, StatusWord::kReaped) &&
           !word.compare_exchange_weak(
               seen, StatusWord::make(me, StatusWord::kOwnWord, (status & 0xff) << 8),
               std::memory_order_release, std::memory_order_relaxed)) {
    }
  }
  _exit(status & 0xff);
}

}  // namespace

void reserve_finish() noexcept {
  // The C library keeps handlers in blocks of 32, looks for room from the newest block on, and takes an empty one for
  // nothing. 33 of ours open a block; the last stays, so that a child's first handler goes beside it: nothing is
  // allocated, and no other block is written. Once, since it costs copied pages too; should this process register so many
  // handlers later that the block is full, its children allocate one again.
  static char token;
  [[maybe_unused]] static const bool once = [] {
    auto nothing = [](void*) {};
    for (int i = 0; i < 32; ++i) {
      abi::__cxa_atexit(nothing, nullptr, &token);
    }
    abi::__cxa_atexit(nothing, nullptr, &__dso_handle);
    // Those that nothing else than the token names.
    abi::__cxa_finalize(&token);
    return true;
  }();
}

void arm_finish(std::optional<int> (*last)()) {
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
    return;
  }
  for (FILE* stream : {stdout, stderr}) {
    if (stream != nullptr && __fpending(stream) != 0) {
      fflush(stream);
    }
  }
}

void flush_before_fork() noexcept { flush_streams(__libc_single_threaded); }

int null_input() noexcept {
  static const int fd = above_stdio(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return fd;
}

}  // namespace mp::internal

#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "bench/versus/parties.h"
#include "bench/versus/versus.h"

extern char** environ;

namespace bench {
namespace {

// The length that a stream needs, and the message.
constexpr int kFrameBytes = 4 + kMessageBytes;

double stream(int64_t n) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) throw std::runtime_error("socketpair failed");
  double elapsed = with_process(
      [&] {
        char frame[kFrameBytes];
        std::memset(frame, '0', sizeof frame);
        for (int64_t i = 0; i < n; ++i) {
          if (write(ends[1], frame, sizeof frame) != kFrameBytes) _exit(1);
        }
      },
      [&] {
        // The end of the writer must be the end of the stream, not a wait without end.
        close(ends[1]);
        char frame[kFrameBytes];
        for (int64_t i = 0; i < n; ++i) {
          for (int have = 0; have < kFrameBytes;) {
            const ssize_t got =
                read(ends[0], frame + have, static_cast<size_t>(kFrameBytes - have));
            if (got <= 0) throw std::runtime_error("the stream ended early");
            have += static_cast<int>(got);
          }
        }
        benchmark::DoNotOptimize(frame);
      });
  close(ends[0]);
  return elapsed;
}

void wait_for(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0)
    throw std::runtime_error("the child failed");
}

}  // namespace

Body socketpair_stream() { return self_timed<stream>(); }

Body posix_semaphore() {
  return {[](benchmark::State& state) {
    void* at =
        mmap(nullptr, sizeof(sem_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto* semaphore = static_cast<sem_t*>(at);
    if (at == MAP_FAILED || sem_init(semaphore, 1, 1) != 0) {
      throw std::runtime_error("sem_init failed");
    }
    time_each(state, [&] {
      sem_wait(semaphore);
      sem_post(semaphore);
    });
    munmap(at, sizeof(sem_t));
  }};
}

Body bare_fork() {
  return {[](benchmark::State& state) {
    time_each(state, [] {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      wait_for(child);
    });
  }};
}

Body posix_spawn_self() {
  return {[](benchmark::State& state) {
    char self[] = "/proc/self/exe";
    char once[sizeof kReturnAtOnce];
    std::memcpy(once, kReturnAtOnce, sizeof once);
    char* const argv[] = {self, once, nullptr};
    time_each(state, [&] {
      pid_t child;
      if (posix_spawn(&child, self, nullptr, nullptr, argv, environ) != 0) {
        throw std::runtime_error("posix_spawn failed");
      }
      wait_for(child);
    });
  }};
}

}  // namespace bench

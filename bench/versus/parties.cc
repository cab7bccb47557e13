#include "bench/versus/parties.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/variant.h"

namespace bench {

double with_thread(const std::function<void()>& second, const std::function<void()>& first) {
  std::promise<void> ready;
  std::thread thread([&] {
    ready.set_value();
    second();
  });
  ready.get_future().wait();
  auto start = Clock::now();
  first();
  double elapsed = seconds_since(start);
  thread.join();
  return elapsed;
}

double with_many_threads(int64_t n, const std::function<void(int64_t)>& produce,
                         const std::function<void(int64_t)>& consume) {
  std::latch begin(2 * kManyParties + 1);
  std::latch end(kManyParties + 1);
  std::vector<std::thread> threads;
  for (int64_t i = 0; i < kManyParties; ++i) {
    const int64_t share = (n + i) / kManyParties;
    threads.emplace_back([&, share] {
      begin.arrive_and_wait();
      produce(share);
    });
    threads.emplace_back([&, share] {
      begin.arrive_and_wait();
      consume(share);
      end.count_down();
    });
  }
  begin.arrive_and_wait();
  const auto start = Clock::now();
  end.arrive_and_wait();
  const double elapsed = seconds_since(start);
  for (std::thread& thread : threads) thread.join();
  return elapsed;
}

double with_process(const std::function<void()>& second, const std::function<void()>& first) {
  int ready[2];
  if (pipe(ready) != 0) throw std::runtime_error("pipe failed");
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || write(ready[1], "r", 1) != 1) _exit(1);
    try {
      second();
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  }
  close(ready[1]);
  char word;
  ssize_t got;
  do {
    got = read(ready[0], &word, 1);
  } while (got < 0 && errno == EINTR);
  close(ready[0]);

  double elapsed = 0;
  if (got == 1) {
    auto start = Clock::now();
    first();
    elapsed = seconds_since(start);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (got != 1 || status != 0) throw std::runtime_error("the second process failed");
  return elapsed;
}

}  // namespace bench

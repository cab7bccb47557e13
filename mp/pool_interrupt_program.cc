// A program with a pool at work, for pool_interrupt_test, which presses Ctrl-C: pool_interrupt_program drain | plain.

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "mp/errors.h"
#include "mp/event.h"
#include "mp/pool.h"
#include "mp/process.h"
#include "mp/semaphore.h"

namespace {

int square_after(mp::Semaphore begun, mp::Event go, int x) {
  begun.release();
  go.wait();
  return x * x;
}
int square(int x) { return x * x; }

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

std::string outcome(const mp::AsyncResult<int>& result) {
  try {
    return std::to_string(result.get());
  } catch (const mp::KeyboardInterrupt&) {
    return "KeyboardInterrupt";
  }
}

}  // namespace

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Pool pool({.processes = 2, .drain_on_interrupt = std::strcmp(argv[1], "drain") == 0});
  mp::Semaphore begun(0);
  mp::Event go;
  std::vector<mp::AsyncResult<int>> running;
  for (int i = 2; i < 4; ++i) {
    running.push_back(pool.submit(square_after, begun, go, i));
  }
  begun.acquire();
  begun.acquire();
  std::vector<mp::AsyncResult<int>> queued;
  for (int i = 0; i < 1000; ++i) {
    queued.push_back(pool.submit(square, i));
  }
  say("ready");
  for (const mp::AsyncResult<int>& result : queued) {
    if (std::string found = outcome(result); found != "KeyboardInterrupt") {
      say("queued: " + found);
    }
  }
  try {
    pool.apply(square, 1);
    say("a new call was taken");
  } catch (const mp::KeyboardInterrupt&) {
  }
  say("draining");
  // The tester says whether what was begun may end.
  if (std::getchar() == 'g') {
    go.set();
  }
  say(outcome(running[0]) + " " + outcome(running[1]));
  return 3;
}

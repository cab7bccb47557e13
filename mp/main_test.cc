// A program that links //mp:main has no main() of its own; its children start in that one.

#include <cstdio>

#include "mp/process.h"
#include "mp/queue.h"

namespace {

void answer(mp::Queue<int> q) { q.put(42); }

}  // namespace

int mp_main(int argc, char** argv) {
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    mp::Queue<int> q;
    mp::Process p({.context = mp::get_context(method)}, answer, q);
    p.start();
    int got = q.get(60);
    p.join();
    if (got != 42 || p.exitcode() != 0 || argc < 1 || argv[0] == nullptr) {
      std::printf("%s: got %d\n", method, got);
      return 1;
    }
  }
  return 0;
}

// A program whose family begins before main(). See memory_before_main_test.sh.

#include <cstdio>

#include "mp/memory.h"
#include "mp/queue.h"

mp::Queue<int> queue;

int main() {
  std::printf("%llu\n", static_cast<unsigned long long>(mp::memory_limit()));
  return 0;
}

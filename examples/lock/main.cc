// "Synchronization between processes" of the reference: a lock lets one process at a time print.

#include <iostream>

#include "mp/mp.h"

void f(mp::Lock lock, int i) {
  lock.acquire();
  std::cout << "hello world " << i << std::endl;
  lock.release();
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Lock lock;
  for (int num = 0; num < 10; ++num) {
    mp::Process(f, lock, num).start();
  }
  // Who ends in order joins its children.
}

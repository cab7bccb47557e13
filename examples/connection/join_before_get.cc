// "Joining processes that use queues" of the reference: the program that deadlocks there. Here a put() is finished when it
// returns, so the child ends whether or not somebody gets.

#include <iostream>
#include <string>

#include "mp/mp.h"

void f(mp::Queue<std::string> q) { q.put(std::string(1'000'000, 'X')); }

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Queue<std::string> queue;
  mp::Process p(f, queue);
  p.start();
  p.join();
  std::string obj = queue.get();
  std::cout << obj.size() << " bytes, exit code " << *p.exitcode() << '\n';
}

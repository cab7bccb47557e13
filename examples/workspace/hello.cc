// The first example of multiprocess's README: a child puts 'hello world' on a queue.

#include <iostream>
#include <string>

#include "mp/mp.h"

void f(mp::Queue<std::string> q) { q.put("hello world"); }

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Queue<std::string> q;
  mp::Process p(f, q);
  p.start();
  std::cout << q.get() << '\n';
  p.join();
}

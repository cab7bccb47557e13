// The session in the reference's chapter on Process: start, is_alive, terminate, exitcode.

#include <signal.h>
#include <unistd.h>

#include <iostream>

#include "mp/mp.h"

void sleep_long() { sleep(1000); }

void print(const mp::Process& p) { std::cout << p << ' ' << mp::Object(p.is_alive()) << '\n'; }

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Process p(sleep_long);
  print(p);
  p.start();
  print(p);
  p.terminate();
  p.join();
  print(p);
  std::cout << mp::Object(p.exitcode() == -SIGTERM) << '\n';
}

// "The Process class" of the reference, expanded: which process is whose parent. The system's own answer differs from the
// library's by forkserver: there a process is made by the fork server for the one that starts it.

#include <unistd.h>

#include <iostream>
#include <string>

#include "mp/mp.h"

void info(const char* title) {
  std::cout << title << '\n';
  if (auto parent = mp::parent_process()) {
    std::cout << "parent process: " << parent->pid() << '\n';
  }
  std::cout << "process id: " << getpid() << '\n';
}

void f(std::string name) {
  info("function f");
  std::cout << "hello " << name << '\n';
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  info("main line");
  mp::Process p(f, "bob");
  p.start();
  p.join();
}

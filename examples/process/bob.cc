// "The Process class" of the reference: a function that runs in a process of its own.

#include <iostream>
#include <string>

#include "mp/mp.h"

void f(std::string name) { std::cout << "hello " << name << '\n'; }

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Process p(f, "bob");
  p.start();
  p.join();
}

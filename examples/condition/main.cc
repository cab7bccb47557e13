// The second example of multiprocess's README: what a Condition prints. (There the second bracket is
// one place too early; this is what Python prints.)

#include <iostream>

#include "mp/mp.h"

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Condition c;
  std::cout << c << '\n';
  std::cout << mp::Object(c.acquire()) << '\n';
  std::cout << c << '\n';
}

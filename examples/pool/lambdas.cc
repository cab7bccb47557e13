// Python: Pool(4).map(lambda x: (lambda y: y**2)(x) + x, range(10)).

#include <iostream>
#include <numeric>
#include <vector>

#include "mp/mp.h"

std::vector<int> range(int n) {
  std::vector<int> all(n);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Pool pool(4);
  for (int x : pool.map([](int x) { return [](int y) { return y * y; }(x) + x; }, range(10))) {
    std::cout << x << ' ';
  }
  std::cout << '\n';

  // A value goes along with mp::bind.
  for (int x : pool.imap(mp::bind([](int n, int x) { return n * x; }, 3), range(5))) {
    std::cout << x << ' ';
  }
  std::cout << '\n';
}

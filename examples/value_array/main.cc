// "Sharing state between processes: shared memory" of the reference: a child changes a Value and an
// Array.

#include <cstddef>
#include <iostream>
#include <numeric>
#include <vector>

#include "mp/mp.h"

void f(mp::Value<double> n, mp::Array<int> a) {
  n.set_value(3.1415927);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = -a[i];
  }
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  std::vector<int> range(10);
  std::iota(range.begin(), range.end(), 0);
  mp::Value<double> num(0.0);
  mp::Array<int> arr(range);

  mp::Process p(f, num, arr);
  p.start();
  p.join();

  // As Objects they print as Python's.
  std::cout << mp::Object(num.value()) << '\n';
  std::cout << mp::Object(arr.slice()) << '\n';
}

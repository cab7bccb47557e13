// "Process pools" of PyMOTW: the squares of 0 to 9, by the builtin map and by a pool.

#include <iostream>
#include <numeric>
#include <vector>

#include "mp/mp.h"

int do_calculation(int data) { return data * 2; }
void start_process() { std::clog << "Starting " << mp::current_process().name() << '\n'; }

void print(const char* what, const std::vector<int>& numbers) {
  std::cout << what;
  for (const char* separator = "["; int n : numbers) {
    std::cout << separator << n;
    separator = ", ";
  }
  std::cout << "]\n";
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  std::vector<int> inputs(10);
  std::iota(inputs.begin(), inputs.end(), 0);
  print("Input   : ", inputs);

  std::vector<int> builtin_outputs;
  for (int n : inputs) {
    builtin_outputs.push_back(do_calculation(n));
  }
  print("Built-in: ", builtin_outputs);

  mp::Pool pool({.processes = 4, .initializer = start_process, .maxtasksperchild = 2});
  std::vector<int> pool_outputs = pool.map(do_calculation, inputs);
  pool.close();  // no more tasks
  pool.join();   // wrap up current tasks
  print("Pool    : ", pool_outputs);
}

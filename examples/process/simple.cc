// "Process objects" of PyMOTW: five processes that say who they are.

#include <iostream>
#include <vector>

#include "mp/mp.h"

void worker() { std::cout << "Worker\n"; }
void worker_with_number(int num) { std::cout << "Worker: " << num << '\n'; }

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  std::vector<mp::Process> jobs;
  for (int i = 0; i < 5; ++i) {
    jobs.emplace_back(worker);
    jobs.back().start();
    jobs.emplace_back(worker_with_number, i);
    jobs.back().start();
  }
}

// "Determining the current process" of PyMOTW: names, given and made.

#include <iostream>

#include "mp/mp.h"

void worker() {
  std::cout << mp::current_process().name() << " Starting\n"
            << mp::current_process().name() << " Exiting\n";
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::Process service({.name = "my_service"}, worker);
  mp::Process worker_1({.name = "worker 1"}, worker);
  mp::Process worker_2(worker);  // default name
  worker_1.start();
  worker_2.start();
  service.start();
}

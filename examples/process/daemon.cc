// "Daemon processes" and "Waiting for processes" of PyMOTW. By argument:
//   leave    the program ends before its daemon, which is ended with it
//   join     it waits for its daemon
//   timeout  it waits a moment only

#include <unistd.h>

#include <iostream>
#include <string>

#include "mp/mp.h"

void background(mp::Event started, double seconds) {
  std::cout << "Starting: " << mp::current_process().name() << std::endl;
  started.set();
  usleep(static_cast<useconds_t>(seconds * 1e6));
  std::cout << "Exiting : " << mp::current_process().name() << std::endl;
}

void non_daemon() {
  std::cout << "Starting: " << mp::current_process().name() << std::endl;
  std::cout << "Exiting : " << mp::current_process().name() << std::endl;
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  const std::string mode = argc > 1 ? argv[1] : "leave";
  mp::Event started;
  mp::Process d({.name = "daemon", .daemon = true}, background, started,
                mode == "join" ? 0.02 : 1000);
  mp::Process n({.name = "non-daemon", .daemon = false}, non_daemon);
  d.start();
  started.wait();
  n.start();
  if (mode == "join") {
    d.join();
  } else if (mode == "timeout") {
    d.join(0.1);
    std::cout << "d.is_alive() " << mp::Object(d.is_alive()) << std::endl;
  }
  n.join();
}

// The example of connection.wait() in the reference: messages of several processes at once.

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "mp/mp.h"

void foo(mp::Connection w) {
  for (int i = 0; i < 10; ++i) {
    w.send(std::pair(i, mp::current_process().name()));
  }
  w.close();
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  std::vector<mp::Connection> readers;
  for (int i = 0; i < 4; ++i) {
    auto [r, w] = mp::Pipe(false);
    readers.push_back(r);
    mp::Process p(foo, w);
    p.start();
    // While a handle is open here, the pipe does not end.
    w.close();
  }
  while (!readers.empty()) {
    for (const mp::Connection& r : mp::wait(readers)) {
      try {
        auto [i, name] = r.recv<std::pair<int, std::string>>();
        std::cout << i << ' ' << name << '\n';
      } catch (const mp::EOFError&) {
        std::erase(readers, r);
      }
    }
  }
}

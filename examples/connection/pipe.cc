// "Exchanging objects between processes" of the reference: a pipe.

#include <iostream>

#include "mp/mp.h"

void f(mp::Connection conn) {
  conn.send({42, mp::None, "hello"});
  conn.close();
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  auto [parent_conn, child_conn] = mp::Pipe();
  mp::Process p(f, child_conn);
  p.start();
  std::cout << parent_conn.recv() << '\n';
  p.join();
}

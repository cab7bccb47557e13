// A client of a Python program: `python3 server.py ADDRESS` there, `client ADDRESS` here.

#include "mp/python/client.h"

#include <iostream>

#include "mp/bytes.h"
#include "mp/python/connection.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " ADDRESS\n";
    return 2;
  }
  mp::python::Connection conn =
      mp::python::Client(argv[1], {.authkey = "secret password", .md5 = true});
  for (const char* name : {"ada", "grace"}) {
    conn.send_bytes(name);
    std::cout << "client: " << conn.recv_bytes().view() << std::endl;
  }
}

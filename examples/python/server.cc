// A server whose clients are Python programs: `server ADDRESS` here, `python3 client.py ADDRESS` there.

#include <iostream>
#include <string>

#include "mp/bytes.h"
#include "mp/errors.h"
#include "mp/python/connection.h"
#include "mp/python/listener.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: " << argv[0] << " ADDRESS\n";
    return 2;
  }
  // Python before 3.12 has no better digest.
  mp::python::Listener listener(argv[1], {.authkey = "secret password", .md5 = true});
  mp::python::Connection conn = listener.accept();
  try {
    for (;;) {
      mp::Bytes message = conn.recv_bytes();
      std::cout << "server: " << message.view() << std::endl;
      conn.send_bytes("hello " + std::string(message.view()));
    }
  } catch (const mp::EOFError&) {
    std::cout << "server: the client is gone\n";
  }
}

// "Listeners and Clients": listens, and sends to who connects and knows the key.
//
//   server [PORT]

#include <cstdint>
#include <iostream>
#include <span>
#include <string>

#include "mp/mp.h"

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  // 0 is any port that is free.
  const auto port = static_cast<uint16_t>(argc > 1 ? std::stoi(argv[1]) : 6000);
  mp::Listener listener({"localhost", port}, {.authkey = "a secret password"});
  std::cout << "listening at " << listener.address() << std::endl;

  mp::Connection conn = listener.accept();
  std::cout << "connection accepted from " << listener.last_accepted()->host() << '\n';

  conn.send({2.25, mp::None, "junk"});
  conn.send_bytes("hello");
  const int32_t numbers[] = {42, 1729};
  conn.send_bytes(std::as_bytes(std::span(numbers)));
}

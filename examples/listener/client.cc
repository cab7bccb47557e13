// "Listeners and Clients": connects to the server, and receives what it sends.
//
//   client [PORT]

#include <array>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>

#include "mp/mp.h"

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  const auto port = static_cast<uint16_t>(argc > 1 ? std::stoi(argv[1]) : 6000);
  mp::Connection conn = mp::Client({"localhost", port}, {.authkey = "a secret password"});

  std::cout << conn.recv() << '\n';        // [2.25, None, 'junk']
  std::cout << conn.recv_bytes() << '\n';  // b'hello'

  std::array<int32_t, 5> array{};
  std::cout << conn.recv_bytes_into(std::as_writable_bytes(std::span(array))) << '\n';  // 8
  for (int32_t number : array) {
    std::cout << number << ' ';  // 42 1729 0 0 0
  }
  std::cout << '\n';
}

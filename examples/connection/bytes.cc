// "Connection objects" of the reference: values and bytes through a pipe.

#include <array>
#include <cstdint>
#include <iostream>
#include <span>

#include "mp/mp.h"

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  auto [a, b] = mp::Pipe();
  a.send({1, "hello", mp::None});
  std::cout << b.recv() << '\n';
  b.send_bytes("thank you");
  std::cout << a.recv_bytes() << '\n';
  const std::array<int, 5> arr1 = {0, 1, 2, 3, 4};
  std::array<int, 10> arr2{};
  a.send_bytes(std::as_bytes(std::span(arr1)));
  uint64_t count = b.recv_bytes_into(std::as_writable_bytes(std::span(arr2)));
  std::cout << count / sizeof(int) << " numbers:";
  for (int i : arr2) {
    std::cout << ' ' << i;
  }
  std::cout << '\n';
}

// The examples of the reference's page on shared_memory: a block written through two handles, an
// array that another process finds by its name, a list, and a list found by its name.

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <span>
#include <string>
#include <utility>

#include "mp/mp.h"

// A block seen as an array, as numpy.ndarray(shape, dtype, buffer=shm.buf) does.
std::span<int64_t> as_array(const mp::SharedMemory& shm) {
  std::span<std::byte> bytes = shm.buf();
  return {reinterpret_cast<int64_t*>(bytes.data()), bytes.size() / sizeof(int64_t)};
}

mp::Object listed(std::span<const int64_t> array) {
  mp::Object list = mp::list();
  for (int64_t n : array) {
    list.append(n);
  }
  return list;
}

void low_level() {
  auto shm_a = mp::SharedMemory::create(10);
  std::span<std::byte> buffer = shm_a.buf();
  std::cout << buffer.size() << '\n';
  for (int i : {0, 1, 2, 3}) {
    buffer[static_cast<size_t>(i)] = static_cast<std::byte>(22 + 11 * i);
  }
  buffer[4] = std::byte{100};
  auto shm_b = mp::SharedMemory::attach(shm_a.name());
  std::cout << mp::Bytes(shm_b.buf().first(5)) << '\n';
  std::string_view howdy = "howdy";
  std::transform(howdy.begin(), howdy.end(), shm_b.buf().begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  std::cout << mp::Bytes(shm_a.buf().first(5)) << '\n';
  shm_b.close();
  shm_a.close();
  shm_a.unlink();
}

void change_last(std::string name) {
  auto existing_shm = mp::SharedMemory::attach(name);
  std::span<int64_t> c = as_array(existing_shm).first(6);
  std::cout << listed(c) << '\n';
  c.back() = 888;
}

void array() {
  auto shm = mp::SharedMemory::create(6 * sizeof(int64_t));
  std::span<int64_t> b = as_array(shm);
  std::copy_n(std::initializer_list<int64_t>{1, 1, 2, 3, 5, 8}.begin(), 6, b.begin());
  mp::Process p(change_last, shm.name());
  p.start();
  p.join();
  std::cout << listed(b) << '\n';
  shm.close();
  shm.unlink();
}

void list() {
  mp::ShareableList a({"howdy", mp::Bytes("HoWdY"), -273.154, 100, mp::None, true, 42});
  for (mp::Object entry : a) {
    std::cout << mp::repr(entry) << ' ';
  }
  std::cout << '\n' << a[2] << '\n';
  a[2] = -78.5;
  std::cout << a[2] << '\n';
  a[2] = "dry ice";  // changing data types is supported as well
  std::cout << a[2] << '\n';
  try {
    a[2] = "larger than previously allocated storage space";
  } catch (const mp::ValueError& e) {
    std::cout << e.name() << ": " << e.what() << '\n';
  }
  std::cout << a.size() << ' ' << a.index(42) << '\n';
  a.shm().close();
  a.shm().unlink();
}

void found_list() {
  auto b = mp::ShareableList::from(std::initializer_list<int>{0, 1, 2, 3, 4});
  auto c = mp::ShareableList::attach(b.shm().name());
  c[-1] = -999;
  std::cout << b[-1] << '\n';
  b.shm().close();
  c.shm().close();
  c.shm().unlink();
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  low_level();
  array();
  list();
  found_list();
}

// "A test of multiprocessing.Pool" of the reference's documentation. With "threads" it runs on a ThreadPool.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "mp/mp.h"

std::vector<int> range(int n) {
  std::vector<int> all(n);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// -- Functions used by test code --

int mul(int a, int b) { return a * b; }
int plus(int a, int b) { return a + b; }

enum class Name { kMul, kPlus };
std::string calculate(Name name, int a, int b) {
  bool multiply = name == Name::kMul;
  return std::string(multiply ? "mul" : "plus") + "(" + std::to_string(a) + ", " +
         std::to_string(b) + ") = " + std::to_string(multiply ? mul(a, b) : plus(a, b));
}

double f(int x) {
  if (x == 5) {
    throw mp::ValueError("float division by zero");
  }
  return 1.0 / (x - 5.0);
}
int pow3(int x) { return x * x * x; }
void noop(int) {}
int slowly(int x) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return x;
}

template <class Call>
void expect_error(const char* what, const Call& call) {
  try {
    call();
    std::cout << "\texpected an error\n";
  } catch (const mp::ValueError&) {
    std::cout << "\tGot ValueError as expected from " << what << '\n';
  }
}

template <class Pool>
void test(const Pool& pool) {
  std::cout << pool << "\n\n";

  // -- Tests --

  std::vector<std::tuple<Name, int, int>> tasks;
  for (int i = 0; i < 10; ++i) {
    tasks.emplace_back(Name::kMul, i, 7);
  }
  for (int i = 0; i < 10; ++i) {
    tasks.emplace_back(Name::kPlus, i, 8);
  }
  std::vector<mp::AsyncResult<std::string>> results;
  for (const auto& [name, a, b] : tasks) {
    results.push_back(pool.apply_async(calculate, name, a, b));
  }
  std::cout << "Ordered results using pool.apply_async():\n";
  for (const auto& r : results) {
    std::cout << '\t' << r.get() << '\n';
  }
  std::cout << "\nOrdered results using pool.starmap():\n";
  for (const std::string& text : pool.starmap(calculate, tasks)) {
    std::cout << '\t' << text << '\n';
  }
  std::cout << "\nUnordered results using pool.imap_unordered(), sorted:\n";
  std::vector<int> cubes;
  for (int x : pool.imap_unordered(pow3, range(5))) {
    cubes.push_back(x);
  }
  std::ranges::sort(cubes);
  for (int x : cubes) {
    std::cout << '\t' << x << '\n';
  }

  // -- Is every item there? --

  const int n = 100'000;
  std::vector<int> by_map = pool.map(pow3, range(n % 1000));
  std::vector<int> by_imap;
  for (int x : pool.imap(pow3, range(n % 1000), 8)) {
    by_imap.push_back(x);
  }
  pool.map(noop, range(n));
  std::cout << "\nThe same results from map() and imap(): " << std::boolalpha << (by_map == by_imap)
            << "\n\n";

  // -- Test error handling --

  std::cout << "Testing error handling:\n";
  expect_error("pool.apply()", [&] { pool.apply(f, 5); });
  expect_error("pool.map()", [&] { pool.map(f, range(10)); });
  expect_error("list(pool.imap())", [&] {
    for (double x : pool.imap(f, range(10))) {
      static_cast<void>(x);
    }
  });
  auto it = pool.imap(f, range(10));
  for (int i = 0; i < 10; ++i) {
    try {
      it.next();
    } catch (const mp::ValueError&) {
      std::cout << "\tGot ValueError as expected from IMapIterator.next(), at " << i << '\n';
    }
  }

  // -- Testing timeouts --

  std::cout << "\nTesting ApplyResult.get() with timeout: ";
  auto res = pool.apply_async(slowly, 7);
  for (bool there = false; !there;) {
    try {
      res.get(0.001);
      there = true;
    } catch (const mp::TimeoutError&) {
    }
  }
  std::cout << res.get() << "\nTesting IMapIterator.next() with timeout:";
  auto slow = pool.imap(slowly, range(3));
  for (int got = 0; got < 3;) {
    try {
      const int x = *slow.next(0.001);
      std::cout << ' ' << x;
      ++got;
    } catch (const mp::TimeoutError&) {
    }
  }

  // -- Testing callback --

  std::cout << "\n\nTesting callback:\n";
  std::vector<int> a;
  const std::vector<int> b{56, 0, 1, 8, 27, 64, 125, 216, 343, 512, 729};
  pool.apply_async({.callback = [&](const int& x) { a.push_back(x); }}, mul, 7, 8).wait();
  pool.map_async(
          {.callback = [&](const std::vector<int>& v) { a.insert(a.end(), v.begin(), v.end()); }},
          pow3, range(10))
      .wait();
  std::cout << (a == b ? "\tcallbacks succeeded\n" : "\t*** callbacks failed\n");

  // -- Check close() --

  std::cout << "\nTesting close():\n";
  std::vector<mp::AsyncResult<int>> last;
  for (int i = 0; i < 10; ++i) {
    last.push_back(pool.apply_async(slowly, i));
  }
  pool.close();
  pool.join();
  std::cout << '\t' << std::ranges::count_if(last, [](auto& r) { return r.ready(); })
            << " results are there\n";
}

// -- Check terminate(): tasks are left, and the pool ends all the same --

template <class Pool>
void test_terminate() {
  std::cout << "\nTesting terminate():\n";
  Pool pool(2);
  auto ignored = pool.map_async(slowly, std::vector<int>(100'000, 1), 1);
  pool.terminate();
  pool.join();
  std::cout << "\t" << pool << '\n';
}

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  if (argc > 1 && std::string_view(argv[1]) == "threads") {
    test(mp::ThreadPool(4));
    test_terminate<mp::ThreadPool>();
  } else {
    test(mp::Pool(4));
    test_terminate<mp::Pool>();
  }
}

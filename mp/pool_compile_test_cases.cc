// See codec_compile_test.sh.

#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "mp/fd.h"
#include "mp/pool.h"
#include "mp/process.h"
#include "mp/thread_pool.h"

#if defined(ALL)
#define CASE(n) 1
#elif defined(ONLY)
#define CASE(n) (n == ONLY)
#else
#define CASE(n) 0
#endif

struct HasPointer {
  int a;
  double* b;
};

int square(int x);
int take_struct(HasPointer h);
int take_pointer(int* p);
int* give_pointer(int x);
int take_fd(mp::Fd fd);
void keep_fd(mp::Fd fd);
std::unique_ptr<int> keep(int x);

void uses(mp::Pool& pool, mp::ThreadPool& threads, mp::Fd fd) {
  int x = 1;
  HasPointer with_pointer{};
  std::vector<int> items = {1, 2};
  std::vector<std::tuple<int>> tuples = {{1}, {2}};
  std::vector<int*> pointers;
  (void)x, (void)with_pointer;

  // Right.
  auto add = [x](int i) { return i + x; };
  int n = pool.apply({.retries = 2}, square, 3) + pool.submit({.retries = 2}, square, 3).get();
  n += pool.apply_async({.callback = [](int) {}}, square, 3).get();
  std::vector<int> squares = pool.map({.chunksize = 1}, square, items);
  squares = pool.starmap({.retries = 1}, square, tuples);
  for (int i : pool.imap({.chunksize = 2}, square, items)) {
    n += i;
  }
  n += pool.apply(take_fd, fd);  // it is encoded at once, and stays here
  n += threads.apply(add, 3) + threads.apply(take_fd, mp::Fd());
  mp::Process gives_away(keep_fd, mp::Fd());
  std::vector<std::unique_ptr<int>> kept = threads.map(keep, items);
  kept = threads.map_async(keep, items).get();
  (void)n;

#if CASE(1)  // wants: lambda | Write [] and pass them as arguments, or with mp::bind(f, values...)
  pool.apply(add, 3);
#endif
#if CASE(2)  // wants: lambda | Write [] and pass them as arguments, or with mp::bind(f, values...)
  pool.apply({.retries = 1}, add, 3);
#endif
#if CASE(3)  // wants: lambda | Write [] and pass them as arguments, or with mp::bind(f, values...)
  int result = pool.apply_async({.retries = 1}, add, 3).get(2.0);
#endif
#if CASE(4)  // wants: lambda | Write [] and pass them as arguments, or with mp::bind(f, values...)
  pool.submit({.callback = [](int) {}}, add, 3);
#endif
#if CASE(5)  // wants: lambda | Write [] and pass them as arguments, or with mp::bind(f, values...)
  std::vector<int> mapped = pool.map(add, items);
#endif
#if CASE(6)  // wants: lambda | Write [] and pass them as arguments, or with mp::bind(f, values...)
  pool.map_async({.chunksize = 1}, add, items);
#endif
#if CASE(7)  // wants: lambda | Write [] and pass them as arguments, or with mp::bind(f, values...)
  pool.starmap({.chunksize = 1}, add, tuples);
#endif
#if CASE(8)  // wants: lambda | Write [] and pass them as arguments, or with mp::bind(f, values...)
  for (int i : pool.imap(add, items)) {
    n += i;
  }
#endif
#if CASE(9)  // wants: HasPointer | a raw pointer cannot cross to another process
  pool.apply(take_struct, with_pointer);
#endif
#if CASE(10)  // wants: int* | a raw pointer cannot cross to another process
  pool.apply_async({.retries = 1}, take_pointer, &x);
#endif
#if CASE(11)  // wants: int* | a raw pointer cannot cross to another process
  pool.map(take_pointer, pointers);
#endif
#if CASE(12)  // wants: int* | a raw pointer cannot cross to another process
  for (int i : pool.imap_unordered({.chunksize = 1}, take_pointer, pointers)) {
    n += i;
  }
#endif
#if CASE(13)  // wants: int* | a raw pointer cannot cross to another process
  auto given = pool.apply_async(give_pointer, 1);
#endif
#if CASE(14)  // wants: CannotBeCopied<mp::Fd> | Give it away, std::move(x)
  mp::Process p(keep_fd, fd);
#endif
#if CASE(15)  // wants: CannotBeCopied<mp::Fd> | mp::Fd::duplicate(fd.get())
  mp::Process q({.name = "q"}, keep_fd, fd);
#endif
#if CASE(16)  // wants: CannotBeCopied<mp::Fd> | Give it away, std::move(x)
  mp::ForkProcess r(keep_fd, fd);
#endif
#if CASE(17)  // wants: CannotBeCopied<mp::Fd> | Give it away, std::move(x)
  threads.apply(take_fd, fd);
#endif
#if CASE(18)  // wants: AsyncResult | Take it out: std::move(result).get()
  auto later = threads.map_async(keep, items);
  kept = later.get();
#endif
#if CASE(19)  // wants: AsyncResult | Take it out: std::move(result).get()
  auto one = pool.apply_async([] { return mp::Fd(); });
  mp::Fd got = one.get();
#endif
#if CASE(20)  // wants: basic_string | cannot be called with these arguments
  threads.map(square, std::vector<std::string>());
#endif
}

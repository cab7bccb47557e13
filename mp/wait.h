// mp/wait.h
//
// wait: waits until something of a list is ready. Python: multiprocessing.connection.wait.
//
//   while (!readers.empty()) {
//     for (const mp::Connection& r : mp::wait(readers)) {   // those that are ready
//       ...
//     }
//   }
//   for (const mp::Waitable& ready : mp::wait({conn, worker, socket_fd}, 1.0)) {
//     if (ready == conn) ...
//     if (ready == worker) ...                              // it has ended
//   }
//
// Handles    A Waitable holds a handle to the Connection it was made from, and nothing else: other
//            descriptors stay open as long as their owner lets them.
// Safety     Any thread, any number of them over the same connections.
// Ordering   As poll().
// Blocking   Until one is ready or `timeout`, which is never cut short by a signal. A timeout of 0 or less looks
//            once. Without anything to wait for it waits for the timeout.
// Cost       Looking at connections of the family: no system call. A sleep: some per connection to
//            enter and leave, and one of who sends first.
// Death      Who holds the other end of a connection and dies is noticed within milliseconds, at
//            worst within a tenth of a second.
// Python     Returns the items themselves, of the type of the list, in its order.

#ifndef MP_WAIT_H_
#define MP_WAIT_H_

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "mp/connection.h"
#include "mp/timeout.h"

namespace mp {

// Something that wait() waits for: a Connection (until recv() would not block), a Process (until it has ended), a file
// descriptor, or what has a fileno() (until it is readable).
class Waitable {
 public:
  Waitable(const Connection& connection) : connection_(connection) {}
  Waitable(int fd) noexcept : fd_(fd) {}
  template <class T>
  requires(!std::convertible_to<T, int> &&
           requires(const T& t) {
             { t.sentinel() } -> std::convertible_to<int>;
           }) Waitable(const T& process)
      : fd_(process.sentinel()) {}
  template <class T>
  requires(!std::derived_from<T, Connection> && !std::convertible_to<T, int> &&
           requires(const T& t) {
             { t.fileno() } -> std::convertible_to<int>;
           }) Waitable(const T& file)
      : fd_(file.fileno()) {}

  // None when it was made from something else.
  const std::optional<Connection>& connection() const noexcept { return connection_; }
  // -1 for a Connection.
  int fd() const noexcept { return fd_; }

  friend bool operator==(const Waitable& a, const Waitable& b) noexcept = default;

 private:
  std::optional<Connection> connection_;
  int fd_ = -1;
};

namespace internal {
// Their positions, in ascending order.
std::vector<size_t> wait_positions(std::span<const Waitable> items, Timeout timeout);
}  // namespace internal

// The ready ones of `items`, in their order; none when `timeout` ran out first. Throws mp::OSError "handle is closed" or
// "connection is write-only", or when a descriptor is not open; mp::ValueError when one is negative.
std::vector<Waitable> wait(std::initializer_list<Waitable> items, Timeout timeout = kForever);

// The same for any range of things that are Waitable.
template <class Range>
requires requires(const Range& range) {
  { *std::begin(range) } -> std::convertible_to<Waitable>;
}
auto wait(const Range& range, Timeout timeout = kForever) {
  using T = std::remove_cvref_t<decltype(*std::begin(range))>;
  std::vector<Waitable> items(std::begin(range), std::end(range));
  std::vector<T> ready;
  auto at = std::begin(range);
  size_t position = 0;
  for (size_t i : internal::wait_positions(items, timeout)) {
    std::advance(at, i - std::exchange(position, i));
    ready.push_back(*at);
  }
  return ready;
}

}  // namespace mp

#endif  // MP_WAIT_H_

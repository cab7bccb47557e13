#include "mp/wait.h"

#include "mp/internal/core/wait_core.h"
#include "mp/internal/os/interrupt.h"

namespace mp {
namespace internal {

struct ConnectionReader {
  static const ConnectionCore& core(const Connection& c) { return c.core_; }
};

std::vector<size_t> wait_positions(std::span<const Waitable> items, Timeout timeout) {
  std::vector<WaitItem> all;
  for (const Waitable& item : items) {
    WaitItem one;
    if (item.connection().has_value()) {
      const ConnectionCore& core = ConnectionReader::core(*item.connection());
      core.check_readable();
      if (core.is_socket()) {
        one.fd = core.fileno();
        one.socket = &core.socket();
      } else {
        one.ring = core.ring_to_read().offset();
      }
    } else {
      one.fd = item.fd();
    }
    all.push_back(one);
  }
  raise_if_error(wait_for_items(all, Deadline::after(timeout)));
  std::vector<size_t> ready;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].ready) {
      ready.push_back(i);
    }
  }
  if (ready.empty()) {
    raise_if_interrupted();
  }
  return ready;
}

}  // namespace internal

std::vector<Waitable> wait(std::initializer_list<Waitable> items, Timeout timeout) {
  std::vector<Waitable> ready;
  for (size_t i : internal::wait_positions(std::span(items.begin(), items.size()), timeout)) {
    ready.push_back(items.begin()[i]);
  }
  return ready;
}

}  // namespace mp

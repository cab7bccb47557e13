#include "mp/internal/os/poll_set.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "mp/internal/os/reopen.h"

namespace mp::internal {

int PollSet::open() noexcept {
  epoll_.reset(above_stdio(epoll_create1(EPOLL_CLOEXEC)));
  return epoll_.valid() ? 0 : errno;
}

int PollSet::add(int fd) noexcept {
  epoll_event event{};
  event.events = EPOLLIN;
  return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
}

void PollSet::remove(int fd) noexcept { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

int poll_items(std::span<PollItem> items, Deadline deadline) {
  absl::InlinedVector<pollfd, 16> polls;
  for (const PollItem& item : items) {
    polls.push_back({item.fd, POLLIN, 0});
  }
  timespec left{};
  if (!deadline.is_never() && !deadline.is_past_by_construction()) {
    int64_t ns = std::max<int64_t>(deadline.ns() - monotonic_ns(), 0);
    left.tv_sec = ns / 1'000'000'000;
    left.tv_nsec = ns % 1'000'000'000;
  }
  int n = ppoll(polls.data(), polls.size(), deadline.is_never() ? nullptr : &left, nullptr);
  if (n < 0) {
    return errno == EINTR ? 0 : errno;
  }
  for (size_t i = 0; n > 0 && i < items.size(); ++i) {
    if ((polls[i].revents & POLLNVAL) != 0) {
      return EBADF;
    }
    items[i].ready = polls[i].revents != 0;
  }
  return 0;
}

}  // namespace mp::internal

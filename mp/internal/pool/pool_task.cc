#include "mp/internal/pool/pool_task.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "mp/errors.h"
#include "mp/internal/base/unique_fd.h"
#include "mp/internal/core/ref.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {

struct PoolTask::Carried {
  std::vector<uint64_t> handles;
  std::vector<Ref> holds;
  std::vector<UniqueFd> fds;
  std::vector<int> fd_numbers;
};

std::unique_ptr<PoolTask> PoolTask::make(const Encoder& encoder) {
  return std::unique_ptr<PoolTask>(new (Room{encoder.message().size()}) PoolTask(encoder));
}

PoolTask::PoolTask(const Encoder& encoder) : size_(encoder.message().size()) {
  std::memcpy(reinterpret_cast<std::byte*>(this + 1), encoder.message().data(), size_);
  if (encoder.handles().empty() && encoder.fds().empty()) {
    return;
  }
  carried_ = std::make_unique<Carried>();
  carried_->handles.assign(encoder.handles().begin(), encoder.handles().end());
  for (uint64_t object : carried_->handles) {
    Family::get().hold(object);
    carried_->holds.push_back(Ref::take(object));
  }
  for (int fd : encoder.fds()) {
    UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!copy.valid()) {
      raise(os_error(errno, "mp: a file descriptor in a pool's task"));
    }
    carried_->fd_numbers.push_back(copy.get());
    carried_->fds.push_back(std::move(copy));
  }
}

PoolTask::~PoolTask() = default;

Encoded PoolTask::encoded() const noexcept {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(this + 1), size_);
  return carried_ == nullptr ? Encoded{bytes, {}, {}}
                             : Encoded{bytes, carried_->handles, carried_->fd_numbers};
}

}  // namespace mp::internal

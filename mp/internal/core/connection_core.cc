#include "mp/internal/core/connection_core.h"

#include <utility>

#include "mp/errors.h"
#include "mp/internal/core/bells.h"
#include "mp/internal/core/poll_fd.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/park/event.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/sync/ring.h"

namespace mp::internal {
namespace {

// Sixteen-kilobyte segments that may wait unread before send() blocks.
constexpr uint64_t kWindow = 32;

struct EndObject {
  Block block;
  uint64_t rings[2];  // offsets of what it reads and what it writes, or 0
};

// Ring `side` of an end; null when it has none, or it is gone and its memory something else. With
// family_lock.
Ring<>* ring_of(Family& family, uint64_t end, int side) {
  uint64_t at = family.at<EndObject>(end)->rings[side];
  if (at == 0) {
    return nullptr;
  }
  const Block* b = family.arena().block(at);
  auto* ring = family.at<Ring<>>(at);
  bool is_there = b->state.load(std::memory_order_acquire) == Block::kLive &&
                  b->kind == Kind::kQueue && ring->ends[side] == end;
  return is_there ? ring : nullptr;
}

// The last holder of an end is gone: nothing more comes out of it, nothing is taken in.
void destroy_end(Family& family, uint64_t end, bool) {
  for (int side : {Ring<>::kReaders, Ring<>::kWriters}) {
    if (Ring<>* ring = ring_of(family, end, side)) {
      ring->closed.fetch_or(1, std::memory_order_seq_cst);
      notify(ring->items, kWakeAll);
      notify(ring->room, kWakeAll);
      if (ring->listeners.load(std::memory_order_seq_cst) != 0) {
        ring_all_bells(family, family.offset_of(ring));
      }
    }
  }
}

// Another holder is. Who sleeps at the other end may have watched this one.
void let_go_of_end(Family& family, uint64_t end) {
  if (Ring<>* ring = ring_of(family, end, Ring<>::kReaders)) {
    notify(ring->room, kWakeAll);
    if (ring->listeners.load(std::memory_order_seq_cst) != 0) {
      free_dead_bells(family, family.offset_of(ring));
    }
  }
  if (Ring<>* ring = ring_of(family, end, Ring<>::kWriters)) {
    notify(ring->items, kWakeAll);
    if (ring->listeners.load(std::memory_order_seq_cst) != 0) {
      PollFd::look_again(family.offset_of(ring));
      ring_blind_bells(family, family.offset_of(ring));
    }
  }
}

[[maybe_unused]] const bool g_registered =
    (Family::set_destroy(Kind::kConnection, destroy_end),
     Family::set_let_go(Kind::kConnection, let_go_of_end), true);

Ref make_end(const QueueCore* in, const QueueCore* out) {
  Ref end = Ref::create(Kind::kConnection, sizeof(EndObject));
  const QueueCore* cores[] = {in, out};
  for (int side : {Ring<>::kReaders, Ring<>::kWriters}) {
    if (cores[side] != nullptr) {
      end.object<EndObject>()->rings[side] = cores[side]->ref().offset();
      cores[side]->ref().object<Ring<>>()->ends[side] = end.offset();
    }
  }
  return end;
}

}  // namespace

void ConnectionCore::make(bool duplex, ConnectionCore* first, ConnectionCore* second) {
  QueueCore to_first(0, kWindow);
  if (duplex) {
    QueueCore to_second(0, kWindow);
    *first = ConnectionCore(make_end(&to_first, &to_second), to_first, to_second);
    *second = ConnectionCore(make_end(&to_second, &to_first), to_second, to_first);
  } else {
    *first = ConnectionCore(make_end(&to_first, nullptr), to_first, std::nullopt);
    *second = ConnectionCore(make_end(nullptr, &to_first), std::nullopt, to_first);
  }
}

void ConnectionCore::announce() const noexcept {
  if (in_.has_value()) {
    notify(in_->ref().object<Ring<>>()->room, kWakeAll);
  }
  if (out_.has_value()) {
    auto* ring = out_->ref().object<Ring<>>();
    notify(ring->items, kWakeAll);
    if (ring->listeners.load(std::memory_order_seq_cst) != 0) {
      ring_blind_bells(*Family::current(), out_->ref().offset());
    }
  }
}

void ConnectionCore::check_handle() const {
  if (closed()) {
    raise(OSError("handle is closed").status());
  }
}

void ConnectionCore::check_readable() const {
  check_handle();
  if (!readable()) {
    raise(OSError("connection is write-only").status());
  }
}

void ConnectionCore::open(QueueCore::Put& put) const {
  check_handle();
  if (!writable()) {
    raise(OSError("connection is read-only").status());
  }
  absl::Status s = put.open(*out_, Deadline::after(kForever));
  if (!s.ok()) {
    raise_if_interrupted();
    raise_send(s);
  }
}

void ConnectionCore::open(QueueCore::Get& get) const {
  check_readable();
  absl::Status s = get.open(*in_, Deadline::after(kForever));
  if (!s.ok()) {
    raise_recv(s);
  }
}

void ConnectionCore::view(QueueCore::Leased& leased) const {
  check_readable();
  absl::Status s = in_->lease(leased, true, Deadline::after(kForever));
  if (!s.ok()) {
    raise_recv(s);
  }
}

void ConnectionCore::raise_recv(const absl::Status& status) const {
  if (absl::IsResourceExhausted(status)) {
    raise(status);
  }
  raise_if_interrupted();
  raise(EOFError("the other end of the connection is closed or its last holder died").status());
}

void ConnectionCore::raise_send(const absl::Status& status) const {
  if (absl::IsCancelled(status)) {
    raise(BrokenPipeError(
              "[Errno 32] Broken pipe: the other end of the connection is closed or its last "
              "holder died")
              .status());
  }
  raise(status);
}

void ConnectionCore::check_encoded(bool raw) {
  if (raw) {
    raise(CodecError("the message was sent with send_bytes(): receive it with recv_bytes()")
              .status());
  }
}

void ConnectionCore::send_bytes(std::span<const std::byte> bytes) const {
  if (is_socket()) {
    check_handle();
    socket_->send_bytes(bytes);
    return;
  }
  QueueCore::Put put;
  open(put);
  if (!put.add_raw(bytes)) {
    raise_send(put.status());
  }
  put.publish();
}

void ConnectionCore::refuse_length() const {
  if (writable()) {
    end_.mark().store(true, std::memory_order_relaxed);
  } else {
    close();
  }
  raise(OSError("bad message length").status());
}

bool ConnectionCore::poll(Deadline deadline) const {
  check_readable();
  if (is_socket()) {
    return socket_->poll(deadline);
  }
  bool ready = in_->poll(deadline);
  if (!ready) {
    raise_if_interrupted();
    if (in_->ref().object<Ring<>>()->listeners.load(std::memory_order_relaxed) != 0) {
      PollFd::settle_all(*Family::current(), in_->ref().offset());
      ready = in_->poll(Deadline::past());
    }
  }
  return ready;
}

const Ref& ConnectionCore::ring_to_read() const {
  check_readable();
  return in_->ref();
}

int ConnectionCore::fileno() const {
  if (is_socket()) {
    check_handle();
    return socket_->fd();
  }
  absl::StatusOr<int> fd = PollFd::of(end_, ring_to_read());
  raise_if_error(fd.status());
  return *fd;
}

}  // namespace mp::internal

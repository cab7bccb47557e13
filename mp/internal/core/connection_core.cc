#include "mp/internal/core/connection_core.h"

#include <utility>

#include "mp/errors.h"
#include "mp/internal/park/event.h"
#include "mp/internal/shm/family.h"
#include "mp/internal/sync/ring.h"

namespace mp::internal {
namespace {

// Sixteen-kilobyte segments that may wait unread before send() blocks.
constexpr uint64_t kWindow = 32;

struct EndObject {
  Block block;
  uint64_t pipe_id;
  uint64_t rings[2];  // offsets, or 0
};

// The last holder of an end is gone: nothing more comes out of it, nothing is taken in.
void destroy_end(Family& family, uint64_t object, bool) {
  auto* end = family.at<EndObject>(object);
  for (uint64_t at : end->rings) {
    if (at == 0) {
      continue;
    }
    // The ring may be gone already, and its memory something else.
    const Block* b = family.arena().block(at);
    auto* ring = family.at<Ring<>>(at);
    if (b->state.load(std::memory_order_acquire) == Block::kLive && b->kind == Kind::kQueue &&
        ring->id == end->pipe_id) {
      ring->closed.fetch_or(1, std::memory_order_seq_cst);
      notify(ring->items, kWakeAll);
      notify(ring->room, kWakeAll);
    }
  }
}

[[maybe_unused]] const bool g_registered =
    (Family::set_destroy(Kind::kConnection, destroy_end), true);

Ref make_end(uint64_t id, const QueueCore* a, const QueueCore* b) {
  Ref end = Ref::create(Kind::kConnection, sizeof(EndObject));
  auto* object = end.object<EndObject>();
  object->pipe_id = id;
  object->rings[0] = a != nullptr ? a->ref().offset() : 0;
  object->rings[1] = b != nullptr ? b->ref().offset() : 0;
  return end;
}

}  // namespace

void ConnectionCore::make(bool duplex, ConnectionCore* first, ConnectionCore* second) {
  uint64_t id = Family::get().unique_id();
  QueueCore to_first(0, kWindow, id);
  if (duplex) {
    QueueCore to_second(0, kWindow, id);
    *first = ConnectionCore(make_end(id, &to_first, &to_second), to_first, to_second);
    *second = ConnectionCore(make_end(id, &to_first, &to_second), to_second, to_first);
  } else {
    *first = ConnectionCore(make_end(id, &to_first, nullptr), to_first, std::nullopt);
    *second = ConnectionCore(make_end(id, &to_first, nullptr), std::nullopt, to_first);
  }
}

void ConnectionCore::check_handle() const {
  if (closed()) {
    raise(OSError("handle is closed").status());
  }
}

void ConnectionCore::open(QueueCore::Put& put) const {
  check_handle();
  if (!writable()) {
    raise(OSError("connection is read-only").status());
  }
  absl::Status s = put.open(*out_, Deadline::never());
  if (!s.ok()) {
    raise_send(s);
  }
}

void ConnectionCore::open(QueueCore::Get& get) const {
  check_handle();
  if (!readable()) {
    raise(OSError("connection is write-only").status());
  }
  absl::Status s = get.open(*in_, Deadline::never());
  if (!s.ok()) {
    raise(EOFError("the other end of the connection is closed or its last holder died").status());
  }
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
  QueueCore::Put put;
  open(put);
  if (!put.add_raw(bytes)) {
    raise_send(put.status());
  }
  put.publish();
}

void ConnectionCore::recv_whole(Received& received) const {
  QueueCore::Get get;
  open(get);
  get.receive(received);
}

bool ConnectionCore::poll(Deadline deadline) const {
  check_handle();
  if (!readable()) {
    raise(OSError("connection is write-only").status());
  }
  return in_->poll(deadline);
}

}  // namespace mp::internal

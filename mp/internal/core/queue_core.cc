#include "mp/internal/core/queue_core.h"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/bells.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/core/channel_impl.h"
#include "mp/internal/core/receive.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/park/event.h"

namespace mp::internal {

struct QueueCore::Put::State {
  explicit State(const QueueCore& queue)
      : core(queue), channel(*Family::current(), queue.ref_.offset()), writer(channel) {}
  const QueueCore& core;
  Channel<> channel;
  ChannelWriter<> writer;
};

struct QueueCore::Get::State {
  explicit State(const QueueCore& queue)
      : channel(*Family::current(), queue.ref_.offset()), reader(channel) {}
  Channel<> channel;
  ChannelReader<> reader;
};

QueueCore::QueueCore(uint64_t maxsize, uint64_t window)
    : ref_(Ref::create(Kind::kQueue, window == 0 ? sizeof(Ring<>) : sizeof(PipeRing))) {
  auto* ring = ref_.object<Ring<>>();
  ring->maxsize = maxsize;
  ring->window = window;
  Channel<> channel(Family::get(), ref_.offset());
  if (!ring->start(channel.store)) {
    raise(memory_error(Family::get().arena().over_budget(Ring<>::kFirstSegment)));
  }
}

QueueCore::Put::~Put() {
  static_assert(sizeof(State) <= sizeof storage_);
  if (live_) {
    state()->~State();
  }
}

absl::Status QueueCore::Put::open(const QueueCore& queue, Deadline deadline) {
  new (storage_) State(queue);
  live_ = true;
  return state()->writer.open(deadline);
}

std::byte* QueueCore::Put::add(uint64_t size) { return state()->writer.add(size); }

bool QueueCore::Put::add(const Encoded& message) {
  std::byte* out = state()->writer.add(message.bytes.size(), message.handles, message.fds);
  if (out == nullptr) {
    return false;
  }
  std::copy(message.bytes.begin(), message.bytes.end(), out);
  return true;
}

bool QueueCore::Put::add_raw(std::span<const std::byte> bytes) {
  std::byte* out = state()->writer.add(bytes.size(), {}, {}, true);
  if (out == nullptr) {
    return false;
  }
  std::copy(bytes.begin(), bytes.end(), out);
  return true;
}

uint64_t QueueCore::Put::room() const noexcept {
  const Ring<>& ring = *state()->channel.ring;
  return ring.maxsize == 0 ? ~uint64_t{0} : ring.maxsize - std::min(ring.maxsize, ring.size());
}

void QueueCore::Put::publish() noexcept { state()->writer.publish(); }

absl::Status QueueCore::Put::status() const { return state()->writer.status(); }

QueueCore::Get::~Get() {
  static_assert(sizeof(State) <= sizeof storage_);
  if (live_) {
    state()->~State();
  }
}

absl::Status QueueCore::Get::open(const QueueCore& queue, Deadline deadline) {
  new (storage_) State(queue);
  live_ = true;
  return state()->reader.open(deadline);
}

std::span<const std::byte> QueueCore::Get::message() const noexcept {
  return state()->reader.message();
}

void QueueCore::Get::receive(Received& received) { internal::receive(state()->reader, received); }

bool QueueCore::Get::raw() const noexcept { return state()->reader.raw(); }

bool QueueCore::Get::next() noexcept {
  ChannelReader<>& reader = state()->reader;
  if (reader.carries() || !reader.next()) {
    return false;
  }
  if (reader.carries()) [[unlikely]] {
    reader.back();
    return false;
  }
  return true;
}

void QueueCore::Get::back() noexcept { state()->reader.back(); }

void QueueCore::Get::commit() noexcept {
  ChannelReader<>& reader = state()->reader;
  if (!reader.carries()) [[likely]] {
    reader.commit();
    return;
  }
  // Received like any other, and let go: otherwise it would be nobody's, and stay.
  Received lost;
  try {
    lost.fill({}, reader.handles(), reader.fd_tokens());
  } catch (const Error&) {
    // Without memory for an entry in our list an object stays until the family ends.
  }
  reader.commit();
  lost.committed();
}

QueueCore::Leased& QueueCore::Leased::operator=(Leased&& other) noexcept {
  if (this != &other) {
    give_back();
    ref_ = std::move(other.ref_);
    entry_ = std::exchange(other.entry_, 0);
    word_ = other.word_;
    bytes_ = std::exchange(other.bytes_, {});
    raw_ = other.raw_;
    received_ = std::move(other.received_);
  }
  return *this;
}

uint32_t QueueCore::Leased::attempt() const noexcept { return LeaseWord::attempt(word_); }

bool QueueCore::Leased::is_ours() const noexcept { return LeaseWord::owner(word_) == self(); }

bool QueueCore::Leased::acknowledge() noexcept {
  if (entry_ == 0) {
    return false;
  }
  bool done = false;
  if (is_ours()) {
    Channel<> channel(*Family::current(), ref_.offset());
    done = ChannelLeases<>(channel).acknowledge({entry_, word_});
  }
  entry_ = 0;
  bytes_ = {};
  // Only now: what the message carries has nobody else from here on.
  received_.reset();
  ref_ = Ref();
  return done;
}

void QueueCore::Leased::give_back() noexcept {
  if (entry_ == 0) {
    return;
  }
  if (LeaseWord::attempt(word_) == 0) {
    acknowledge();
    return;
  }
  if (is_ours()) {
    Channel<> channel(*Family::current(), ref_.offset());
    ChannelLeases<>(channel).give_back({entry_, word_});
  }
  entry_ = 0;
  bytes_ = {};
  received_.reset();
  ref_ = Ref();
}

absl::Status QueueCore::lease(Leased& leased, bool view, Deadline deadline) const {
  leased = Leased();
  Channel<> channel(*Family::current(), ref_.offset());
  ChannelReader<> reader(channel);
  if (absl::Status s = reader.open(deadline); !s.ok()) {
    return s;
  }
  leased.raw_ = reader.raw();
  const uint64_t size = reader.message().size();
  std::vector<uint64_t> tokens;
  if (reader.carries()) [[unlikely]] {
    tokens.assign(reader.fd_tokens().begin(), reader.fd_tokens().end());
    leased.received_ = std::make_unique<Received>();
    // Held before the message may end.
    leased.received_->hold(reader.handles());
  }
  const uint64_t words = 8 * (reader.handles().size() + tokens.size());
  Ring<>::Leased lease = reader.lease(view);
  if (lease.entry == 0) {
    return reader.no_memory();
  }
  leased.ref_ = ref_;
  leased.entry_ = lease.entry;
  leased.word_ = lease.word;
  leased.bytes_ = {channel.ring->lease_bytes(channel.store, lease.entry) + words, size};
  if (!tokens.empty()) {
    leased.received_->copy_fds(tokens);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> QueueCore::finish_any() const {
  Channel<> channel(*Family::current(), ref_.offset());
  return ChannelLeases<>(channel).finish_any();
}

bool QueueCore::join(Deadline deadline) const {
  Channel<> channel(*Family::current(), ref_.offset());
  return ChannelLeases<>(channel).join(deadline);
}

bool QueueCore::poll(Deadline deadline) const {
  Channel<> channel(*Family::current(), ref_.offset());
  Ring<>& ring = *channel.ring;
  auto ready = [&] {
    return ring.has_message(channel.store) || ring.closed.load(std::memory_order_relaxed) != 0;
  };
  if (ready()) {
    return true;
  }
  if (deadline.is_past_by_construction() ||
      !await_change(channel, ring.items, Ring<>::kWriters, deadline, kReadNs, ready)) {
    return false;
  }
  // We take nothing: the wake may have been meant for one who would.
  notify(ring.items, 1);
  return true;
}

uint64_t QueueCore::size() const {
  const auto* ring = ref_.object<Ring<>>();
  for (uint64_t received = ring->received();;) {
    uint64_t published = ring->published();
    uint64_t returned = 0;
    if (!ring->leases.none()) [[unlikely]] {
      RingStore store(*Family::current(), ref_.offset());
      returned = ring->returned(store);
    }
    // Unchanged around the other look: both numbers are of one moment.
    if (uint64_t again = ring->received(); again == received) {
      return returned + (published > received ? published - received : 0);
    } else {
      received = again;
    }
  }
}
uint64_t QueueCore::maxsize() const { return ref_.object<Ring<>>()->maxsize; }
bool QueueCore::full() const {
  const auto* ring = ref_.object<Ring<>>();
  return ring->maxsize != 0 && ring->size() >= ring->maxsize;
}

void QueueCore::shutdown(bool immediate) const {
  auto* ring = ref_.object<Ring<>>();
  ring->closed.fetch_or(
      immediate ? ChannelState::kNoPuts | ChannelState::kNoGets : ChannelState::kNoPuts,
      std::memory_order_seq_cst);
  notify(ring->items, kWakeAll);
  notify(ring->room, kWakeAll);
  notify(ring->finished, kWakeAll);
}

std::string QueueCore::repr() const {
  return absl::StrCat("<multiprocessing.queues.", class_name_, " object at 0x",
                      absl::Hex(ref_.offset()), ">");
}

absl::Status QueueCore::check_closed() const {
  return ref_.closed().load(std::memory_order_relaxed)
             ? absl::OkStatus()
             : AssertionError(absl::StrCat("Queue ", repr(), " not closed")).status();
}

absl::Status QueueCore::closed_error() const {
  return value_error(absl::StrCat("Queue ", repr(), " is closed"));
}

absl::Status QueueCore::explain(const absl::Status& status, bool put) const {
  if (!status.message().empty()) {
    return status;
  }
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      if (absl::Status s = take_interrupt(); !s.ok()) {
        return s;
      }
      // A poll in a loop pays for no text.
      return put ? make_status("Full", status.code(),
                               absl::StrCat(repr(), " is full: it holds ", size(), " of ",
                                            maxsize(), " messages"))
                 : status;
    case absl::StatusCode::kCancelled:
      return make_status("ShutDown", status.code(), absl::StrCat(repr(), " was shut down"));
    default:
      return status;
  }
}

void QueueCore::raise_get(const absl::Status& status) const {
  if (absl::IsUnavailable(status) && status.message().empty()) {
    raise(Empty(absl::StrCat(repr(), " is empty: no message came in time")).status());
  }
  raise(status);
}

}  // namespace mp::internal

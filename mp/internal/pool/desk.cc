#include "mp/internal/pool/desk.h"

#include "mp/internal/frame/codec_values.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/event.h"

namespace mp {
namespace internal {
namespace {

constexpr std::string_view kName = "mp::Pool's desk";

// Null: no pool has so many workers.
std::atomic<uint64_t>* ready_word(const Desk& desk) noexcept {
  return desk.number < kMostWorkers ? &desk.shared().ready[desk.number / 64] : nullptr;
}
uint64_t ready_bit(const Desk& desk) noexcept { return uint64_t{1} << desk.number % 64; }

}  // namespace

void ring_owner(const Desk& desk) noexcept {
  mark_results(desk);
  ring_late(desk);
}

void mark_results(const Desk& desk) noexcept {
  if (std::atomic<uint64_t>* word = ready_word(desk)) {
    // sync: pool-ready: publishing ended with a locked instruction, so the result is visible before this look.
    if ((word->load(std::memory_order_seq_cst) & ready_bit(desk)) == 0) {
      word->fetch_or(ready_bit(desk), std::memory_order_seq_cst);
    }
  }
}

void ring_late(const Desk& desk) noexcept {
  std::atomic<uint64_t>* word = ready_word(desk);
  // sync: event-count: a locked instruction, that of publishing at least, stands between the bit and the look for sleepers.
  if (word != nullptr && (word->load(std::memory_order_seq_cst) & ready_bit(desk)) != 0) {
    notify(desk.shared().bell, kWakeAll);
  }
}

void ring_bell(Board& board) noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  notify(board.bell, kWakeAll);
}

}  // namespace internal

Encoder::Ref Codec<internal::Desk>::encode(Encoder& e, const internal::Desk& desk) {
  Encoder::Level level(e);
  Encoder::Items parts(e);
  parts.add(internal::encode_ref(e, internal::Kind::kArray, desk.board));
  parts.add(internal::encode_ref(e, internal::Kind::kArray, desk.ledger));
  parts.add(internal::encode_ref(e, internal::Kind::kQueue, desk.tasks.ref()));
  parts.add(internal::encode_ref(e, internal::Kind::kQueue, desk.results.ref()));
  parts.add(e.integer(desk.number));
  return internal::encode_handle(e, internal::kName, parts);
}

internal::Desk Codec<internal::Desk>::decode(const Reader& r) {
  using internal::Kind;
  Reader parts = internal::decode_handle(internal::kName, 5, r);
  return {internal::decode_ref(Kind::kArray, parts[0]),
          internal::decode_ref(Kind::kArray, parts[1]),
          internal::QueueCore(internal::decode_ref(Kind::kQueue, parts[2])),
          internal::QueueCore(internal::decode_ref(Kind::kQueue, parts[3])),
          parts[4].integer<uint32_t>()};
}

}  // namespace mp

#include "mp/internal/pool/desk.h"

#include "mp/internal/frame/codec_values.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/park/event.h"

namespace mp {
namespace internal {
namespace {
constexpr std::string_view kName = "mp::Pool's desk";
}

void ring_owner(const Desk& desk) noexcept {
  if (desk.number >= kMostWorkers) {
    return;
  }
  Board& board = desk.shared();
  std::atomic<uint64_t>& word = board.ready[desk.number / 64];
  const uint64_t bit = uint64_t{1} << (desk.number % 64);
  // sync: pool-ready: publishing ended with a locked instruction, so the result is visible before this look.
  if ((word.load(std::memory_order_seq_cst) & bit) == 0) {
    word.fetch_or(bit, std::memory_order_seq_cst);
    // sync: event-count: the fetch_or stands between the bit and the look for sleepers.
    notify(board.bell, kWakeAll);
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

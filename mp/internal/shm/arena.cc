#include "mp/internal/shm/arena.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/sanitizer.h"
#include "mp/internal/park/brief_lock.h"
#include "mp/internal/park/lock.h"

namespace mp::internal {
namespace {

constexpr uint64_t kChunk = 2 << 20;
constexpr uint64_t kPage = 4096;
constexpr int kSmallestLog2 = 6;

constexpr uint64_t round_up(uint64_t n, uint64_t to) { return (n + to - 1) / to * to; }

constexpr uint64_t mix(uint64_t h, uint64_t v) { return (h ^ v) * 0x100000001b3; }

// Two builds that disagree on a size or an offset get different signatures.
constexpr uint64_t kSignature = [] {
  uint64_t h = 0xcbf29ce484222325;
  for (uint64_t v :
       {sizeof(ArenaHeader), sizeof(Slot), sizeof(Deposit), sizeof(Block), sizeof(pthread_mutex_t),
        sizeof(LockWord<>), kHeapAt, static_cast<uint64_t>(Kind::kKinds), uint64_t{1}}) {
    h = mix(h, v);
  }
  return h;
}();

uint64_t default_budget() { return machine_memory() / 2; }

}  // namespace

absl::StatusOr<Arena> Arena::create(uint64_t budget) {
  uint64_t limit = ~uint64_t{0};
  Mapping mapping;
  if (absl::Status s = create_mapping(limit, &mapping); !s.ok()) {
    return s;
  }
  uint64_t size = mapping.size;
  Arena arena(std::move(mapping));
  ArenaHeader& h = arena.header();
  h.signature = kSignature;
  h.size = size;
  if (getrandom(&h.cookie, sizeof h.cookie, 0) != sizeof h.cookie) {
    return os_error(errno, "mp: getrandom");
  }
  h.budget.store(budget != 0 ? budget : default_budget(), std::memory_order_relaxed);
  h.small_next = h.small_backed = arena.small_start();
  h.large_next = arena.large_start();
  h.slice_ns.store(100'000'000, std::memory_order_relaxed);
  h.large_message.store(64 << 10, std::memory_order_relaxed);
  // sync: arena-ready (pairs with open).
  h.magic.store(kMagic, std::memory_order_release);
  return arena;
}

absl::StatusOr<Arena> Arena::open(UniqueFd fd, uint64_t cookie) {
  Mapping mapping;
  if (absl::Status s = open_mapping(std::move(fd), &mapping); !s.ok()) {
    return s;
  }
  Arena arena(std::move(mapping));
  const ArenaHeader& h = arena.header();
  // sync: arena-ready.
  if (h.magic.load(std::memory_order_acquire) != kMagic || h.cookie != cookie) {
    return value_error("mp: the arena handed over is not this family's");
  }
  if (h.signature != kSignature) {
    return value_error(
        "mp: the parent lays out shared memory differently: parent and child must be one build");
  }
  return arena;
}

void Arena::lock(Owner me, Liveness& family) noexcept {
  if (acquire_brief(header().alloc_lock, me, family) == Acquired::kOwnerDied) {
    rebuild();
  }
}

void Arena::walk(uint64_t from, uint64_t to, absl::FunctionRef<void(uint64_t, Block&)> see) const {
  for (uint64_t at = from; at < to;) {
    Block& b = *block(at);
    uint64_t size = uint64_t{1} << b.log2;
    see(at, b);
    at += size;
  }
}

// Rebuilds everything that the headers imply. Killed midway it is simply run again. What `backed`
// says of a free block may be ahead of its pages, or behind: it keeps its first one.
void Arena::rebuild() noexcept {
  ArenaHeader& h = header();
  std::fill(std::begin(h.free), std::end(h.free), 0);
  uint64_t used = h.small_backed - small_start();
  uint64_t cached = 0;
  auto see = [&](uint64_t at, Block& b) {
    if (b.state.load(std::memory_order_relaxed) == Block::kFree) {
      if (b.log2 >= std::countr_zero(kLarge)) {
        release_pages(fd(), at + kPage, (uint64_t{1} << b.log2) - kPage);
        b.backed = kPage;
      }
      cached += b.backed;
      b.link.store(h.free[b.log2], std::memory_order_relaxed);
      h.free[b.log2] = at;
    }
    used += b.backed;
  };
  walk(small_start(), h.small_next, see);
  walk(large_start(), h.large_next, see);
  h.used.store(used, std::memory_order_relaxed);
  h.cached.store(cached, std::memory_order_relaxed);
}

std::string Arena::over_budget(uint64_t size) const {
  const ArenaHeader& h = header();
  return absl::StrCat(
      "mp: ", size, " bytes of shared memory do not fit: ", h.used.load(std::memory_order_relaxed),
      " bytes of the family's budget of ", h.budget.load(std::memory_order_relaxed),
      " are in use; raise it with mp::set_memory_limit() or MP_MEMORY_LIMIT");
}

absl::Status Arena::charge(uint64_t bytes, bool metadata) {
  ArenaHeader& h = header();
  uint64_t budget = h.budget.load(std::memory_order_relaxed);
  auto fits = [&] { return h.used.load(std::memory_order_relaxed) + bytes <= budget; };
  if (!fits() && !metadata) {
    trim();
    if (!fits()) {
      return memory_error(over_budget(bytes));
    }
  }
  h.used.store(h.used.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  return absl::OkStatus();
}

// Gives the pages of all free large blocks back.
void Arena::trim() noexcept {
  ArenaHeader& h = header();
  for (int log2 = std::countr_zero(kLarge); log2 < kClasses; ++log2) {
    for (uint64_t at = h.free[log2]; at != 0;) {
      Block& b = *block(at);
      if (b.backed > kPage) {
        release_pages(fd(), at + kPage, b.backed - kPage);
        h.used.store(h.used.load(std::memory_order_relaxed) - (b.backed - kPage),
                     std::memory_order_relaxed);
        b.backed = kPage;
      }
      at = b.link.load(std::memory_order_relaxed);
    }
  }
  h.cached.store(0, std::memory_order_relaxed);
}

// Makes sure that the first `bytes` of a large block have pages.
absl::Status Arena::back(Block& b, uint64_t offset, uint64_t bytes, bool metadata) {
  bytes = round_up(bytes, kPage);
  if (bytes <= b.backed) {
    return absl::OkStatus();
  }
  uint64_t old = b.backed;
  if (absl::Status s = charge(bytes - old, metadata); !s.ok()) {
    return s;
  }
  // Over-estimated before the pages come: a sum that is too high is mended by the next free.
  b.backed = bytes;
  if (int err = reserve_pages(fd(), offset + old, bytes - old); err != 0) {
    b.backed = old;
    header().used.store(header().used.load(std::memory_order_relaxed) - (bytes - old),
                        std::memory_order_relaxed);
    return memory_error(absl::StrCat("mp: the kernel has no ", bytes,
                                     " bytes for the family's arena (errno ", err, ")"));
  }
  return absl::OkStatus();
}

// Adds one block of the class to its free list.
absl::Status Arena::carve(int log2, bool metadata) {
  ArenaHeader& h = header();
  uint64_t size = uint64_t{1} << log2;
  bool large = size >= kLarge;
  uint64_t& next = large ? h.large_next : h.small_next;
  uint64_t end = large ? h.size : large_start();
  if (size > end - next) {
    return memory_error(over_budget(size));
  }
  if (large) {
    // The header's page alone; back() reserves what is asked for.
    if (absl::Status s = charge(kPage, metadata); !s.ok()) {
      return s;
    }
    if (int err = reserve_pages(fd(), next, kPage); err != 0) {
      h.used.store(h.used.load(std::memory_order_relaxed) - kPage, std::memory_order_relaxed);
      return memory_error(
          absl::StrCat("mp: the kernel has no page for the family's arena (errno ", err, ")"));
    }
  } else if (next + size > h.small_backed) {
    // The first chunk is small: most families are.
    uint64_t grow = h.small_backed == small_start() ? kChunk / 8 : kChunk;
    grow = std::min(grow, end - h.small_backed);
    if (!charge(grow, metadata).ok()) {
      // The rest of the budget is less than a chunk.
      grow = round_up(next + size - h.small_backed, kPage);
      if (absl::Status s = charge(grow, metadata); !s.ok()) {
        return s;
      }
    }
    if (int err = reserve_pages(fd(), h.small_backed, grow); err != 0) {
      h.used.store(h.used.load(std::memory_order_relaxed) - grow, std::memory_order_relaxed);
      return memory_error(absl::StrCat("mp: the kernel has no ", grow,
                                       " bytes for the family's arena (errno ", err, ")"));
    }
    h.small_backed += grow;
  }
  Block& b = *block(next);
  b.state.store(Block::kFree, std::memory_order_relaxed);
  b.log2 = static_cast<uint8_t>(log2);
  b.backed = large ? kPage : 0;
  b.link.store(h.free[log2], std::memory_order_relaxed);
  uint64_t at = next;
  // sync: block-header: a rebuild after our death must find a whole header below `next`.
  std::atomic_thread_fence(std::memory_order_release);
  next += size;
  if (large) {
    h.cached.store(h.cached.load(std::memory_order_relaxed) + kPage, std::memory_order_relaxed);
  }
  h.free[log2] = at;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Arena::allocate(const Request& request, std::atomic<uint64_t>& intent,
                                         Owner me, Liveness& family) {
  ArenaHeader& h = header();
  uint64_t size = std::max<uint64_t>(request.size, uint64_t{1} << kSmallestLog2);
  if (size > h.size / 2) {
    intent.store(0, std::memory_order_relaxed);
    return memory_error(over_budget(size));
  }
  int log2 = std::bit_width(size - 1);
  lock(me, family);
  absl::Status status;
  if (h.free[log2] == 0) {
    status = carve(log2, request.metadata);
  }
  uint64_t at = h.free[log2];
  if (status.ok() && (uint64_t{1} << log2) >= kLarge) {
    uint64_t before = block(at)->backed;
    status = back(*block(at), at, size, request.metadata);
    uint64_t cached = h.cached.load(std::memory_order_relaxed);
    if (status.ok()) {
      h.cached.store(cached - std::min(cached, before), std::memory_order_relaxed);
    }
  }
  if (!status.ok()) {
    park_release(h.alloc_lock);
    intent.store(0, std::memory_order_relaxed);
    return status;
  }
  Block& b = *block(at);
  block_comes(&b);
  uint64_t next = b.link.load(std::memory_order_relaxed);
  // sync: block-intent: who finds the block live after our death finds it named too.
  intent.store(at, std::memory_order_release);
  b.kind = request.kind;
  b.flags.store(0, std::memory_order_relaxed);
  b.size = size;
  if (uint64_t clear = std::min(request.clear, size); clear > sizeof(Block)) {
    std::memset(base() + at + sizeof(Block), 0, clear - sizeof(Block));
  }
  b.link.store(request.parent, std::memory_order_relaxed);
  // From here on a rebuild takes the block as given out.
  b.state.store(Block::kLive, std::memory_order_release);
  h.free[log2] = next;
  park_release(h.alloc_lock);
  return at;
}

void Arena::free(uint64_t offset, Owner me, Liveness& family) noexcept {
  ArenaHeader& h = header();
  lock(me, family);
  Block& b = *block(offset);
  if (b.state.load(std::memory_order_relaxed) == Block::kLive) {
    if (b.backed > kPage && h.cached.load(std::memory_order_relaxed) + b.backed > kCacheLimit) {
      release_pages(fd(), offset + kPage, b.backed - kPage);
      h.used.store(h.used.load(std::memory_order_relaxed) - (b.backed - kPage),
                   std::memory_order_relaxed);
      b.backed = kPage;
    }
    b.state.store(Block::kFree, std::memory_order_release);
    b.link.store(h.free[b.log2], std::memory_order_relaxed);
    h.free[b.log2] = offset;
    h.cached.store(h.cached.load(std::memory_order_relaxed) + b.backed, std::memory_order_relaxed);
  }
  park_release(h.alloc_lock);
}

void Arena::each_live(absl::FunctionRef<void(uint64_t, const Block&)> see) const {
  const ArenaHeader& h = header();
  auto live = [&](uint64_t at, Block& b) {
    if (b.state.load(std::memory_order_acquire) == Block::kLive) {
      see(at, b);
    }
  };
  walk(small_start(), h.small_next, live);
  walk(large_start(), h.large_next, live);
}

}  // namespace mp::internal

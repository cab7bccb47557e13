#include "mp/testing/live_blocks.h"

#include "mp/internal/shm/family.h"

namespace mp::testing {

using internal::Block;
using internal::Family;
using internal::Kind;

int64_t live_blocks(Holders holders) {
  int64_t n = 0;
  Family::get().arena().each_live([&](uint64_t, const Block& b) {
    bool counts =
        b.kind != Kind::kTransit && (b.kind != Kind::kHolders || holders == Holders::kCounted);
    n += counts ? 1 : 0;
  });
  return n;
}

}  // namespace mp::testing

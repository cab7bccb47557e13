#include "mp/memory.h"

#include "mp/errors.h"
#include "mp/internal/shm/family.h"

namespace mp {

using internal::Family;

uint64_t memory_limit() { return Family::get().header().budget.load(std::memory_order_relaxed); }

void set_memory_limit(uint64_t bytes) {
  if (bytes == 0) {
    raise(internal::value_error("mp::set_memory_limit(0): the limit must be at least one byte"));
  }
  Family::get().header().budget.store(bytes, std::memory_order_relaxed);
}

uint64_t memory_used() { return Family::get().header().used.load(std::memory_order_relaxed); }

}  // namespace mp

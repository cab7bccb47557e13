#include "mp/internal/core/semaphore_object.h"

namespace mp::internal {

void destroy_semaphore(Family& family, uint64_t object, bool redo) {
  if (redo) {
    family.free_all_parts(object);
    return;
  }
  auto* semaphore = family.at<SemaphoreObject<>>(object);
  for (auto& page : semaphore->pages) {
    uint64_t at = page.load(std::memory_order_acquire);
    const Block* b = at != 0 ? family.arena().block(at) : nullptr;
    if (b != nullptr && b->state.load(std::memory_order_acquire) == Block::kLive &&
        b->link.load(std::memory_order_relaxed) == object) {
      family.free_part(at);
    }
  }
}

namespace {
[[maybe_unused]] const bool g_registered =
    (Family::set_destroy(Kind::kSemaphore, destroy_semaphore), true);
}  // namespace

}  // namespace mp::internal

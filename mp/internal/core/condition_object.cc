#include "mp/internal/core/condition_object.h"

#include <vector>

namespace mp::internal {

void destroy_condition(Family& family, uint64_t object, bool redo) {
  if (redo) {
    family.free_all_parts(object);
    return;
  }
  std::vector<uint64_t> pages;
  auto is_page = [&](uint64_t at) {
    const Block* b = family.arena().block(at);
    return b->state.load(std::memory_order_acquire) == Block::kLive &&
           b->link.load(std::memory_order_relaxed) == object;
  };
  uint64_t at = family.at<ConditionObject<>>(object)->word.more.load(std::memory_order_acquire);
  while (at != 0 && is_page(at)) {
    pages.push_back(at);
    at = family.at<CondPage<>>(at)->more.load(std::memory_order_acquire);
  }
  for (uint64_t page : pages) {
    family.free_part(page);
  }
}

namespace {
[[maybe_unused]] const bool g_registered =
    (Family::set_destroy(Kind::kCondition, destroy_condition), true);
}  // namespace

}  // namespace mp::internal

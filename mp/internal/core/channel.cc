#include "mp/internal/core/channel.h"

#include <vector>

#include "mp/internal/core/channel_impl.h"

namespace mp::internal {

template class ChannelWriter<RealAtomics>;
template class ChannelReader<RealAtomics>;

absl::Status RingStore::no_memory(uint64_t size) const {
  return memory_error(family_.arena().over_budget(size));
}

void destroy_ring(Family& family, uint64_t object, bool redo) {
  if (redo) {
    family.free_all_parts(object);
    return;
  }
  RingStore store(family, object);
  std::vector<uint64_t> segments;
  family.at<Ring<>>(object)->each_segment(store, [&](uint64_t s) { segments.push_back(s); });
  for (uint64_t s : segments) {
    store.free_segment(s);
  }
}

namespace {
[[maybe_unused]] const bool g_registered = (Family::set_destroy(Kind::kQueue, destroy_ring), true);
}  // namespace

}  // namespace mp::internal

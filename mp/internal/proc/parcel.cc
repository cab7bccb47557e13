#include "mp/internal/proc/parcel.h"

#include <atomic>
#include <cstring>

#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {
namespace {

// Values of `fate`: kOpen -> kClaimed by the child, or kOpen -> kWithdrawn by the parent; never changed again.
enum Fate : uint32_t { kOpen = 0, kClaimed, kWithdrawn };

struct PlanBlock {
  Block block;
  std::atomic<uint32_t> fate;
  uint32_t reserved;
  uint64_t size;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
};

PlanBlock* at(uint64_t offset) { return Family::get().at<PlanBlock>(offset); }

bool decide(uint64_t offset, Fate fate) {
  uint32_t open = kOpen;
  return at(offset)->fate.compare_exchange_strong(open, fate);
}

}  // namespace

absl::StatusOr<Plan> Plan::make(std::string_view bytes) {
  auto offset = Family::get().create(Kind::kStart, sizeof(PlanBlock) + bytes.size());
  if (!offset.ok()) {
    return offset.status();
  }
  PlanBlock* block = at(*offset);
  block->size = bytes.size();
  std::memcpy(block->bytes(), bytes.data(), bytes.size());
  return Plan(*offset);
}

Plan Plan::receive(uint64_t offset) {
  Family::get().hold(offset);
  return Plan(offset);
}

Plan::~Plan() {
  if (offset_ != 0) {
    Family::get().drop(offset_);
  }
}

std::string_view Plan::bytes() const noexcept {
  PlanBlock* block = at(offset_);
  return {block->bytes(), block->size};
}

bool Plan::claim() noexcept { return decide(offset_, kClaimed); }

bool Plan::withdraw() noexcept { return decide(offset_, kWithdrawn); }

absl::Status give(Owner child, const Parcel& parcel, const Plan& plan) {
  Family& family = Family::get();
  absl::Status status = family.give(child, plan.offset());
  for (uint64_t object : parcel.objects) {
    if (status.ok()) {
      status = family.give(child, object);
    }
  }
  return status;
}

}  // namespace mp::internal

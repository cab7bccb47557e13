#include "mp/internal/proc/parcel.h"

#include <cstring>

#include "mp/internal/shm/block.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {
namespace {

struct PlanBlock {
  Block block;
  uint64_t size;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
};

PlanBlock* at(uint64_t offset) { return Family::get().at<PlanBlock>(offset); }

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

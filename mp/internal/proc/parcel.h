// mp/internal/proc/parcel.h
//
// Parcel: what a child gets that is no copy of its parent: a plan, handles to shared objects, file
// descriptors. The plan lies in an object of the arena, which the child is given like the others.
//
// Death   Whoever dies first: what was given to a child goes with the child's slot, and what the
//         parent held with the parent's.

#ifndef MP_INTERNAL_PROC_PARCEL_H_
#define MP_INTERNAL_PROC_PARCEL_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

struct Parcel {
  std::string_view plan;
  std::vector<uint64_t> objects;  // distinct
  std::vector<int> fds;           // distinct; the caller keeps them
};

// A plan in the arena, held by this process while the object lives.
class Plan {
 public:
  // As a parent.
  static absl::StatusOr<Plan> make(std::string_view bytes);
  // As the child it was given to.
  static Plan receive(uint64_t offset);
  Plan(Plan&& other) noexcept : offset_(other.offset_) { other.offset_ = 0; }
  Plan& operator=(Plan&&) = delete;
  ~Plan();

  uint64_t offset() const noexcept { return offset_; }
  // Begins at a multiple of 8.
  std::string_view bytes() const noexcept;

 private:
  explicit Plan(uint64_t offset) noexcept : offset_(offset) {}
  uint64_t offset_;
};

// Everything of `parcel`, and `plan`, belongs to `child` too from now on.
absl::Status give(Owner child, const Parcel& parcel, const Plan& plan);

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_PARCEL_H_

// mp/internal/proc/preparation.h
//
// Preparation: what a child must know of itself before it runs its call; and the plan, which is a preparation and a call.

#ifndef MP_INTERNAL_PROC_PREPARATION_H_
#define MP_INTERNAL_PROC_PREPARATION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "mp/internal/proc/child.h"
#include "mp/internal/proc/parcel.h"
#include "mp/internal/proc/start.h"
#include "mp/internal/proc/target.h"
#include "mp/logging.h"

namespace mp::internal {

struct Preparation {
  std::string type;
  std::string identity;
  std::string name;
  std::string authkey;
  bool daemon = false;
  bool kill_tree = false;
  bool outlives_parent = false;
  int method = 0;
  std::string parent_name;
  int parent_pid = 0;
  uint32_t parent_owner = 0;
  LogState log;
  // Opened by the parent: the call may be of a function of theirs.
  std::vector<std::string> libraries;
};

// Packs a plan and what its call carries, and starts with it. `target` may be null: a call of nothing. What encoding
// raises passes through.
absl::StatusOr<std::unique_ptr<Child>> with_parcel(
    const Preparation& preparation, const Target* target,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<Child>>(const Parcel&)> start);

Preparation read_preparation(std::string_view plan);

// Makes the call. The plan is freed before the user's function runs.
void run_plan(Arrival arrival);

// Packs, reads and runs a call of nothing.
void rehearse();

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_PREPARATION_H_

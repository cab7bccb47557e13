// mp/internal/proc/preload.h
//
// Preload: what a fork server runs before its first fork, so that its children need not.
//
// Its message lies in the arena until the server has run it. The server dies first: the client has it still, for the next one.

#ifndef MP_INTERNAL_PROC_PRELOAD_H_
#define MP_INTERNAL_PROC_PRELOAD_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "mp/internal/proc/parcel.h"
#include "mp/internal/proc/target.h"
#include "mp/internal/sync/owner.h"

namespace mp::internal {

// For the servers that this process starts from now on; null: nothing. Under the StartLock. Returns what was set before, the
// user's: destroy it without the lock.
[[nodiscard]] std::unique_ptr<Target> exchange_preload(std::unique_ptr<Target> call);
bool has_preload() noexcept;

// The plan of a server about to be started, which is given it; none if nothing is to be run. Keep it until the server runs.
absl::StatusOr<std::optional<Plan>> give_preload(Owner server);

// In a server. What the call throws goes to stderr, and ends the server with exit code 1; mp::exit() ends it with its code.
void run_preload(uint64_t plan);

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_PRELOAD_H_

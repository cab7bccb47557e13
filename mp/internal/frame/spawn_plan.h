// mp/internal/frame/spawn_plan.h
//
// SpawnPlan: what a new process is told before it runs its target (mp/wire/process.fbs).

#ifndef MP_INTERNAL_FRAME_SPAWN_PLAN_H_
#define MP_INTERNAL_FRAME_SPAWN_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mp::internal {

struct SpawnPlan {
  std::string name;
  bool daemon = false;
  std::string authkey;
  uint8_t start_method = 0;  // mp.wire.StartMethod
  std::string type;
  std::string identity;
  std::string parent_name;
  uint32_t parent_pid = 0;
  uint32_t parent_owner = 0;
  std::map<std::string, std::string> extras;
  // A message that encode_call() built. In a decoded plan, a part of its bytes.
  std::span<const std::byte> call;
};

std::vector<std::byte> encode_spawn_plan(const SpawnPlan& plan);

// Checks and reads one; `bytes` must be 16-aligned and stay. A CodecError if they are none. The call is trusted, as what
// the family writes is.
absl::StatusOr<SpawnPlan> decode_spawn_plan(std::span<const std::byte> bytes);

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_SPAWN_PLAN_H_

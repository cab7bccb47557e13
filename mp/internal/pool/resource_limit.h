// mp/internal/pool/resource_limit.h
//
// ResourceLimit: one of the limits that a pool's workers get.

#ifndef MP_INTERNAL_POOL_RESOURCE_LIMIT_H_
#define MP_INTERNAL_POOL_RESOURCE_LIMIT_H_

#include <cstdint>

namespace mp::internal {

struct ResourceLimit {
  int resource;   // RLIMIT_AS ...
  uint64_t most;  // both limits
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_RESOURCE_LIMIT_H_

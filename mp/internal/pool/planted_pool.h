// mp/internal/pool/planted_pool.h
//
// For tests that pool_planted_test runs with a bug in the pool, to see them fail: which one it is stands in MP_POOL_BUG, and how
// many seconds they may take in MP_POOL_PATIENCE.

#ifndef MP_INTERNAL_POOL_PLANTED_POOL_H_
#define MP_INTERNAL_POOL_PLANTED_POOL_H_

#include <chrono>
#include <cstdlib>

#include "mp/internal/pool/pool_bug.h"

namespace mp::internal {

inline const bool g_pool_planted = [] {
  const char* bug = std::getenv("MP_POOL_BUG");
  if (bug != nullptr) {
    g_pool_bug = static_cast<PoolBug>(std::atoi(bug));
  }
  return g_pool_bug != PoolBug::kNone;
}();

// How long a test may take: many a bug is seen by its hanging.
inline std::chrono::seconds patience(std::chrono::seconds usual) {
  const char* seconds = std::getenv("MP_POOL_PATIENCE");
  return g_pool_planted && seconds != nullptr ? std::chrono::seconds(std::atoi(seconds)) : usual;
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_PLANTED_POOL_H_

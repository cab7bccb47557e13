// mp/internal/core/thread_id.h
//
// The kernel's id of this thread, cached; right in a forked child too.

#ifndef MP_INTERNAL_CORE_THREAD_ID_H_
#define MP_INTERNAL_CORE_THREAD_ID_H_

#include <cstdint>

namespace mp::internal {

// constinit: read without the wrapper that dynamic initialisation would need.
extern constinit thread_local uint32_t t_thread_id;
uint32_t look_up_thread_id() noexcept;

inline uint32_t thread_id() noexcept {
  return t_thread_id != 0 ? t_thread_id : look_up_thread_id();
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_THREAD_ID_H_

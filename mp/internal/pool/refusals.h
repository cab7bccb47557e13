// mp/internal/pool/refusals.h
//
// What pools say when they refuse something.

#ifndef MP_INTERNAL_POOL_REFUSALS_H_
#define MP_INTERNAL_POOL_REFUSALS_H_

#include <cstdint>
#include <exception>
#include <optional>

namespace mp::internal {

[[noreturn]] void refuse_chunksize(int64_t chunksize);
[[noreturn]] void refuse_buffersize();
[[noreturn]] void refuse_limits();
[[noreturn]] void refuse_retries(int retries);
[[noreturn]] void refuse_timeout();
[[noreturn]] void refuse_not_running();
[[noreturn]] void refuse_running();
[[noreturn]] void refuse_own_join();
void check_pool_size(int processes);
// After how many tasks a worker is replaced; 0: never.
uint64_t checked_lifetime(std::optional<int64_t> maxtasksperchild);

// Why a call has no result, an mp::CancelledError; a std::bad_alloc where there is no memory for one: to end a call fails never.
inline constexpr char kCancelled[] = "the task was cancelled";
inline constexpr char kTerminated[] = "the pool was terminated before the task was done";
std::exception_ptr cancelled(const char* why) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_REFUSALS_H_

// mp/internal/pool/refusals.h
//
// What pools say when they refuse something, and what they are called.

#ifndef MP_INTERNAL_POOL_REFUSALS_H_
#define MP_INTERNAL_POOL_REFUSALS_H_

#include <cstdint>
#include <string>

namespace mp::internal {

[[noreturn]] void refuse_chunksize(int64_t chunksize);
[[noreturn]] void refuse_buffersize();
[[noreturn]] void refuse_not_running();
[[noreturn]] void refuse_running();
[[noreturn]] void refuse_own_join();
[[noreturn]] void refuse_limits();
[[noreturn]] void refuse_retries(int retries);
[[noreturn]] void refuse_pool_size();
[[noreturn]] void refuse_lifetime();
void raise_if_pool_interrupted();
// "<multiprocessing.pool.Pool state=RUN pool_size=2>"
std::string pool_repr(const char* name, int state, int size);

}  // namespace mp::internal

#endif  // MP_INTERNAL_POOL_REFUSALS_H_

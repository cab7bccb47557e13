// mp/internal/os/random.h
//
// Secrets from the kernel.

#ifndef MP_INTERNAL_OS_RANDOM_H_
#define MP_INTERNAL_OS_RANDOM_H_

#include <string>

namespace mp::internal {

// `size` bytes nobody can guess; at most 256.
std::string random_bytes(size_t size);

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_RANDOM_H_

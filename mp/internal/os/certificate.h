// mp/internal/os/certificate.h
//
// A certificate of life: an OFD write lock on one byte of a file, through an open file description
// of its own. The kernel holds it while the process lives, stopped or not, and drops it at death
// and at exec.

#ifndef MP_INTERNAL_OS_CERTIFICATE_H_
#define MP_INTERNAL_OS_CERTIFICATE_H_

#include <cstdint>

namespace mp::internal {

// Locks byte `at` through `fd`. Returns 0 or an errno; EAGAIN when somebody else holds it.
int take_certificate(int fd, uint64_t at) noexcept;

// The same, but waits until nobody else holds the byte.
int wait_for_certificate(int fd, uint64_t at) noexcept;

// Whether anybody but `fd` holds byte `at`. One system call, about 170 ns.
bool certificate_held(int fd, uint64_t at) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_CERTIFICATE_H_

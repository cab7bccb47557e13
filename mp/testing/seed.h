// mp/testing/seed.h
//
// The seed of a test that draws random numbers: MP_TEST_SEED, or a new one. Printed to stderr when first asked for, and
// again by the watchdog, so that a failure can be run again.

#ifndef MP_TESTING_SEED_H_
#define MP_TESTING_SEED_H_

#include <cstdint>

namespace mp::testing {

// The same number in this process and in every process forked from it afterwards.
uint64_t seed();

// The seed, or 0 while nobody has asked. Async-signal-safe.
uint64_t seed_if_drawn() noexcept;

}  // namespace mp::testing

#endif  // MP_TESTING_SEED_H_

// mp/memory.h
//
// The budget of a family's shared memory: what queues, locks and messages of a program and all its
// children may take together. Half of the machine's memory (of the cgroup's limit, in a container)
// unless set here, or in the environment variable MP_MEMORY_LIMIT as bytes or with K, M or G behind
// the number. With anything else in it the first use of the family throws mp::ValueError; before
// main() it ends the program, with the error on stderr and exit code 1.
//
//   mp::set_memory_limit(uint64_t{4} << 30);
//
// Safety     Any thread, any process of the family; the last one to set it wins.
// Ordering   A new limit is seen by allocations that begin after it was set.
// Blocking   Never; the first call of a program founds the family.
// Cost       A load, a store.
// Death      Nothing to repair.
// Crossing   One limit for the family, however its processes were started.
// Python     Has no budget: there a queue that nobody reads takes the machine's memory.

#ifndef MP_MEMORY_H_
#define MP_MEMORY_H_

#include <cstdint>

namespace mp {

// Bytes that the family may take. A call that needs more throws mp::MemoryError and leaves everything as it was.
uint64_t memory_limit();
// Throws mp::ValueError for 0. What is in use already stays, also when it is more.
void set_memory_limit(uint64_t bytes);

// Bytes in use now, in the steps in which the family asks the kernel. A snapshot.
uint64_t memory_used();

}  // namespace mp

#endif  // MP_MEMORY_H_

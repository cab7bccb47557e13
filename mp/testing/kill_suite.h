// mp/testing/kill_suite.h
//
// What of the library is killed at every instruction, and the planted bugs that this must catch.

#ifndef MP_TESTING_KILL_SUITE_H_
#define MP_TESTING_KILL_SUITE_H_

#include "mp/testing/suite.h"

namespace mp::testing {

Suite kill_suite();

// An area each, in a file of its name: lock_kills.cc ...
void add_locks(Suite& suite);
void add_conditions(Suite& suite);
void add_events(Suite& suite);
void add_barriers(Suite& suite);
void add_queues(Suite& suite);
void add_leases(Suite& suite);
void add_connections(Suite& suite);
void add_values(Suite& suite);
void add_shared_memory(Suite& suite);
void add_semaphores(Suite& suite);
void add_refusals(Suite& suite);
void add_slots(Suite& suite);
void add_pools(Suite& suite);

}  // namespace mp::testing

#endif  // MP_TESTING_KILL_SUITE_H_

#include "mp/testing/kill_suite.h"

namespace mp::testing {

Suite kill_suite() {
  Suite suite;
  add_locks(suite);
  add_conditions(suite);
  add_events(suite);
  add_barriers(suite);
  add_queues(suite);
  add_leases(suite);
  add_connections(suite);
  add_values(suite);
  add_shared_memory(suite);
  add_semaphores(suite);
  add_refusals(suite);
  add_slots(suite);
  add_pools(suite);
  return suite;
}

}  // namespace mp::testing

// mp/testing/family_inventory.h
//
// What of the library a test could leave behind, for the Inventory: blocks of the arena, handles of
// this process, the fork server.

#ifndef MP_TESTING_FAMILY_INVENTORY_H_
#define MP_TESTING_FAMILY_INVENTORY_H_

namespace mp::testing {

// From now on a Fixture's test may leave none of them behind. Before the first of these tests a
// process is started by each method, since that opens what the library keeps for all. Call once,
// after freeze_support().
void watch_family();

}  // namespace mp::testing

#endif  // MP_TESTING_FAMILY_INVENTORY_H_

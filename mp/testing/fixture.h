// mp/testing/fixture.h
//
// Fixture: base of the test classes of everything that starts processes, opens files or takes shared memory. A test fails
// that leaves anything behind: a child (a zombie too), a thread, a file descriptor, a name, a block of the arena; see
// inventory.h for the list and for how to add to it.
//
//   class QueueProcess : public Fixture {};
//   TEST_F(QueueProcess, ...) { ... }
//
// What the library keeps for the life of the process (the arena's file) must be there before the first look: whoever owns
// such a thing makes it in a settle function, see inventory_sources().

#ifndef MP_TESTING_FIXTURE_H_
#define MP_TESTING_FIXTURE_H_

#include <gtest/gtest.h>

#include "mp/testing/inventory.h"

namespace mp::testing {

class Fixture : public ::testing::Test {
 protected:
  // Overriders call these: SetUp first, TearDown last.
  void SetUp() override;
  void TearDown() override;

 private:
  Inventory before_;
};

}  // namespace mp::testing

#endif  // MP_TESTING_FIXTURE_H_

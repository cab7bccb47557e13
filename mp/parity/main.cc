// main() of tests that start processes: children by spawn and forkserver start here as well, and a
// test derived from Fixture leaves nothing of the library behind.

#include <gtest/gtest.h>

#include "mp/process.h"
#include "mp/testing/family_inventory.h"

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  mp::testing::watch_family();
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

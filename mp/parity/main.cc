// main() of the parity tests: children by spawn and forkserver start here as well.

#include <gtest/gtest.h>

#include "mp/process.h"

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

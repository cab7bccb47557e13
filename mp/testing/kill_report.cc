// Kills every operation at every instruction and prints what came of it:
//
//   ./tools/bazel run -c opt //mp/testing:kill_report -- [--jobs=2] [--only=REGEX] [--stride=N]

#include "mp/testing/kill_suite.h"

int main(int argc, char** argv) { return mp::testing::kill_suite().main(argc, argv); }

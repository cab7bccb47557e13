// mp/testing/kill_suite.h
//
// What of the library is killed at every instruction, and the planted bugs that this must catch.

#ifndef MP_TESTING_KILL_SUITE_H_
#define MP_TESTING_KILL_SUITE_H_

#include "mp/testing/suite.h"

namespace mp::testing {

Suite kill_suite();

}  // namespace mp::testing

#endif  // MP_TESTING_KILL_SUITE_H_

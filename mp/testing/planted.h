// mp/testing/planted.h
//
// The library's own code with a planted bug: what the rows of the killer must catch.

#ifndef MP_TESTING_PLANTED_H_
#define MP_TESTING_PLANTED_H_

#include "mp/internal/sync/atomics.h"

namespace mp::testing {

template <internal::Bug kPlanted>
struct Buggy : internal::RealAtomics {
  static constexpr internal::Bug kBug = kPlanted;
};

}  // namespace mp::testing

#endif  // MP_TESTING_PLANTED_H_

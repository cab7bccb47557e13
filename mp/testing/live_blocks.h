// mp/testing/live_blocks.h

#ifndef MP_TESTING_LIVE_BLOCKS_H_
#define MP_TESTING_LIVE_BLOCKS_H_

#include <cstdint>

namespace mp::testing {

// Blocks of the family's arena that are in use. The list of messages under way keeps its pages, and
// they do not count; what a process keeps to list what it holds counts as `holders` says.
enum class Holders { kLeftOut, kCounted };
int64_t live_blocks(Holders holders = Holders::kLeftOut);

}  // namespace mp::testing

#endif  // MP_TESTING_LIVE_BLOCKS_H_

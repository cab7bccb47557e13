#include "mp/internal/net/seal.h"

namespace mp::internal {

TagFrame g_tag_frame = nullptr;

}  // namespace mp::internal

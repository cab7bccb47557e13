#include "mp/internal/shm/deposits.h"

#include "mp/internal/shm/deposits_impl.h"

namespace mp::internal {

template class DepositsOf<RealAtomics, Arena>;

}  // namespace mp::internal

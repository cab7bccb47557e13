#include "mp/bounded_semaphore.h"

#include <utility>

#include "mp/errors.h"
#include "mp/internal/core/semaphore_object.h"

namespace mp {

using internal::Kind;

BoundedSemaphore Codec<BoundedSemaphore>::decode(const Reader& r) {
  internal::Ref ref = internal::decode_ref(Kind::kSemaphore, r);
  if (!ref.object<internal::SemaphoreObject<>>()->bounded) {
    raise(internal::type_error("mp: expected mp::BoundedSemaphore, found mp::Semaphore"));
  }
  return internal::HandleAccess::make<BoundedSemaphore>(std::move(ref));
}

}  // namespace mp

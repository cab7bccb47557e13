#include "mp/internal/frame/invoke.h"

#include "mp/errors.h"

namespace mp::internal {

void refuse_empty_call() { raise(type_error("'NoneType' object is not callable")); }

}  // namespace mp::internal

#include "mp/async_result.h"

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/os/interrupt.h"

namespace mp::internal {

void raise_no_result() {
  raise_if_interrupted();
  raise(TimeoutError("").status());
}

void raise_not_ready(const Job& job) {
  raise(value_error(absl::StrCat("<multiprocessing.pool.", job.result_name(), " object at 0x",
                                 absl::Hex(reinterpret_cast<uintptr_t>(&job)), "> not ready")));
}

}  // namespace mp::internal

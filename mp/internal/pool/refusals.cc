#include "mp/internal/pool/refusals.h"

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/os/interrupt.h"

namespace mp::internal {

void refuse_chunksize(int64_t chunksize) {
  raise(value_error(absl::StrCat("Chunksize must be 1+, not ", chunksize)));
}
void refuse_buffersize() { raise(value_error("buffersize must be None or > 0")); }
void refuse_limits() {
  raise(value_error("mp: a ThreadPool cannot end a call: it has no timeout and no retries"));
}
void refuse_not_running() { raise(value_error("Pool not running")); }
void refuse_retries(int retries) {
  raise(value_error(absl::StrCat("mp: retries must be 0 or more, not ", retries,
                                 ": they are attempts beside the first")));
}
void refuse_running() { raise(value_error("Pool is still running")); }
void refuse_own_join() { raise(RuntimeError("cannot join current thread").status()); }
void refuse_pool_size() { raise(value_error("Number of processes must be at least 1")); }
void refuse_lifetime() { raise(value_error("maxtasksperchild must be a positive int or None")); }

void raise_if_pool_interrupted() { raise_if_interrupted(); }

std::string pool_repr(const char* name, int state, int size) {
  static constexpr const char* kStates[] = {"RUN", "CLOSE", "TERMINATE"};
  return absl::StrCat("<multiprocessing.pool.", name, " state=", kStates[state],
                      " pool_size=", size, ">");
}

}  // namespace mp::internal

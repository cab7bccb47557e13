#include "mp/internal/pool/refusals.h"

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/pool_errors.h"

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
void refuse_timeout() {
  raise(value_error("mp: the timeout of a task must be more than 0 s: it is how long it may run"));
}
void refuse_running() { raise(value_error("Pool is still running")); }
void refuse_own_join() { raise(RuntimeError("cannot join current thread").status()); }
void check_pool_size(int processes) {
  if (processes < 1) {
    raise(value_error("Number of processes must be at least 1"));
  }
}
uint64_t checked_lifetime(std::optional<int64_t> maxtasksperchild) {
  if (maxtasksperchild.has_value() && *maxtasksperchild < 1) {
    raise(value_error("maxtasksperchild must be a positive int or None"));
  }
  return static_cast<uint64_t>(maxtasksperchild.value_or(0));
}

std::exception_ptr cancelled(const char* why) noexcept {
  try {
    return std::make_exception_ptr(CancelledError(why));
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace mp::internal

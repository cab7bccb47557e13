#include "mp/executable.h"

#include "mp/internal/proc/entry.h"
#include "mp/internal/proc/fork_guard.h"

namespace mp {

void set_executable(std::string_view path) {
  internal::StartLock lock;
  internal::set_program(path);
}

}  // namespace mp

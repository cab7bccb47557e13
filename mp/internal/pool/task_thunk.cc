#include "mp/internal/pool/task_thunk.h"

namespace mp::internal {

std::string_view beginning_of(std::string_view text, size_t most) {
  if (text.size() <= most) {
    return text;
  }
  size_t end = most;
  // A character has four bytes at most; all but its first begin with the bits 10.
  while (end > 0 && most - end < 3 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;
  }
  return text.substr(0, end);
}

void run_task(const Reader& task, TaskRun& run) {
  Reader state;
  Token token = task.callable(&state, "a pool's task");
  reinterpret_cast<void (*)(const Reader&, TaskRun&)>(find_thunk(token, kTaskRole))(state, run);
}

}  // namespace mp::internal

#include "mp/testing/family_inventory.h"

#include <thread>

#include "mp/internal/core/wait_core.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/internal/shm/family.h"
#include "mp/process.h"
#include "mp/testing/inventory.h"
#include "mp/testing/live_blocks.h"

namespace mp::testing {

using internal::Family;

namespace {

// The first start opens what is kept for all: the mailbox, the end of the life pipe. And with the
// first thread ThreadSanitizer starts one of its own.
bool start_one_by_each_method() {
  std::thread([] {}).join();
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    Process first({.context = get_context(method)});
    first.start();
    first.join();
  }
  return true;
}

}  // namespace

void watch_family() {
  InventorySources& sources = inventory_sources();
  sources.settle.push_back([] {
    [[maybe_unused]] static const bool once = start_one_by_each_method();
    internal::stop_fork_server();
    internal::forget_spare_doorbell();
    Family::get().sweep_all();
  });
  sources.counts["blocks of the arena"] = [] { return live_blocks(); };
  sources.counts["handles of this process"] = [] {
    int64_t n = 0;
    Family::get().each_held([&n](uint64_t, uint32_t handles) { n += handles; });
    return n;
  };
}

}  // namespace mp::testing

#include "mp/testing/family_scene.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>

#include "mp/testing/live_blocks.h"

namespace mp::testing {

FamilyScene::FamilyScene(std::string operation, std::string state)
    : Scene(std::move(operation), std::move(state)) {
  void* at =
      mmap(nullptr, sizeof(Stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    std::perror("mp::testing::FamilyScene: mmap");
    std::abort();
  }
  stage_ = new (at) Stage{};
}

FamilyScene::~FamilyScene() { munmap(stage_, sizeof(Stage)); }

void FamilyScene::set_up() {
  new (stage_) Stage{};
  constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;
  family().header().slice_ns.store(kHour, std::memory_order_relaxed);
  note_self(kHarness);
  baseline_ = live_blocks(Holders::kCounted);
  create();
}

Verdict FamilyScene::audit() {
  if (stage().overlaps != 0) {
    return wrong("two processes were in the critical section at once");
  }
  Verdict v = inspect();
  if (v.outcome != Outcome::kOk) {
    return v;
  }
  drop();
  family().sweep_all();
  int64_t left = live_blocks(Holders::kCounted) - baseline_;
  return left == 0 ? v : leaked(std::to_string(left) + " blocks of the arena");
}

void FamilyScene::tear_down() {
  drop();
  family().sweep_all();
}

Verdict FamilyScene::examine(pid_t, const Death&) { return fine(); }

}  // namespace mp::testing

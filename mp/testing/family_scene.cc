#include "mp/testing/family_scene.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>

namespace mp::testing {

using internal::Block;
using internal::Family;
using internal::Kind;

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
  baseline_ = live_blocks();
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
  int64_t left = live_blocks() - baseline_;
  return left == 0 ? v : leaked(std::to_string(left) + " blocks of the arena");
}

void FamilyScene::tear_down() {
  drop();
  family().sweep_all();
}

Verdict FamilyScene::examine(pid_t, const Death&) { return fine(); }

int64_t FamilyScene::live_blocks() {
  int64_t n = 0;
  family().arena().each_live([&n](uint64_t, const Block& b) {
    // The list of messages under way keeps its pages.
    n += b.kind == Kind::kTransit ? 0 : 1;
  });
  return n;
}

}  // namespace mp::testing

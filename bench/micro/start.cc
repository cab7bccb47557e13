#include <sys/mman.h>

#include <cstddef>
#include <cstring>

#include "bench/micro/micro.h"
#include "bench/micro/party.h"
#include "mp/context.h"
#include "mp/dummy/process.h"
#include "mp/process.h"

namespace bench {
namespace {

void nothing() {}

// One function per method: a variant is a function without state.
template <const char* method>
void start_and_join(benchmark::State& state) {
  auto context = mp::get_context(method);
  time_each(state, [&] {
    mp::Process process({.context = context}, &nothing);
    process.start();
    finish(process);
  });
}

// In a parent that has written to a gibibyte.
template <const char* method>
void start_and_join_from_large(benchmark::State& state) {
  static std::byte* memory = nullptr;
  if (memory == nullptr) {
    constexpr size_t kSize = size_t{1} << 30;
    void* room = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) {
      state.SkipWithError("no gibibyte of memory");
      return;
    }
    // Pages of the usual size, as most programs have them.
    madvise(room, kSize, MADV_NOHUGEPAGE);
    memory = static_cast<std::byte*>(room);
    std::memset(memory, 1, kSize);
  }
  start_and_join<method>(state);
}

constexpr char kFork[] = "fork";
constexpr char kForkServer[] = "forkserver";
constexpr char kSpawn[] = "spawn";

}  // namespace

Body start_fork() { return {start_and_join<kFork>}; }

Body start_forkserver() { return {start_and_join<kForkServer>}; }

Body start_spawn() { return {start_and_join<kSpawn>}; }

Body start_forkserver_large() { return {start_and_join_from_large<kForkServer>}; }

Body start_spawn_large() { return {start_and_join_from_large<kSpawn>}; }

Body start_threads() {
  return {[](benchmark::State& state) {
    time_each(state, [] {
      mp::dummy::Process process(&nothing);
      process.start();
      finish(process);
    });
  }};
}

}  // namespace bench

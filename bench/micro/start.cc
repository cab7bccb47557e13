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

constexpr char kFork[] = "fork";
constexpr char kForkServer[] = "forkserver";
constexpr char kSpawn[] = "spawn";

}  // namespace

Body start_fork() { return {start_and_join<kFork>}; }

Body start_forkserver() { return {start_and_join<kForkServer>}; }

Body start_spawn() { return {start_and_join<kSpawn>}; }

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

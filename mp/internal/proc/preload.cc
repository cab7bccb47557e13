#include "mp/internal/proc/preload.h"

#include <cxxabi.h>
#include <unistd.h>

#include <cstdio>
#include <set>
#include <utility>

#include "mp/errors.h"
#include "mp/internal/base/check.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/reader.h"
#include "mp/internal/proc/finish.h"
#include "mp/internal/proc/run.h"

namespace mp::internal {
namespace {

// Never destroyed: exit handlers may still start processes.
std::unique_ptr<Target>& preload() {
  static auto& call = *new std::unique_ptr<Target>;
  return call;
}

}  // namespace

std::unique_ptr<Target> exchange_preload(std::unique_ptr<Target> call) {
  return std::exchange(preload(), std::move(call));
}

bool has_preload() noexcept { return preload() != nullptr; }

absl::StatusOr<std::optional<Plan>> give_preload(Owner server) {
  if (preload() == nullptr) {
    return std::nullopt;
  }
  Encoder e;
  check(preload()->encode(e), "a preload that cannot cross");
  if (!e.fds().empty()) {
    return type_error("mp: what a fork server preloads cannot hold file descriptors");
  }
  auto plan = Plan::make({reinterpret_cast<const char*>(e.message().data()), e.message().size()});
  if (!plan.ok()) {
    return plan.status();
  }
  std::set<uint64_t> objects(e.handles().begin(), e.handles().end());
  Parcel parcel{{}, {objects.begin(), objects.end()}, {}};
  if (absl::Status s = give(server, parcel, *plan); !s.ok()) {
    return s;
  }
  return std::optional<Plan>(*std::move(plan));
}

void run_preload(uint64_t offset) {
  Plan plan = Plan::receive(offset);
  bool done = false;
  int code = 0;
  try {
    code = run_guarded(
        [] { return "mp: the fork server's preload"; },
        [&] {
          std::string_view bytes = plan.bytes();
          run_call(Reader::open({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}));
          done = true;
        });
  } catch (const abi::__forced_unwind&) {
    std::fputs("mp: the fork server's preload: it has ended its thread\n", stderr);
    _exit(1);
  }
  // Once, here: a child would write it again.
  flush_streams(true);
  if (!done) {
    _exit(code);
  }
}

}  // namespace mp::internal

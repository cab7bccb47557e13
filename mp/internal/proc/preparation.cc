#include "mp/internal/proc/preparation.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "mp/errors.h"
#include "mp/internal/base/check.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/reader.h"
#include "mp/internal/proc/shipped_target.h"
#include "mp/internal/shm/family.h"

namespace mp::internal {
namespace {

// A plan: this, the message of the preparation, the message of the call, each at a multiple of 8.
struct PlanHead {
  uint64_t preparation;  // bytes
  uint64_t call;         // bytes; 0: nothing is to be called
};

constexpr size_t round_up(size_t n) { return (n + 7) & ~size_t{7}; }

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

void append(std::string& plan, std::span<const std::byte> message) {
  plan.append(reinterpret_cast<const char*>(message.data()), message.size());
  plan.resize(round_up(plan.size()));
}

void encode(Encoder& e, const Preparation& p) {
  Encoder::Items items(e);
  items.add(e.text(p.type));
  items.add(e.text(p.identity));
  items.add(e.text(p.name));
  items.add(e.bytes(bytes_of(p.authkey)));
  items.add(e.boolean(p.daemon));
  items.add(e.integer(p.method));
  items.add(e.text(p.parent_name));
  items.add(e.integer(p.parent_pid));
  items.add(e.uinteger(p.parent_owner));
  items.add(e.integer(p.log.level));
  items.add(e.boolean(p.log.to_stderr));
  items.add(e.boolean(p.kill_tree));
  items.add(e.boolean(p.outlives_parent));
  for (const std::string& path : p.libraries) {
    items.add(e.text(path));
  }
  e.finish(e.fields(items));
}

// The descriptors that came with a plan, each taken once.
class ArrivedFds final : public FdSource {
 public:
  explicit ArrivedFds(std::vector<UniqueFd> fds) : fds_(std::move(fds)) {}

  int take_fd(uint32_t index) override {
    if (index >= fds_.size() || !fds_[index].valid()) {
      raise(make_status("CodecError", absl::StatusCode::kDataLoss,
                        "mp: a call names a file descriptor that did not come with it"));
    }
    return fds_[index].release();
  }
  bool verified() const noexcept override { return true; }

 private:
  std::vector<UniqueFd> fds_;
};

void call_of_nothing() {}

// The messages of a plan, where it lies.
struct PlanView {
  explicit PlanView(std::string_view plan) {
    check(reinterpret_cast<uintptr_t>(plan.data()) % 8 == 0, "a plan is not aligned");
    const auto* at = reinterpret_cast<const std::byte*>(plan.data());
    PlanHead head;
    std::memcpy(&head, at, sizeof head);
    preparation = {at + sizeof head, head.preparation};
    call = {at + sizeof head + round_up(head.preparation), head.call};
  }

  std::span<const std::byte> preparation;
  std::span<const std::byte> call;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> with_parcel(
    const Preparation& preparation, const Target* target,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<Child>>(const Parcel&)> start) {
  std::string plan(sizeof(PlanHead), '\0');
  PlanHead head{};
  Parcel parcel;
  std::vector<UniqueFd> copies;
  {
    Encoder e;
    encode(e, preparation);
    head.preparation = e.message().size();
    append(plan, e.message());
  }
  // Lives until the child has been given what it names.
  Encoder e;
  if (target != nullptr) {
    check(target->encode(e), "a call that cannot cross has come to a start method that needs it");
    head.call = e.message().size();
    append(plan, e.message());
    // Named twice, an object is given once: the child's list has one entry for it.
    std::set<uint64_t> objects(e.handles().begin(), e.handles().end());
    parcel.objects.assign(objects.begin(), objects.end());
    for (int fd : e.fds()) {
      if (std::find(parcel.fds.begin(), parcel.fds.end(), fd) != parcel.fds.end()) {
        // Passed twice, it arrives twice.
        copies.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 3));
        if (!copies.back().valid()) {
          return os_error(errno, "mp: passing a file descriptor to a new process");
        }
        fd = copies.back().get();
      }
      parcel.fds.push_back(fd);
    }
  }
  std::memcpy(plan.data(), &head, sizeof head);
  parcel.plan = plan;
  return start(parcel);
}

Preparation read_preparation(std::string_view plan) {
  Reader r = Reader::open(PlanView(plan).preparation);
  Preparation p;
  p.type = r[0].text();
  p.identity = r[1].text();
  p.name = r[2].text();
  auto key = r[3].bytes();
  p.authkey.assign(reinterpret_cast<const char*>(key.data()), key.size());
  p.daemon = r[4].boolean("a flag");
  p.method = r[5].integer<int>();
  p.parent_name = r[6].text();
  p.parent_pid = r[7].integer<int>();
  p.parent_owner = r[8].integer<uint32_t>();
  p.log.level = r[9].integer<int>();
  p.log.to_stderr = r[10].boolean("a flag");
  p.kill_tree = r[11].boolean("a flag");
  p.outlives_parent = r[12].boolean("a flag");
  for (uint64_t i = 13; i < r.size(); ++i) {
    p.libraries.emplace_back(r[i].text());
  }
  return p;
}

void run_plan(Arrival arrival) {
  std::span<const std::byte> call = PlanView(arrival.plan.bytes()).call;
  ArrivedFds fds(std::move(arrival.fds));
  if (call.empty()) {
    return;
  }
  // A copy, so that the shared memory is free before the user's function runs.
  std::vector<uint64_t> copy(round_up(call.size()) / 8);
  std::memcpy(copy.data(), call.data(), call.size());
  { Plan done = std::move(arrival.plan); }
  run_call(Reader::open({reinterpret_cast<const std::byte*>(copy.data()), call.size()}, &fds));
}

void rehearse() {
  // Encoded once, by the server: its children have the message.
  static const std::unique_ptr<const Encoder> call = [] {
    auto e = std::make_unique<Encoder>();
    ship(call_of_nothing)->encode(*e);
    return e;
  }();
  ArrivedFds none({});
  run_call(Reader::open(call->message(), &none));
}

}  // namespace mp::internal

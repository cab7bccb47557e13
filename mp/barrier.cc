#include "mp/barrier.h"

#include <algorithm>
#include <limits>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/barrier_object.h"
#include "mp/internal/os/interrupt.h"

namespace mp {
namespace {

using internal::Deadline;
using internal::HandleAccess;
using internal::Kind;
using internal::Ref;
using Object = internal::BarrierObject<>;

Ref new_barrier(int64_t parties, bool action, Timeout timeout) {
  if (parties < 1) {
    raise(internal::value_error("parties must be >= 1"));
  }
  // More than an int can count is more than any arena can hold.
  constexpr int64_t kTooMany = int64_t{1} << 50;
  Ref ref = Ref::create(Kind::kBarrier,
                        Object::size(static_cast<uint64_t>(
                            parties > std::numeric_limits<int>::max() ? kTooMany : parties)));
  auto* object = ref.object<Object>();
  object->word.start(static_cast<uint32_t>(parties), action);
  object->timeout = timeout;
  return ref;
}

std::string text_of(const Ref& ref) {
  return absl::StrCat("<multiprocessing.synchronize.Barrier at 0x", absl::Hex(ref.offset()));
}

absl::StatusOr<int> wait_until(const Ref& ref, const Barrier::Action* action, Deadline deadline) {
  auto result = ref.object<Object>()->wait(deadline, [action] {
    if (action != nullptr) {
      (*action)();
    }
  });
  if (!result.passed) {
    if (absl::Status s = internal::take_interrupt(); !s.ok()) {
      return s;
    }
    return BrokenBarrierError(
               absl::StrCat(text_of(ref), "> is broken: ", internal::to_text(result.cause)))
        .status();
  }
  return static_cast<int>(result.index);
}

int value_or_raise(absl::StatusOr<int> result) {
  internal::raise_if_error(result.status());
  return *result;
}

}  // namespace

Barrier::Barrier(int64_t parties, Action action, Timeout timeout)
    : ref_(new_barrier(parties, static_cast<bool>(action), timeout)) {
  if (action) {
    action_ = std::make_shared<const Action>(std::move(action));
  }
}

absl::StatusOr<int> Barrier::try_wait() const {
  return wait_until(ref_, action_.get(), Deadline::after(ref_.object<Object>()->timeout));
}
absl::StatusOr<int> Barrier::try_wait(Timeout timeout) const {
  return wait_until(ref_, action_.get(), Deadline::after(timeout));
}
int Barrier::wait() const { return value_or_raise(try_wait()); }
int Barrier::wait(Timeout timeout) const { return value_or_raise(try_wait(timeout)); }

void Barrier::reset() const { ref_.object<Object>()->call().reset(); }

void Barrier::abort() const {
  ref_.object<Object>()->call().break_off(internal::BarrierCause::kAbort);
}

bool Barrier::broken() const { return ref_.object<Object>()->call().state().broken; }

int Barrier::n_waiting() const {
  return static_cast<int>(ref_.object<Object>()->call().state().waiting);
}

int Barrier::parties() const noexcept {
  return static_cast<int>(ref_.object<Object>()->word.parties);
}

std::string repr(const Barrier& barrier) {
  const Ref& ref = HandleAccess::ref(barrier);
  auto state = ref.object<Object>()->call().state();
  return state.broken
             ? absl::StrCat(text_of(ref), ": broken>")
             : absl::StrCat(text_of(ref), ": waiters=", state.waiting, "/", barrier.parties(), ">");
}

std::ostream& operator<<(std::ostream& out, const Barrier& barrier) { return out << repr(barrier); }

Encoder::Ref Codec<Barrier>::encode(Encoder& e, const Barrier& b) {
  const Encoder::Ref parts[] = {
      internal::encode_ref(e, Kind::kBarrier, b.ref_),
      b.action_ != nullptr ? e.value<Barrier::Action>(*b.action_) : e.none(),
  };
  return internal::encode_handle(e, "mp::Barrier", parts);
}

Barrier Codec<Barrier>::decode(const Reader& r) {
  Reader parts = internal::decode_handle("mp::Barrier", 2, r);
  auto action = parts[1].as<Barrier::Action>();
  return Barrier(internal::decode_ref(Kind::kBarrier, parts[0]),
                 action ? std::make_shared<const Barrier::Action>(std::move(action)) : nullptr);
}

}  // namespace mp

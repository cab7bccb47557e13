#include "mp/dummy/barrier.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/dummy/internal/thread_barrier.h"
#include "mp/errors.h"

namespace mp::dummy {
namespace {

int checked(int64_t parties) {
  if (parties < 1) {
    raise(mp::internal::value_error("parties must be >= 1"));
  }
  // So many threads there never are.
  return static_cast<int>(std::min<int64_t>(parties, std::numeric_limits<int>::max()));
}

int value_or_raise(absl::StatusOr<int> result) {
  mp::internal::raise_if_error(result.status());
  return *result;
}

std::string text_of(const mp::internal::ThreadBarrier* core) {
  return absl::StrCat("<threading.Barrier at 0x", absl::Hex(reinterpret_cast<uintptr_t>(core)));
}

}  // namespace

Barrier::Barrier(int64_t parties, Action action, Timeout timeout)
    : core_(std::make_shared<mp::internal::ThreadBarrier>(checked(parties), std::move(action))),
      timeout_(timeout) {}

absl::StatusOr<int> Barrier::try_wait() const { return try_wait(timeout_); }
absl::StatusOr<int> Barrier::try_wait(Timeout timeout) const {
  mp::internal::BarrierCause cause;
  std::optional<int> index = core_->wait(mp::internal::Deadline::after(timeout), &cause);
  if (!index.has_value()) {
    return BrokenBarrierError(
               absl::StrCat(text_of(core_.get()), "> is broken: ", mp::internal::to_text(cause)))
        .status();
  }
  return *index;
}
int Barrier::wait() const { return value_or_raise(try_wait()); }
int Barrier::wait(Timeout timeout) const { return value_or_raise(try_wait(timeout)); }

void Barrier::reset() const { core_->reset(); }
void Barrier::abort() const { core_->abort(); }

bool Barrier::broken() const { return core_->broken(); }
int Barrier::n_waiting() const { return core_->waiting(); }
int Barrier::parties() const noexcept { return core_->parties(); }

std::string repr(const Barrier& barrier) {
  std::string text = text_of(barrier.core_.get());
  return barrier.broken()
             ? absl::StrCat(text, ": broken>")
             : absl::StrCat(text, ": waiters=", barrier.n_waiting(), "/", barrier.parties(), ">");
}

std::ostream& operator<<(std::ostream& out, const Barrier& barrier) { return out << repr(barrier); }

}  // namespace mp::dummy

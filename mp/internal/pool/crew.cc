#include "mp/internal/pool/crew.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/pool/job.h"
#include "mp/internal/pool/pool_bug.h"
#include "mp/internal/pool/refusals.h"
#include "mp/internal/proc/finalizers.h"

namespace mp::internal {

Crew::Crew(int wanted) : wanted_(wanted), process_(process_number()), pid_(getpid()) {}

bool Crew::is_ours() const noexcept { return process_number() == process_; }

void Crew::check_ours() const {
  if (!is_ours()) {
    raise(AssertionError(absl::StrCat("mp: this pool belongs to process ", pid_)).status());
  }
}

void Crew::check_running() const {
  if (state_ != State::kRun && !draining_) {
    refuse_not_running();
  }
  if (broken_ != nullptr) {
    std::rethrow_exception(broken_);
  }
}

void Crew::check_submit() const {
  std::lock_guard hold(mutex_);
  check_running();
}

void Crew::cancel(Job& job) {
  check_ours();
  give_back(job, true);
}

void Crew::give_up(const std::shared_ptr<Job>& job, uint64_t from, uint64_t to,
                   const std::exception_ptr& error) {
  for (; from < to; ++from) {
    settle(job, job->fail(from, error));
  }
}

void Crew::settle(const std::shared_ptr<Job>& job, bool complete) {
  if (complete ? job->finish_unobserved() : !job->tells_parts()) {
    if (job->stream) {
      job->changed();
    }
  } else if (!call_later(job) && complete) {
    job->finish();
  }
}

void Crew::open_stream() {
  std::lock_guard hold(mutex_);
  check_running();
  ++streams_;
}

void Crew::end_stream() {
  {
    std::lock_guard hold(mutex_);
    --streams_;
  }
  stream_ended();
}

void Crew::keep_stream(std::weak_ptr<Stream> stream) {
  std::lock_guard hold(kept_mutex_);
  std::erase_if(kept_, [](const std::weak_ptr<Stream>& s) { return s.expired(); });
  kept_.push_back(std::move(stream));
}

bool Crew::join(Timeout timeout) {
  if (state() == State::kRun) {
    refuse_running();
  }
  const Deadline deadline = Deadline::after(timeout);
  std::vector<std::weak_ptr<Stream>> streams;
  {
    std::lock_guard hold(kept_mutex_);
    streams = kept_;
  }
  for (const std::weak_ptr<Stream>& stream : streams) {
    if (std::shared_ptr<Stream> s = stream.lock()) {
      s->read_all(planted(PoolBug::kJoinReadsOn) ? Deadline::never() : deadline);
    }
  }
  const bool ended = await_end(deadline);
  if (!ended) {
    raise_if_interrupted();
  }
  return ended;
}

int Crew::size() const {
  std::lock_guard hold(mutex_);
  return wanted_;
}

Crew::State Crew::state() const {
  std::lock_guard hold(mutex_);
  return state_;
}

std::string repr_of(const Crew& crew, const char* name) {
  static constexpr const char* kStates[] = {"RUN", "CLOSE", "TERMINATE"};
  return absl::StrCat("<multiprocessing.pool.", name,
                      " state=", kStates[static_cast<int>(crew.state())],
                      " pool_size=", crew.size(), ">");
}

void end_crew(std::shared_ptr<Crew> crew) {
  if (crew == nullptr) {
    return;
  }
  if (!crew->is_ours()) {
    new std::shared_ptr(std::move(crew));
    return;
  }
  crew->terminate();
}

}  // namespace mp::internal

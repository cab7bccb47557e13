#include "mp/internal/pool/worker.h"

#include <signal.h>
#include <sys/resource.h>

#include <cstring>
#include <exception>
#include <optional>
#include <span>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/core/receive.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/park/spin.h"
#include "mp/internal/pool/task_thunk.h"
#include "mp/internal/proc/run.h"
#include "mp/internal/shm/family.h"
#include "mp/logging.h"
#include "mp/pool_errors.h"

namespace mp::internal {
namespace {

uint32_t g_depth = 0;

// The result of a task, as it is sent.
class Answer {
 public:
  // Runs the task of `message`.
  void run(std::span<const std::byte> message, FdSource* fds) {
    TaskRun run(encoder_);
    try {
      run_task(Reader::open(message, fds), run);
      what_ = kResult;
    } catch (...) {
      fail(run);
    }
  }
  void set_error(uint32_t what, const std::exception_ptr& error) {
    encode_exception(encoder_, error);
    what_ = what;
  }
  // Puts it on the desk. A result for which there is no memory becomes that error.
  void send(const Desk& desk, uint64_t ticket, uint32_t slot) {
    absl::Status s = post(desk.results, {ticket, slot, what_}, encoded());
    if (!s.ok()) {
      try {
        raise(s);
      } catch (const std::exception& e) {
        set_error(kError, std::current_exception());
      }
      // If not even that can be said the owner will know that the task was begun and we are gone.
      raise_if_error(post(desk.results, {ticket, slot, what_}, encoded()));
    }
    ring_owner(desk);
    encoder_.clear();
  }

 private:
  Encoded encoded() const { return {encoder_.message(), encoder_.handles(), encoder_.fds()}; }

  // With the exception in flight.
  void fail(const TaskRun& run) {
    rethrow_if_exit();
    std::exception_ptr error = std::current_exception();
    if (run.encoding()) {
      error = std::make_exception_ptr(MaybeEncodingError(describe(error), run.result_text()));
    }
    set_error(kError, error);
  }

  Encoder encoder_;
  uint32_t what_ = kResult;
};

void apply_limits(const std::vector<ResourceLimit>& limits) {
  for (const ResourceLimit& limit : limits) {
    rlimit r{limit.most, limit.most};
    if (setrlimit(static_cast<__rlimit_resource>(limit.resource), &r) != 0) {
      raise(os_error(errno, absl::StrCat("mp: limit ", limit.resource, " of a worker")));
    }
  }
}

// Runs what the current message of `reader` asks for, and takes it off. False: leave.
bool serve(const Desk& desk, ChannelReader<>& reader, Answer& answer, uint64_t* served) {
  PostHeader header;
  std::memcpy(&header, reader.message().data(), sizeof header);
  if (header.what != kTask) {
    reader.commit();
    return false;
  }
  Ledger& book = desk.book();
  // Before the ledger says that it runs: a task that runs has a time.
  book.began.store(monotonic_ns(), std::memory_order_relaxed);
  if (!book.tasks[header.slot].begin(header.ticket)) {
    reader.commit();
    return true;
  }
  if (reader.carries()) {
    Received received;
    receive(reader, received);
    try {
      received.fetch_fds();
      answer.run(received.bytes().subspan(sizeof header), &received);
    } catch (const Error&) {
      answer.set_error(kError, std::current_exception());
    }
  } else {
    // Where it lies: nobody else reads this ring, and it is taken off when the task is done.
    answer.run(reader.message().subspan(sizeof header), nullptr);
  }
  answer.send(desk, header.ticket, header.slot);
  if (!reader.carries()) {
    reader.commit();
  }
  ++*served;
  return true;
}

}  // namespace

uint32_t pool_depth() noexcept { return g_depth; }

void worker_main(WorkerPlan plan) {
  signal(SIGINT, SIG_IGN);
  g_depth = plan.depth;
  const Desk& desk = plan.desk;
  Answer answer;
  try {
    apply_limits(plan.limits);
    if (plan.initializer) {
      plan.initializer();
    }
  } catch (...) {
    rethrow_if_exit();
    answer.set_error(kNotReady, std::current_exception());
    answer.send(desk, 0, 0);
    return;
  }
  plan.initializer = nullptr;
  desk.book().phase.store(Ledger::kAtWork, std::memory_order_release);

  Channel<> channel(*Family::current(), desk.tasks.ref().offset());
  auto has_task = [&] { return channel.ring->maybe_ready(channel.store); };
  uint64_t served = 0;
  for (bool more = true; more;) {
    // The next task of a caller that waits for each result comes sooner than a sleeper wakes.
    spin<RealAtomics>(kWakeNs, has_task);
    ChannelReader<> reader(channel);
    raise_if_error(reader.open(Deadline::never()));
    more = serve(desk, reader, answer, &served);
    if (plan.tasks != 0 && served >= plan.tasks) {
      get_logger().debug(absl::StrCat("worker exiting after ", served, " tasks"));
      return;
    }
  }
}

}  // namespace mp::internal

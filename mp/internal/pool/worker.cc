#include "mp/internal/pool/worker.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/core/channel.h"
#include "mp/internal/core/receive.h"
#include "mp/internal/frame/call.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/frame/python_text.h"
#include "mp/internal/frame/trace.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/park/spin.h"
#include "mp/internal/pool/pool_bug.h"
#include "mp/internal/pool/post.h"
#include "mp/internal/pool/task_thunk.h"
#include "mp/internal/proc/run.h"
#include "mp/internal/shm/family.h"
#include "mp/logging.h"
#include "mp/pool_errors.h"

namespace mp::internal {
namespace {

uint32_t g_depth = 0;

// How long results of a crowd may be there before who waits for all of them is woken, if another task begins then.
constexpr int64_t kUntoldNs = 2'000'000;

// From now on the owner gets what is logged here, in the order of this worker's results.
void log_to_owner(Desk desk) {
  get_logger().remove_handlers();
  get_logger().add_handler([desk = std::move(desk)](const LogRecord& r) {
    Encoder encoder;  // a task that is being encoded may log
    encode_message(encoder, Logged(r.level, r.message, r.process_name, r.pid, r.file, r.line));
    // Without memory it is not said.
    if (post(desk.results, {0, 0, kLog}, {encoder.message(), encoder.handles(), encoder.fds()})
            .ok()) {
      ring_owner(desk);
    }
  });
}

// What a process has, in bytes; 0 if nobody can tell.
struct Memory {
  uint64_t mapped = 0;
  uint64_t own = 0;
};
Memory memory_of(int pid) noexcept {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/statm", pid);
  unsigned long long mapped = 0, resident = 0, shared = 0;
  if (FILE* file = std::fopen(path, "re")) {
    if (std::fscanf(file, "%llu %llu %llu", &mapped, &resident, &shared) != 3) {
      mapped = resident = shared = 0;
    }
    std::fclose(file);
  }
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return {mapped * page, (resident - std::min(resident, shared)) * page};
}

void apply_limits(const std::vector<ResourceLimit>& limits) {
  for (const ResourceLimit& limit : limits) {
    uint64_t most = limit.most;
    if (limit.resource == RLIMIT_AS && most != RLIM_INFINITY) {
      // The family's memory is reserved, tens of GiB: with it any limit would be exceeded.
      most += std::min(memory_of(getpid()).mapped, RLIM_INFINITY - 1 - most);
      rlimit now;
      if (getrlimit(RLIMIT_AS, &now) == 0) {
        most = std::min<uint64_t>(most, now.rlim_max);
      }
    }
    rlimit r{most, most};
    if (setrlimit(static_cast<__rlimit_resource>(limit.resource), &r) != 0) {
      raise(os_error(errno, absl::StrCat("mp: limit ", limit.resource, " of a worker")));
    }
  }
}

// As Python writes an exception: ValueError('cannot send').
std::string repr_of(const std::exception_ptr& error) {
  const std::string text = describe(error);
  const size_t colon = text.find(": ");
  std::string repr = text.substr(0, colon) + "(";
  if (colon != std::string::npos) {
    append_repr(repr, std::string_view(text).substr(colon + 2));
  }
  return repr + ")";
}

}  // namespace

// Puts results on the desk, each while what it is made of lives: its handles and descriptors are still that one's.
class Worker::Answers {
 public:
  explicit Answers(const Desk& desk) : desk_(desk) {}

  // Runs the task of `message` and answers it.
  void answer(const PostHeader& task, std::span<const std::byte> message, FdSource* fds) {
    auto send_result = [&] { send({task.ticket, task.slot, kResult, task.crowd}); };
    TaskRun run(encoder_, send_result);
    try {
      run_traced([&] { run_task(Reader::open(message, fds), run); });
    } catch (...) {
      rethrow_if_exit();
      const PostHeader header{task.ticket, task.slot, kError, task.crowd};
      std::exception_ptr error = std::current_exception();
      if (run.sending()) {
        error = std::make_exception_ptr(MaybeEncodingError(repr_of(error), run.result_text()));
      }
      try {
        send_error(header, error, run.sending() ? std::string_view() : backtrace_of(error));
      } catch (...) {
        // It does not fit either, or cannot be encoded: what does is short.
        const std::string why = repr_of(std::current_exception());
        send_error(header, std::make_exception_ptr(MaybeEncodingError(
                               std::string(beginning_of(why, 200)), "an error")));
      }
    }
  }
  // If not even that can be said, we leave: the owner will know what was begun.
  void send_error(const PostHeader& header, const std::exception_ptr& error,
                  std::string_view backtrace = {}) {
    encode_exception(encoder_, error, backtrace);
    send(header);
  }

 private:
  void send(const PostHeader& header) {
    if (planted(PoolBug::kToldBeforeSent)) {
      mark_results(desk_);
    }
    raise_if_error(
        post(desk_.results, header, {encoder_.message(), encoder_.handles(), encoder_.fds()}));
    if (!planted(PoolBug::kToldBeforeSent)) {
      mark_results(desk_);
    }
    if (header.crowd == 0) {
      ring_late(desk_);
    }
    encoder_.clear();
  }

  const Desk& desk_;
  Encoder encoder_;
};

// Runs what the current message of `reader` asks for, and takes it off. False: leave.
bool Worker::serve(ChannelReader<>& reader) {
  PostHeader header;
  std::memcpy(&header, reader.message().data(), sizeof header);
  if (header.what != kTask) {
    reader.commit();
    return false;
  }
  Ledger& book = desk_.book();
  const int64_t now = monotonic_ns();
  if (untold_ != 0 && ((header.crowd != crowd_ && !planted(PoolBug::kOthersFirst)) ||
                       untold_ + 1 >= channel_.ring->size() || now - since_ns_ >= kUntoldNs)) {
    tell();
  }
  // Before the ledger says that it runs: a task that runs has a time.
  book.began.store(now, std::memory_order_relaxed);
  // sync: pool-current: who sees that this one runs sees its time.
  book.current.store(header.ticket, std::memory_order_release);
  if (!planted(PoolBug::kBegunUnsaid) && !book.tasks[header.slot].begin(header.ticket)) {
    if (reader.carries() && !planted(PoolBug::kHandlesLeftInMessage)) {
      Received received;  // what nobody has taken out of a message, nobody lets go of
      receive(reader, received);
    } else {
      reader.commit();
    }
    return true;
  }
  if (reader.carries()) {
    Received received;
    receive(reader, received);
    try {
      received.fetch_fds();
    } catch (const Error&) {
      answers_->send_error({header.ticket, header.slot, kError}, std::current_exception());
      book.current.store(0, std::memory_order_release);
      ++served_;
      return true;
    }
    answers_->answer(header, received.bytes().subspan(sizeof header), &received);
  } else {
    // Where it lies: nobody else reads this ring, and it is taken off when the task is done.
    answers_->answer(header, reader.message().subspan(sizeof header), nullptr);
    reader.commit();
  }
  book.current.store(0, std::memory_order_release);
  ++served_;
  if (header.crowd != 0 && untold_++ == 0) {
    crowd_ = header.crowd;
    since_ns_ = now;
  }
  return true;
}

void Worker::tell() noexcept {
  if (untold_ != 0) {
    ring_late(desk_);
    untold_ = 0;
  }
}

Worker::Worker(const Desk& desk)
    : desk_(desk),
      channel_(*Family::current(), desk.tasks.ref().offset()),
      answers_(std::make_unique<Answers>(desk)) {}

Worker::~Worker() { tell(); }

void Worker::send_not_ready(const std::exception_ptr& error) {
  answers_->send_error({0, 0, kNotReady}, error, backtrace_of(error));
}

bool Worker::serve_next() {
  // The next task of a caller that waits for each result comes sooner than a sleeper wakes.
  auto ready = [&] { return channel_.ring->maybe_ready(channel_.store); };
  // What is there already says nothing about spinning.
  if (!ready()) {
    if (!planted(PoolBug::kLastUntold)) {
      tell();
    }
    spin<RealAtomics>(kWakeNs, ready);
  }
  ChannelReader<> reader(channel_);
  raise_if_error(reader.open(Deadline::never()));
  return serve(reader);
}

uint32_t pool_depth() noexcept { return g_depth; }

uint64_t private_bytes(int pid) noexcept { return memory_of(pid).own; }

void worker_main(WorkerPlan plan) {
  signal(SIGINT, SIG_IGN);
  g_depth = plan.depth;
  const Desk& desk = plan.desk;
  Worker worker(desk);
  if (plan.log_to_owner) {
    log_to_owner(desk);
  }
  try {
    apply_limits(plan.limits);
    if (plan.initializer) {
      run_traced([&] { plan.initializer(); });
    }
  } catch (...) {
    rethrow_if_exit();
    worker.send_not_ready(std::current_exception());
    return;
  }
  plan.initializer = nullptr;
  if (plan.weigh) {
    desk.book().base_bytes.store(private_bytes(getpid()), std::memory_order_relaxed);
  }
  desk.book().phase.store(Ledger::kAtWork, std::memory_order_release);

  while (worker.serve_next()) {
    if (plan.tasks != 0 && worker.served() >= plan.tasks) {
      get_logger().debug(absl::StrCat("worker exiting after ", worker.served(), " tasks"));
      return;
    }
  }
}

}  // namespace mp::internal

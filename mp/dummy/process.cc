#include "mp/dummy/process.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/fork_handlers.h"
#include "mp/internal/os/clock.h"
#include "mp/internal/os/futex.h"
#include "mp/internal/proc/run.h"

namespace mp {
namespace internal {

class ThreadCore {
 public:
  // Values of `state`, which only grow; a futex, so that join() can wait for it.
  enum : uint32_t { kInitial, kStarting, kRunning, kEnded };

  std::atomic<uint32_t> state{kInitial};
  std::atomic<int> tid{0};
  ThreadCore* maker = nullptr;  // only compared
  pthread_t thread{};
  bool main = false;

  std::mutex mutex;  // of what follows
  std::string name;
  bool daemon = false;
  std::unique_ptr<Target> target;
};

struct ThreadAccess {
  static dummy::Process make(std::shared_ptr<ThreadCore> core) {
    return dummy::Process(std::move(core));
  }
  static ThreadCore& core(const dummy::Process& process) { return *process.core_; }
};

namespace {

using Core = std::shared_ptr<ThreadCore>;

// The threads of this process. Never destroyed.
struct Threads {
  std::mutex mutex;
  std::vector<Core> started;  // and not yet joined
  int made = 0;
  int joins_at_exit_of = 0;  // the process whose exit handler is registered
};
Threads& threads() {
  static Threads& threads = *new Threads;
  return threads;
}

thread_local Core t_current;

const Core& current() {
  if (t_current == nullptr) {
    // A thread that somebody else made.
    t_current = std::make_shared<ThreadCore>();
    t_current->main = gettid() == getpid();
    t_current->name = t_current->main ? "MainThread" : absl::StrCat("Dummy-", gettid());
    t_current->tid = gettid();
    t_current->state = ThreadCore::kRunning;
  }
  return t_current;
}

bool ended(const ThreadCore& core) {
  // sync: thread-end (pairs with the last store of run_thread).
  return core.state.load(std::memory_order_acquire) == ThreadCore::kEnded;
}

// Joins a thread that has ended, unless somebody did.
void collect(const ThreadCore& core) {
  Core found;
  {
    std::lock_guard hold(threads().mutex);
    auto& all = threads().started;
    auto at = std::find_if(all.begin(), all.end(), [&](const Core& c) { return c.get() == &core; });
    if (at == all.end()) {
      return;
    }
    found = *at;
    all.erase(at);
  }
  pthread_join(found->thread, nullptr);
}

void collect_ended() {
  std::vector<Core> all;
  {
    std::lock_guard hold(threads().mutex);
    all = threads().started;
  }
  for (const Core& core : all) {
    if (ended(*core)) {
      collect(*core);
    }
  }
}

bool wait(ThreadCore& core, Deadline deadline) {
  while (!ended(core)) {
    uint32_t seen = core.state.load(std::memory_order_relaxed);
    if (seen != ThreadCore::kEnded) {
      futex_wait(&core.state, seen, deadline);
    }
    if (!ended(core) && deadline.passed()) {
      return false;
    }
  }
  collect(core);
  return true;
}

void join_at_exit() {
  std::vector<Core> all;
  {
    std::lock_guard hold(threads().mutex);
    all = threads().started;
  }
  for (const Core& core : all) {
    bool daemon;
    {
      std::lock_guard hold(core->mutex);
      daemon = core->daemon;
    }
    if (!daemon && core != t_current) {
      wait(*core, Deadline::never());
    }
  }
}

// Also when the thread ends by pthread_exit().
class Ending {
 public:
  explicit Ending(const Core& core) : core_(core) {}
  ~Ending() {
    t_current.reset();
    core_->state.store(ThreadCore::kEnded, std::memory_order_release);
    futex_wake(&core_->state, kWakeAll);
  }

 private:
  const Core core_;
};

void* run_thread(void* argument) {
  Core core = std::move(*std::unique_ptr<Core>(static_cast<Core*>(argument)));
  Ending ending(core);
  core->tid.store(gettid(), std::memory_order_relaxed);
  t_current = core;
  // start() may not have come so far: what the body does to itself, it does to a started thread.
  uint32_t starting = ThreadCore::kStarting;
  core->state.compare_exchange_strong(starting, ThreadCore::kRunning);
  std::unique_ptr<Target> target;
  {
    std::lock_guard hold(core->mutex);
    target = std::move(core->target);
  }
  run_guarded(
      [&] {
        std::lock_guard hold(core->mutex);
        return absl::StrCat("Exception in thread ", core->name);
      },
      [&] {
        if (target != nullptr) {
          target->run();
        }
      });
  return nullptr;
}

absl::Status runtime_error(std::string_view text) {
  return make_status("RuntimeError", absl::StatusCode::kFailedPrecondition, text);
}

// A forked child has none of its parent's threads.
void lock_threads() { threads().mutex.lock(); }
void unlock_threads() { threads().mutex.unlock(); }
void forget_threads() {
  threads().started.clear();
  threads().mutex.unlock();
}

}  // namespace
}  // namespace internal

namespace dummy {

using internal::collect_ended;
using internal::Core;
using internal::current;
using internal::ThreadCore;
using internal::threads;

Process::Process(Options options)
    : Process(std::move(options), std::unique_ptr<internal::Target>()) {}

Process::Process(Options options, std::unique_ptr<internal::Target> target)
    : core_(std::make_shared<ThreadCore>()) {
  const Core& maker = current();
  core_->maker = maker.get();
  {
    std::lock_guard hold(maker->mutex);
    core_->daemon = options.daemon.value_or(maker->daemon);
  }
  core_->name = std::move(options.name);
  if (core_->name.empty()) {
    std::lock_guard hold(threads().mutex);
    core_->name = absl::StrCat("Thread-", ++threads().made);
  }
  core_->target = std::move(target);
}

absl::Status Process::try_start() const {
  ThreadCore& c = *core_;
  if (c.maker != nullptr && c.maker != current().get()) {
    return internal::runtime_error(absl::StrCat("mp::dummy: '", name(),
                                                "' was made by another thread than '",
                                                current_process().name(), "', which starts it"));
  }
  uint32_t initial = ThreadCore::kInitial;
  if (!c.state.compare_exchange_strong(initial, ThreadCore::kStarting)) {
    return internal::runtime_error("threads can only be started once");
  }
  collect_ended();
  [[maybe_unused]] static const bool registered = internal::handle_forks(
      internal::ForkOrder::kThreads,
      {internal::lock_threads, internal::unlock_threads, internal::forget_threads});
  auto argument = std::make_unique<Core>(core_);
  std::lock_guard hold(threads().mutex);
  if (threads().joins_at_exit_of != getpid()) {
    threads().joins_at_exit_of = getpid();
    std::atexit(internal::join_at_exit);
  }
  threads().started.push_back(core_);
  uint32_t starting = ThreadCore::kStarting;
  int err = pthread_create(&c.thread, nullptr, internal::run_thread, argument.get());
  if (err != 0) {
    threads().started.pop_back();
    c.state.store(ThreadCore::kInitial);
    return internal::os_error(err, absl::StrCat("mp::dummy: starting thread '", name(), "'"));
  }
  argument.release();
  // It may have ended already.
  c.state.compare_exchange_strong(starting, ThreadCore::kRunning);
  return absl::OkStatus();
}

void Process::start() const { internal::raise_if_error(try_start()); }

bool Process::join(Timeout timeout) const {
  uint32_t state = core_->state.load(std::memory_order_relaxed);
  if (state == ThreadCore::kInitial || state == ThreadCore::kStarting) {
    raise(internal::runtime_error("cannot join thread before it is started"));
  }
  if (core_ == current()) {
    raise(internal::runtime_error("cannot join current thread"));
  }
  return internal::wait(*core_, internal::Deadline::after(timeout));
}

bool Process::is_alive() const {
  uint32_t state = core_->state.load(std::memory_order_acquire);
  if (state == ThreadCore::kEnded) {
    internal::collect(*core_);
  }
  return state == ThreadCore::kStarting || state == ThreadCore::kRunning;
}

std::optional<int> Process::exitcode() const {
  return internal::ended(*core_) ? std::optional<int>(0) : std::nullopt;
}

int Process::pid() const { return core_->tid.load(std::memory_order_relaxed); }

std::string Process::name() const {
  std::lock_guard hold(core_->mutex);
  return core_->name;
}

void Process::set_name(std::string_view name) const {
  std::lock_guard hold(core_->mutex);
  core_->name = name;
}

bool Process::daemon() const {
  std::lock_guard hold(core_->mutex);
  return core_->daemon;
}

void Process::set_daemon(bool daemon) const {
  if (core_->state.load() != ThreadCore::kInitial) {
    raise(internal::runtime_error("cannot set daemon status of active thread"));
  }
  std::lock_guard hold(core_->mutex);
  core_->daemon = daemon;
}

Process current_process() { return internal::ThreadAccess::make(current()); }

std::vector<Process> active_children() {
  collect_ended();
  const ThreadCore* maker = current().get();
  std::lock_guard hold(threads().mutex);
  std::vector<Process> children;
  for (const Core& core : threads().started) {
    if (core->maker == maker && !internal::ended(*core)) {
      children.push_back(internal::ThreadAccess::make(core));
    }
  }
  return children;
}

std::string repr(const Process& process) {
  ThreadCore& c = internal::ThreadAccess::core(process);
  uint32_t state = c.state.load(std::memory_order_acquire);
  std::string text = absl::StrCat(c.main ? "<_MainThread(" : "<DummyProcess(", process.name(), ", ",
                                  state == ThreadCore::kInitial ? "initial"
                                  : state == ThreadCore::kEnded ? "stopped"
                                                                : "started",
                                  process.daemon() ? " daemon" : "");
  if (int tid = c.tid.load(std::memory_order_relaxed); tid != 0) {
    absl::StrAppend(&text, " ", tid);
  }
  return text + ")>";
}

std::ostream& operator<<(std::ostream& out, const Process& process) { return out << repr(process); }

}  // namespace dummy
}  // namespace mp

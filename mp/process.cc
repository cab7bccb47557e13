#include "mp/process.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <new>
#include <ostream>
#include <string>
#include <typeinfo>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/base/check.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/core/caller_name.h"
#include "mp/internal/frame/python_text.h"
#include "mp/internal/frame/type_name.h"
#include "mp/internal/os/cpus.h"
#include "mp/internal/os/interrupt.h"
#include "mp/internal/os/module.h"
#include "mp/internal/os/pidfd.h"
#include "mp/internal/os/process_tree.h"
#include "mp/internal/os/random.h"
#include "mp/internal/proc/after_fork.h"
#include "mp/internal/proc/child.h"
#include "mp/internal/proc/finalizers.h"
#include "mp/internal/proc/finish.h"
#include "mp/internal/proc/fork_guard.h"
#include "mp/internal/proc/fork_server.h"
#include "mp/internal/proc/life.h"
#include "mp/internal/proc/preparation.h"
#include "mp/internal/proc/run.h"
#include "mp/internal/proc/start.h"
#include "mp/internal/shm/family.h"
#include "mp/logging.h"

namespace mp {
namespace internal {

// One process, as this one knows it.
class ProcessCore {
 public:
  enum class Kind {
    kOrdinary,
    kMain,    // this process, when nobody of mp started it
    kParent,  // the process that started this one
  };

  Kind kind = Kind::kOrdinary;
  std::string type;      // "Process", "SpawnProcess"
  std::string identity;  // "1:2": the second child of the first child
  Context context;
  int creator = 0;  // pid of the process that made this object; 0: none
  // Of this process, or of a parent.
  int known_pid = 0;
  Owner owner;

  // Set once, by start(); the object lives as long as this does.
  std::atomic<Child*> started{nullptr};
  std::atomic<bool> starting{false};
  std::atomic<bool> closed{false};

  // Under the lock of Here, which every fork holds: a child gets them whole.
  std::string name;
  std::string authkey;
  bool daemon = false;
  std::unique_ptr<Target> target;
  std::unique_ptr<Child> child;
  // Of the parent: what sentinel() gave out.
  UniqueFd sentinel;

  // Set by the constructor.
  bool of_class = false;  // made by a class of the user's, which knows what to run
  bool kill_tree = false;
  bool outlives_parent = false;

  bool is_ours() const { return creator == getpid(); }
};

struct ProcessAccess {
  static Process make(std::shared_ptr<ProcessCore> core) { return Process(std::move(core)); }
  static ProcessCore& core(const Process& process) { return process.core(); }
};

namespace {

using Core = std::shared_ptr<ProcessCore>;

constexpr int kDaemonGraceSeconds = 5;
// How long a child that is to be stopped may take to begin: it may hang in a static initialiser.
constexpr int64_t kBeginNs = 1'000'000'000;

absl::Status assertion(std::string_view text) {
  return make_status("AssertionError", absl::StatusCode::kFailedPrecondition, text);
}

// This process: who it is, and its children. Never destroyed.
struct Here {
  // Also of all names, keys and flags: a lock in each ProcessCore would be one more page that a forked child copies.
  std::mutex mutex;
  Core current;  // made at first use in a process that nobody of mp started
  Core former;   // what `current` was before the fork: kept, not freed
  Core parent;   // made at first use too
  // Who started this one; no pid if nobody of mp did.
  std::unique_ptr<const std::string> parent_name;
  int parent_pid = 0;
  Owner parent_owner;
  int made = 0;  // Process objects so far
  // Started, end not yet noticed. The first few lie here: a list elsewhere is one more page that the next start copies.
  absl::InlinedVector<Core, 4> children;
  bool finish_armed = false;
  bool ending = false;  // end_process() has begun
};
MP_FORK_STATE alignas(Here) constinit std::byte g_room[sizeof(Here)] = {};
Here& here() {
  static Here& here = *new (g_room) Here;
  return here;
}

Core& current_locked() {
  Core& current = here().current;
  if (current == nullptr) {
    current = std::make_shared<ProcessCore>();
    current->kind = ProcessCore::Kind::kMain;
    current->type = "_MainProcess";
    current->name = "MainProcess";
    current->authkey = random_bytes(32);
  }
  return current;
}
Core current() {
  std::lock_guard hold(here().mutex);
  return current_locked();
}

bool is_daemon() {
  std::lock_guard hold(here().mutex);
  return current_locked()->daemon;
}

// Text forms of locks name their owner.
[[maybe_unused]] const bool g_named = (
    g_process_name = [] { return current_process().name(); }, true);

// -- Children -------------------------------------------------------------------------------------

// To the child and its descendants. 0, also when it has ended, or an errno.
int signal_tree_of(Child& child, int signal) {
  // Where there is no room for a helper and this process is killed, one that watches it is not left stopped.
  child.await_begun(Deadline::after_ns(kBeginNs));
  Child::Sentinel sentinel(child);
  return child.ended() ? 0 : signal_tree(child.pid(), sentinel.get(), signal);
}
// As signal_tree_of().
int signal_child(const ProcessCore& core, Child& child, int signal) {
  return core.kill_tree ? signal_tree_of(child, signal) : child.signal(signal);
}
// To a daemonic child of a process that ends: to it alone where there is no room to look for the others.
void end_daemon(const ProcessCore& core, int signal) {
  if (signal_child(core, *core.child, signal) != 0) {
    core.child->signal(signal);
  }
}

void forget(const ProcessCore& core) {
  std::lock_guard hold(here().mutex);
  auto& all = here().children;
  all.erase(std::remove_if(all.begin(), all.end(),
                           [&](const Core& other) { return other.get() == &core; }),
            all.end());
}

// Notices which children have ended, and forgets them.
void notice_ends() {
  absl::InlinedVector<Core, 4> children;
  {
    std::lock_guard hold(here().mutex);
    children = here().children;
  }
  if (children.empty()) {
    return;
  }
  std::vector<int> sentinels;
  for (const Core& core : children) {
    sentinels.push_back(core->started.load(std::memory_order_acquire)->sentinel());
  }
  for (size_t i : poll_ends(sentinels)) {
    children[i]->started.load(std::memory_order_acquire)->note_end();
    forget(*children[i]);
  }
}

// Joins the children, daemonic ones terminated, and ends the fork server.
void end_children() {
  absl::InlinedVector<Core, 4> children;
  {
    std::lock_guard hold(here().mutex);
    children = here().children;
  }
  if (children.empty() && fork_server_pid() == 0) {
    return;
  }
  std::vector<Core> daemons;
  const Logger logger = get_logger();
  auto say = [&](const char* what, const ProcessCore& core) {
    if (logger.is_enabled_for(logging::kInfo)) {
      std::unique_lock hold(here().mutex);
      std::string text = absl::StrCat("calling ", what, " ", core.name);
      hold.unlock();
      logger.info(text);
    }
  };
  for (const Core& core : children) {
    std::unique_lock hold(here().mutex);
    if (core->daemon && !core->outlives_parent) {
      hold.unlock();
      say("terminate() for daemon", *core);
      end_daemon(*core, SIGTERM);
      daemons.push_back(core);
    }
  }
  for (const Core& core : children) {
    if (!core->outlives_parent &&
        std::find(daemons.begin(), daemons.end(), core) == daemons.end()) {
      say("join() for process", *core);
      core->started.load(std::memory_order_acquire)->wait(Deadline::never());
    }
  }
  Deadline grace = Deadline::after_ns(kDaemonGraceSeconds * int64_t{1'000'000'000});
  for (const Core& core : daemons) {
    if (!core->child->wait(grace)) {
      end_daemon(*core, SIGKILL);
      core->child->wait(Deadline::never());
    }
  }
  for (const Core& core : children) {
    forget(*core);
  }
  stop_fork_server();
}

// The last thing a process does of its own: all that must be over before its handlers and statics go. The exit code that a
// finalizer has asked for.
std::optional<int> end_process() {
  // It comes several times: in a child after its function, and after its handlers of exit().
  const bool first = !std::exchange(here().ending, true);
  auto say = [&](int level, const char* text) {
    if (first) {
      get_logger().log(level, text);
    }
  };
  say(logging::kInfo, "process shutting down");
  say(logging::kDebug, "running all \"atexit\" finalizers with priority >= 0");
  std::optional<int> code = run_finalizers(0);
  end_children();
  say(logging::kDebug, "running the remaining \"atexit\" finalizers");
  std::optional<int> later_code = run_finalizers(std::nullopt);
  return later_code.has_value() ? later_code : code;
}

// As a handler of exit(), in a process that nobody of mp started.
void end_first_process() {
  if (std::optional<int> code = end_process()) {
    // The C library goes on with the handlers that are left.
    std::exit(*code);
  }
}
[[maybe_unused]] const bool g_ending = (set_end_of_process(end_first_process), true);

// Of a child whose descendants end with it; 0: of none. A fork of it that is not mp's is another process.
constinit int g_top_of_tree = 0;

std::optional<int> end_child() {
  std::optional<int> code = end_process();
  if (g_top_of_tree == getpid()) {
    kill_descendants();
  }
  return code;
}

// -- Fork -----------------------------------------------------------------------------------------

void lock_here() { here().mutex.lock(); }
void unlock_here() { here().mutex.unlock(); }
void forget_in_child() {
  here().children.clear();
  here().mutex.unlock();
}

[[maybe_unused]] const bool g_hooked =
    (add_fork_hooks({lock_here, unlock_here, forget_in_child}), true);

// -- In the child ---------------------------------------------------------------------------------

// Makes this process the one that `self` and `p` describe. Nothing is allocated here: in a forked
// child each page that is written is copied first.
void become(Core self, std::unique_ptr<const std::string> parent_name, const Preparation& p,
            StartMethod method) {
  inherit_start_method(method);
  if (p.kill_tree) {
    g_top_of_tree = getpid();
    keep_orphans();
  } else if (g_top_of_tree != 0) {
    g_top_of_tree = 0;
  }
  if (p.outlives_parent) {
    outlive_parent();
  }
  tell_begun();
  {
    std::lock_guard hold(here().mutex);
    here().former = std::exchange(here().current, std::move(self));
    here().parent = nullptr;
    here().parent_name = std::move(parent_name);
    here().parent_pid = p.parent_pid;
    here().parent_owner = Owner{p.parent_owner};
    here().made = 0;
    here().finish_armed = true;
    here().ending = false;
  }
  arm_finish(end_child);
}

[[noreturn]] void run_and_finish(absl::FunctionRef<void()> body) {
  int code = 0;
  try {
    code = run_guarded(
        [] {
          std::lock_guard hold(here().mutex);
          return absl::StrCat("Process ", current_locked()->name);
        },
        [&] {
          run_after_fork();
          get_logger().info("child process calling self.run()");
          body();
        });
  } catch (const abi::__forced_unwind&) {
    // pthread_exit() may not be stopped, and what lies above is not the body's to unwind.
    std::exit(0);
  }
  // Before the handlers of exit(): those may use what the children still do.
  code = end_process().value_or(code);
  if (get_logger().is_enabled_for(logging::kInfo)) {
    get_logger().info(absl::StrCat("process exiting with exitcode ", code));
  }
  finish(code);
}

void child_main(Arrival arrival) {
  Preparation p = read_preparation(arrival.plan.bytes());
  Core self = std::make_shared<ProcessCore>();
  self->type = p.type;
  self->identity = p.identity;
  self->name = p.name;
  self->authkey = p.authkey;
  self->daemon = p.daemon;
  self->creator = p.parent_pid;
  inherit_log_state(p.log);
  for (const std::string& path : p.libraries) {
    // One that cannot be opened here matters only if the call names it, and is an error then.
    dlopen(path.c_str(), RTLD_NOW);
  }
  become(self, std::make_unique<std::string>(p.parent_name), p, static_cast<StartMethod>(p.method));
  run_and_finish([&] { run_plan(std::move(arrival)); });
}

// -- Start ----------------------------------------------------------------------------------------

absl::Status check_frozen(const ProcessCore& core, StartMethod method) {
  if (frozen() == Frozen::kAwaited) {
    return make_status(
        "RuntimeError", absl::StatusCode::kFailedPrecondition,
        "An attempt has been made to start a new process before the current process has finished "
        "its bootstrapping phase: main() must call mp::freeze_support(argc, argv) first");
  }
  if (frozen() == Frozen::kNo && method != StartMethod::kFork) {
    return make_status(
        "RuntimeError", absl::StatusCode::kFailedPrecondition,
        absl::StrCat("mp: ", core.type, " '", core.name, "' cannot start by ", name_of(method),
                     ": that runs this program again, and main() did not say where a child "
                     "begins. Make this the first line of main(int argc, char** argv): "
                     "mp::freeze_support(argc, argv); or start by fork: "
                     "mp::set_start_method(\"fork\")"));
  }
  return absl::OkStatus();
}

// As Python warns, but once in a process: what forks with threads does so often.
void warn_of_threads() {
  static std::atomic<bool> warned{false};
  if (__libc_single_threaded || warned.load(std::memory_order_relaxed) || thread_count() <= 1 ||
      warned.exchange(true)) {
    return;
  }
  get_logger().warning(
      absl::StrCat("This process (pid=", getpid(),
                   ") is multi-threaded, use of fork() may lead to deadlocks in the child."));
}

// `target` lives as long as the call; null: nothing is run.
absl::StatusOr<std::unique_ptr<Child>> launch(const Core& core, Target* target,
                                              StartMethod method) {
  Preparation p;
  std::unique_lock hold(here().mutex);
  p.parent_name = current_locked()->name;
  p.parent_pid = getpid();
  p.parent_owner = Family::self().bits;
  p.method = static_cast<int>(method);
  p.kill_tree = core->kill_tree;
  p.outlives_parent = core->outlives_parent;
  if (method == StartMethod::kFork) {
    hold.unlock();
    warn_of_threads();
    // Nor does the child allocate for these, or count.
    auto parent_name = std::make_unique<std::string>(p.parent_name);
    Core self = core;
    ForkWithoutGuards without;
    return start_by_fork([&] {
      become(std::move(self), std::move(parent_name), p, method);
      run_and_finish([&] {
        if (target != nullptr) {
          target->run();
        }
      });
    });
  }
  p.type = core->type;
  p.identity = core->identity;
  p.name = core->name;
  p.authkey = core->authkey;
  p.daemon = core->daemon;
  p.log = log_state();
  hold.unlock();
  p.libraries = opened_libraries();
  return with_parcel(p, target, [&](const Parcel& parcel) {
    return method == StartMethod::kSpawn ? start_by_spawn(parcel) : start_by_forkserver(parcel);
  });
}

// The object of a user's class that is made next on this thread stands for this process.
thread_local bool t_arriving = false;

const char* type_of(Context context) {
  if (!context.is_concrete()) {
    return "Process";
  }
  switch (context.method()) {
    case StartMethod::kFork:
      return "ForkProcess";
    case StartMethod::kSpawn:
      return "SpawnProcess";
    case StartMethod::kForkserver:
      break;
  }
  return "ForkServerProcess";
}

Core make_core(std::string_view type, Process::Options options) {
  auto core = std::make_shared<ProcessCore>();
  {
    std::lock_guard hold(here().mutex);
    const Core& parent = current_locked();
    core->authkey = parent->authkey;
    core->daemon = options.daemon.value_or(parent->daemon);
    core->identity =
        absl::StrCat(parent->identity, parent->identity.empty() ? "" : ":", ++here().made);
  }
  core->context = options.context;
  core->kill_tree = options.kill_tree;
  core->outlives_parent = options.outlives_parent;
  core->type = type;
  core->name = options.name.empty() ? absl::StrCat(core->type, "-", core->identity)
                                    : std::move(options.name);
  core->creator = getpid();
  return core;
}

absl::Status closed_error() { return value_error("process object is closed"); }

absl::Status check_open(const ProcessCore& core) {
  return core.closed.load(std::memory_order_acquire) ? closed_error() : absl::OkStatus();
}

bool is_current(const ProcessCore& core) {
  std::lock_guard hold(here().mutex);
  return current_locked().get() == &core;
}

// The child behind a handle that a call is about to use; `verb` is what the caller wants to do.
absl::StatusOr<Child*> started_child(const ProcessCore& core, std::string_view verb) {
  if (absl::Status s = check_open(core); !s.ok()) {
    return s;
  }
  // The reference has a text for join() only, and no name in it.
  auto explained = [&](const char* what, const auto&... why) {
    std::string text = absl::StrCat("can only ", std::string(verb), " a ", what, " process");
    if (verb == "join") {
      return assertion(text);
    }
    std::lock_guard hold(here().mutex);
    absl::StrAppend(&text, ": ", core.type, " ");
    append_repr(text, core.name);
    return assertion(absl::StrCat(text, why...));
  };
  if (!core.is_ours()) {
    return core.creator == 0 ? explained("child", " is this process itself: mp::exit() ends it")
                             : explained("child", " belongs to process ", core.creator);
  }
  Child* child = core.started.load(std::memory_order_acquire);
  if (child == nullptr) {
    return explained("started", " is not; call start() first");
  }
  return child;
}

std::string tree_text(int pid) {
  return absl::StrCat("mp: looking for the descendants of process ", pid);
}

absl::Status send_signal(const ProcessCore& core, int signal, std::string_view verb) {
  auto child = started_child(core, verb);
  if (!child.ok()) {
    return child.status();
  }
  if (int err = signal_child(core, **child, signal); err != 0) {
    return os_error(
        err, core.kill_tree ? tree_text((*child)->pid())
                            : absl::StrCat("mp: signal ", signal, " to process ", (*child)->pid()));
  }
  return absl::OkStatus();
}

// A sentinel of the parent while it lives; not valid when it is gone.
UniqueFd open_parent(const ProcessCore& parent) {
  UniqueFd fd = open_pidfd(parent.known_pid);
  if (Family::get().is_dead(parent.owner)) {
    fd.reset();
  }
  return fd;
}

std::string exit_code_text(int code) {
  const char* name = code < 0 ? sigabbrev_np(-code) : nullptr;
  return name != nullptr ? absl::StrCat("-SIG", name) : absl::StrCat(code);
}

}  // namespace

void next_object_is_current() noexcept { t_arriving = true; }

}  // namespace internal

using internal::assertion;
using internal::check_open;
using internal::Child;
using internal::current;
using internal::here;
using internal::is_current;
using internal::ProcessCore;
using internal::raise_if_error;
using internal::send_signal;
using internal::started_child;
using internal::value_error;

// -- Process --------------------------------------------------------------------------------------

Process::Process(Options options)
    : Process(std::move(options), std::unique_ptr<internal::Target>()) {}

Process::Process(Options options, std::unique_ptr<internal::Target> target)
    : core_(internal::make_core(internal::type_of(options.context), std::move(options))) {
  core_->target = std::move(target);
}

Process::Process(std::string_view class_name, Options options) {
  if (std::exchange(internal::t_arriving, false)) {
    core_ = current();
    return;
  }
  core_ = internal::make_core(class_name, std::move(options));
  core_->of_class = true;
}

std::unique_ptr<internal::Target> Process::target() const { return nullptr; }

ProcessCore& Process::core() const {
  if (core_ == nullptr) {
    raise(internal::closed_error());
  }
  return *core_;
}

absl::Status Process::try_start() const {
  ProcessCore& c = core();
  if (absl::Status s = check_open(c); !s.ok()) {
    return s;
  }
  if (c.kind != ProcessCore::Kind::kOrdinary || is_current(c) || c.started.load() != nullptr ||
      c.starting.exchange(true)) {
    return assertion("cannot start a process twice");
  }
  absl::Status status;
  StartMethod method = c.context.method();
  if (!c.is_ours()) {
    status = assertion("can only start a process object created by current process");
  } else if (internal::is_daemon()) {
    status = assertion("daemonic processes are not allowed to have children");
  } else {
    status = internal::check_frozen(c, method);
  }
  // Also when a Codec throws.
  absl::Cleanup again = [&] { c.starting.store(false); };
  if (status.ok()) {
    internal::notice_ends();
    std::unique_ptr<internal::Target> done = target();
    if (done == nullptr && c.of_class) {
      return assertion(absl::StrCat("mp: a ", c.type,
                                    " is started as such: this is a copy of it that is a Process, "
                                    "and does not know what to run"));
    }
    if (done == nullptr && c.target == nullptr && typeid(*this) != typeid(Process)) {
      std::string name = internal::pretty_name(typeid(*this));
      return internal::type_error(
          absl::StrCat("mp: a ", name,
                       " derives from mp::Process, which does not know its run(): "
                       "derive it from mp::ProcessOf<",
                       name, ">"));
    }
    method = internal::fix_start_method(c.context);
    auto child = internal::launch(core_, done != nullptr ? done.get() : c.target.get(), method);
    status = child.status();
    if (child.ok()) {
      std::lock_guard hold(here().mutex);
      c.child = *std::move(child);
      // What the child got, the parent need not keep.
      done = std::move(c.target);
      c.started.store(c.child.get(), std::memory_order_release);
      here().children.push_back(core_);
      if (!std::exchange(here().finish_armed, true)) {
        internal::arm_end_of_process();
      }
    }
  }
  if (status.ok() && c.outlives_parent) {
    c.child->await_begun(internal::Deadline::never());
  }
  return status;
}

void Process::start() const { raise_if_error(try_start()); }

bool Process::join(Timeout timeout) const {
  ProcessCore& c = core();
  internal::Deadline deadline = internal::Deadline::after(timeout);
  if (c.kind == ProcessCore::Kind::kParent) {
    internal::UniqueFd parent = internal::open_parent(c);
    bool ended = internal::await_end(parent.get(), deadline);
    if (!ended) {
      internal::raise_if_interrupted();
    }
    return ended;
  }
  auto child = started_child(c, "join");
  raise_if_error(child.status());
  if (!(*child)->wait(deadline)) {
    internal::raise_if_interrupted();
    return false;
  }
  internal::forget(c);
  return true;
}

bool Process::is_alive() const {
  ProcessCore& c = core();
  raise_if_error(check_open(c));
  if (is_current(c)) {
    return true;
  }
  if (c.kind == ProcessCore::Kind::kParent) {
    return !internal::Family::get().is_dead(c.owner);
  }
  if (!c.is_ours()) {
    raise(assertion("can only test a child process"));
  }
  Child* child = c.started.load(std::memory_order_acquire);
  if (child == nullptr) {
    return false;
  }
  if (!child->ended()) {
    return true;
  }
  internal::forget(c);
  return false;
}

void Process::terminate() const { raise_if_error(send_signal(core(), SIGTERM, "terminate")); }
void Process::kill() const { raise_if_error(send_signal(core(), SIGKILL, "kill")); }
void Process::interrupt() const { raise_if_error(send_signal(core(), SIGINT, "interrupt")); }

void Process::kill_tree() const {
  auto child = started_child(core(), "kill");
  raise_if_error(child.status());
  if (int err = internal::signal_tree_of(**child, SIGKILL); err != 0) {
    raise(internal::os_error(err, internal::tree_text((*child)->pid())));
  }
}

void Process::close() const {
  ProcessCore& c = core();
  if (c.closed.load(std::memory_order_acquire)) {
    return;
  }
  if (Child* child = c.started.load(std::memory_order_acquire)) {
    if (c.is_ours() && !child->ended()) {
      raise(value_error(
          "Cannot close a process while it is still running. You should first call join() or "
          "terminate()."));
    }
    internal::forget(c);
    c.closed.store(true, std::memory_order_release);
    child->close();
    return;
  }
  c.closed.store(true, std::memory_order_release);
}

int Process::pid() const {
  ProcessCore& c = core();
  raise_if_error(check_open(c));
  if (is_current(c)) {
    return getpid();
  }
  Child* child = c.started.load(std::memory_order_acquire);
  return child != nullptr ? child->pid() : c.known_pid;
}

std::optional<int> Process::exitcode() const {
  raise_if_error(check_open(core()));
  return internal::last_exitcode(*this);
}

namespace internal {

std::optional<int> last_exitcode(const Process& process) {
  ProcessCore& c = ProcessAccess::core(process);
  Child* child = c.started.load(std::memory_order_acquire);
  if (child == nullptr || !c.is_ours()) {
    return std::nullopt;
  }
  return child->exit_code();
}

}  // namespace internal

int Process::sentinel() const {
  ProcessCore& c = core();
  raise_if_error(check_open(c));
  if (c.kind == ProcessCore::Kind::kParent) {
    internal::UniqueFd parent = internal::open_parent(c);
    std::lock_guard hold(here().mutex);
    if (!c.sentinel.valid()) {
      c.sentinel = parent.valid() ? std::move(parent) : internal::ended_sentinel();
    }
    return c.sentinel.get();
  }
  Child* child = c.started.load(std::memory_order_acquire);
  if (child == nullptr) {
    raise(value_error("process not started"));
  }
  return child->sentinel();
}

std::string Process::name() const {
  ProcessCore& c = core();
  std::lock_guard hold(here().mutex);
  return c.name;
}

void Process::set_name(std::string_view name) const {
  ProcessCore& c = core();
  std::lock_guard hold(here().mutex);
  c.name = name;
}

bool Process::daemon() const {
  ProcessCore& c = core();
  raise_if_error(check_open(c));
  std::lock_guard hold(here().mutex);
  return c.daemon;
}

void Process::set_daemon(bool daemon) const {
  ProcessCore& c = core();
  raise_if_error(check_open(c));
  if (c.started.load() != nullptr || is_current(c) || c.kind != ProcessCore::Kind::kOrdinary) {
    raise(assertion("process has already started"));
  }
  std::lock_guard hold(here().mutex);
  c.daemon = daemon;
}

std::string Process::authkey() const {
  ProcessCore& c = core();
  raise_if_error(check_open(c));
  std::lock_guard hold(here().mutex);
  return c.authkey;
}

void Process::set_authkey(std::string_view key) const {
  ProcessCore& c = core();
  raise_if_error(check_open(c));
  std::lock_guard hold(here().mutex);
  c.authkey = key;
}

// -- Functions ------------------------------------------------------------------------------------

Process current_process() { return internal::ProcessAccess::make(current()); }

std::optional<Process> parent_process() {
  std::lock_guard hold(here().mutex);
  if (here().parent_pid == 0) {
    return std::nullopt;
  }
  internal::Core& parent = here().parent;
  if (parent == nullptr) {
    parent = std::make_shared<ProcessCore>();
    parent->kind = ProcessCore::Kind::kParent;
    parent->type = "_ParentProcess";
    parent->name = *here().parent_name;
    parent->known_pid = here().parent_pid;
    parent->owner = here().parent_owner;
  }
  return internal::ProcessAccess::make(parent);
}

std::vector<Process> active_children() {
  internal::notice_ends();
  std::lock_guard hold(here().mutex);
  std::vector<Process> children;
  for (const internal::Core& core : here().children) {
    children.push_back(internal::ProcessAccess::make(core));
  }
  return children;
}

int cpu_count() { return internal::usable_cpus(); }

void exit(int code) { internal::request_exit(code); }

void exit(std::string_view text) {
  std::fputs((std::string(text) + "\n").c_str(), stderr);
  internal::request_exit(1);
}

void freeze_support(int argc, char** argv) {
  internal::freeze(argc, argv, {internal::child_main, internal::rehearse});
}

std::string repr(const Process& process) {
  ProcessCore& c = internal::ProcessAccess::core(process);
  Child* child = c.started.load(std::memory_order_acquire);
  std::optional<int> code;
  std::string status;
  if (is_current(c)) {
    status = "started";
    child = nullptr;
  } else if (c.closed.load(std::memory_order_acquire)) {
    status = "closed";
    child = nullptr;
  } else if (!c.is_ours()) {
    status = "unknown";
  } else if (child == nullptr) {
    status = "initial";
  } else {
    code = child->exit_code();
    status = code.has_value() ? "stopped" : "started";
  }
  std::lock_guard hold(here().mutex);
  std::string text = absl::StrCat("<", c.type, " name=");
  internal::append_repr(text, c.name);
  if (child != nullptr) {
    absl::StrAppend(&text, " pid=", child->pid());
  }
  absl::StrAppend(&text, " parent=", c.creator != 0 ? std::to_string(c.creator) : "None", " ",
                  status);
  if (code.has_value()) {
    absl::StrAppend(&text, " exitcode=", internal::exit_code_text(*code));
  }
  return text + (c.daemon ? " daemon>" : ">");
}

std::ostream& operator<<(std::ostream& out, const Process& process) { return out << repr(process); }

}  // namespace mp

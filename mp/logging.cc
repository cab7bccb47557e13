#include "mp/logging.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "mp/errors.h"
#include "mp/internal/base/fork_handlers.h"
#include "mp/internal/base/fork_state.h"
#include "mp/internal/core/caller_name.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/proc/finalizers.h"

namespace mp {
namespace {

struct LevelName {
  int level;
  std::string_view name;
};
constexpr LevelName kLevels[] = {
    {logging::kNotSet, "NOTSET"}, {SUBDEBUG, "SUBDEBUG"},           {logging::kDebug, "DEBUG"},
    {logging::kInfo, "INFO"},     {SUBWARNING, "SUBWARNING"},       {logging::kWarning, "WARNING"},
    {logging::kError, "ERROR"},   {logging::kCritical, "CRITICAL"},
};

using Handlers = std::vector<LogHandler>;

// Where a forked child has a page anyway.
MP_FORK_STATE constinit std::atomic<int> g_level{logging::kNotSet};
constinit std::atomic<bool> g_to_stderr{false};

MP_FORK_STATE constinit std::mutex g_mutex;

// No child inherits the mutex as another thread's.
[[maybe_unused]] const bool g_guarded = internal::handle_forks(
    internal::ForkOrder::kLogging,
    {[] { g_mutex.lock(); }, [] { g_mutex.unlock(); }, [] { g_mutex.unlock(); }});

// Replaced whole, never changed, so that handlers are called without the mutex. Never destroyed: exit handlers may log.
std::shared_ptr<const Handlers>& handlers_locked() {
  static auto& handlers = *new std::shared_ptr<const Handlers>;
  return handlers;
}

// So that the end of this process is logged, while what handlers refer to is still there.
void log_end_of_process() {
  [[maybe_unused]] static const bool once = (internal::arm_end_of_process(), true);
}

// In one piece, and not through stdio: what the user has in its buffers stays in its order.
void print(std::string_view line) noexcept {
  char newline = '\n';
  iovec parts[2] = {{const_cast<char*>(line.data()), line.size()}, {&newline, 1}};
  while (writev(STDERR_FILENO, parts, 2) < 0 && errno == EINTR) {
  }
}

}  // namespace

namespace logging {

std::string level_name(int level) {
  for (const LevelName& l : kLevels) {
    if (l.level == level) {
      return std::string(l.name);
    }
  }
  return "Level " + std::to_string(level);
}

}  // namespace logging

std::string format(const LogRecord& record) {
  std::string line = "[" + logging::level_name(record.level) + "/";
  line.append(record.process_name).append("] ").append(record.message);
  return line;
}

int Logger::level() const noexcept { return g_level.load(std::memory_order_relaxed); }

void Logger::set_level(int level) const noexcept {
  g_level.store(level, std::memory_order_relaxed);
}

void Logger::set_level(std::string_view name) const {
  for (const LevelName& l : kLevels) {
    if (l.name == name) {
      return set_level(l.level);
    }
  }
  raise(internal::value_error("Unknown level: '" + std::string(name) + "'"));
}

int Logger::effective_level() const noexcept {
  int set = level();
  return set != logging::kNotSet ? set : logging::kWarning;
}

void Logger::add_handler(LogHandler handler) const {
  log_end_of_process();
  // Handlers are copied, and destroyed, without the lock: both are the user's code.
  std::shared_ptr<const Handlers> before;
  for (;;) {
    {
      std::lock_guard hold(g_mutex);
      before = handlers_locked();
    }
    auto next =
        before != nullptr ? std::make_shared<Handlers>(*before) : std::make_shared<Handlers>();
    next->push_back(handler);
    std::lock_guard hold(g_mutex);
    if (handlers_locked() == before) {
      handlers_locked() = std::move(next);
      return;
    }
  }
}

void Logger::remove_handlers() const {
  g_to_stderr.store(false, std::memory_order_relaxed);
  std::shared_ptr<const Handlers> removed;  // destroyed without the lock
  std::lock_guard hold(g_mutex);
  removed = std::exchange(handlers_locked(), nullptr);
}

void Logger::write(int level, std::string_view message, const char* file, int line) const {
  std::string process_name = internal::g_process_name();
  internal::hand_on({level, message, process_name, getpid(), file, line});
}

void internal::hand_on(const LogRecord& record) {
  std::shared_ptr<const Handlers> handlers;
  {
    std::lock_guard hold(g_mutex);
    handlers = handlers_locked();
  }
  if (g_to_stderr.load(std::memory_order_relaxed)) {
    print(format(record));
  } else if (handlers == nullptr && record.level >= logging::kWarning) {
    print(record.message);
  }
  if (handlers == nullptr) {
    return;
  }
  for (const LogHandler& handler : *handlers) {
    try {
      handler(record);
    } catch (...) {
      print("--- Logging error ---\n" + internal::describe(std::current_exception()) + "\n" +
            format(record));
    }
  }
}

Logger log_to_stderr(int level) {
  log_end_of_process();
  g_to_stderr.store(true, std::memory_order_relaxed);
  if (level != logging::kNotSet) {
    get_logger().set_level(level);
  }
  return get_logger();
}

Logger log_to_stderr(std::string_view level) {
  get_logger().set_level(level);
  return log_to_stderr();
}

namespace internal {

LogState log_state() noexcept {
  return {get_logger().level(), g_to_stderr.load(std::memory_order_relaxed)};
}

void inherit_log_state(LogState state) noexcept {
  get_logger().set_level(state.level);
  g_to_stderr.store(state.to_stderr, std::memory_order_relaxed);
}

}  // namespace internal
}  // namespace mp

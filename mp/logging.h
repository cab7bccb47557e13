// mp/logging.h
//
// Logger: what mp and its users say about processes. Python: multiprocessing.get_logger.
//
//   mp::Logger logger = mp::log_to_stderr(mp::SUBDEBUG);
//   logger.warning("doomed");                           // [WARNING/MainProcess] doomed
//
// Handles   There is one logger in a process; a Logger is a way to reach it.
// Safety    Any method, any thread. A handler is called by whoever logs, by several at once too.
// Ordering  Records of one thread reach each handler in their order.
// Blocking  As long as the handlers take. Lines for stderr go out in one write each.
// Cost      A load and a comparison while the level is not enabled.
// Death     A record is out when the call returns.
// Crossing  A child begins with its parent's level, and writes to stderr if its parent does.
//           Handlers of the user's are inherited by fork alone.
// Python    The end of a process is logged too, at INFO: that of one that neither started a process
//           nor has finalizers if log_to_stderr() or add_handler() was called in it, or its parents.
//           log_to_stderr() called twice writes each line once. The level that counts while none is
//           set is WARNING: there is no root logger. An exception that leaves a handler goes no
//           further than stderr.

#ifndef MP_LOGGING_H_
#define MP_LOGGING_H_

#include <functional>
#include <string>
#include <string_view>

namespace mp {

// The two levels that Python's multiprocessing adds to those of logging.
inline constexpr int SUBDEBUG = 5;
inline constexpr int SUBWARNING = 25;

namespace logging {

// Python's numbers. Not under its names: DEBUG is a macro in many builds.
inline constexpr int kNotSet = 0;
inline constexpr int kDebug = 10;
inline constexpr int kInfo = 20;
inline constexpr int kWarning = 30;
inline constexpr int kError = 40;
inline constexpr int kCritical = 50;

// "INFO", "SUBWARNING", "Level 35".
std::string level_name(int level);

}  // namespace logging

// Valid during the call of a handler.
struct LogRecord {
  int level;
  std::string_view message;
  std::string_view process_name;  // "MainProcess", "Process-1"
  int pid;
  const char* file;  // of the call
  int line;
};

// "[WARNING/MainProcess] doomed"
std::string format(const LogRecord& record);

using LogHandler = std::function<void(const LogRecord&)>;

class Logger {
 public:
  // 0 while none was set.
  int level() const noexcept;
  // Records below are dropped. Throws mp::ValueError for a name that is none.
  void set_level(int level) const noexcept;
  void set_level(std::string_view name) const;
  // WARNING while none was set.
  int effective_level() const noexcept;
  bool is_enabled_for(int level) const noexcept { return level >= effective_level(); }

  // From now on `handler` gets each record, in this process and those it forks. Without any handler
  // and without log_to_stderr() the text of warnings and worse goes to stderr, as in Python.
  void add_handler(LogHandler handler) const;
  // Neither handlers nor stderr any more.
  void remove_handlers() const;

  void log(int level, std::string_view message, const char* file = __builtin_FILE(),
           int line = __builtin_LINE()) const {
    if (is_enabled_for(level)) {
      write(level, message, file, line);
    }
  }
  void sub_debug(std::string_view message, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE()) const {
    log(SUBDEBUG, message, file, line);
  }
  void debug(std::string_view message, const char* file = __builtin_FILE(),
             int line = __builtin_LINE()) const {
    log(logging::kDebug, message, file, line);
  }
  void info(std::string_view message, const char* file = __builtin_FILE(),
            int line = __builtin_LINE()) const {
    log(logging::kInfo, message, file, line);
  }
  void sub_warning(std::string_view message, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) const {
    log(SUBWARNING, message, file, line);
  }
  void warning(std::string_view message, const char* file = __builtin_FILE(),
               int line = __builtin_LINE()) const {
    log(logging::kWarning, message, file, line);
  }
  void error(std::string_view message, const char* file = __builtin_FILE(),
             int line = __builtin_LINE()) const {
    log(logging::kError, message, file, line);
  }
  void critical(std::string_view message, const char* file = __builtin_FILE(),
                int line = __builtin_LINE()) const {
    log(logging::kCritical, message, file, line);
  }

 private:
  void write(int level, std::string_view message, const char* file, int line) const;
};

inline Logger get_logger() noexcept { return {}; }

// Writes records to stderr too, as format() prints them; a level other than 0 is set. A name of a level
// as for set_level().
Logger log_to_stderr(int level = logging::kNotSet);
Logger log_to_stderr(std::string_view level);

namespace internal {

// A record of another process, for this one's handlers and stderr.
void hand_on(const LogRecord& record);

// What a child takes along.
struct LogState {
  int level = 0;
  bool to_stderr = false;
};
LogState log_state() noexcept;
void inherit_log_state(LogState state) noexcept;

}  // namespace internal
}  // namespace mp

#endif  // MP_LOGGING_H_

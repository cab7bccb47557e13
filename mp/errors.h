// mp/errors.h
//
// The errors of mp, under Python's names.
//
//   try {
//     jobs.get(2.0);
//   } catch (const mp::Empty& e) {
//     std::cerr << e.what() << '\n';  // names the object and what happened
//   }
//
// Where Python raises, mp throws a class of the same name; mp::Error is the base of all. A call
// whose name begins with try_ returns the same error as an absl::Status instead; raise() turns one
// into the other.
//
// Handles    Values.
// Safety     Throw, copy and catch them anywhere.
// Ordering   None of their own.
// Blocking   Never.
// Cost       A throw is microseconds, a status tens of nanoseconds with its text.
// Death      An error says of its own process only.
// Crossing   An error thrown in a child or a task comes back as the same class (remote_error.h).
// Python     multiprocessing's tree is kept: ProcessError is the base of BufferTooShort,
//            TimeoutError and AuthenticationError; queue.Empty, queue.Full and BrokenBarrierError
//            stand outside it.

#ifndef MP_ERRORS_H_
#define MP_ERRORS_H_

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mp {

// Base of every error mp throws.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what, const char* name = "Error",
                 absl::StatusCode code = absl::StatusCode::kUnknown)
      : std::runtime_error(what), name_(name), code_(code) {}

  // Python's name of the class: "ValueError".
  const char* name() const noexcept { return name_; }
  // What the caller can do: see the table in docs/design.md.
  absl::StatusCode code() const noexcept { return code_; }
  // The same error as a value; raise(e.status()) throws the same class again.
  virtual absl::Status status() const;

 private:
  const char* name_;
  absl::StatusCode code_;
};

// A wrong value, or a call the object's state does not allow.
class ValueError : public Error {
 public:
  explicit ValueError(const std::string& what, const char* name = "ValueError",
                      absl::StatusCode code = absl::StatusCode::kFailedPrecondition)
      : Error(what, name, code) {}
};

// A message that is not of the type asked for, or bytes that are no message.
class TypeError : public Error {
 public:
  explicit TypeError(const std::string& what, const char* name = "TypeError",
                     absl::StatusCode code = absl::StatusCode::kInvalidArgument)
      : Error(what, name, code) {}
};

// Bytes that do not decode: cut, forged, or written by something else.
struct CodecError : ValueError {
  explicit CodecError(const std::string& what);
};

// A rule of use was broken, as Python's assert statements report it.
struct AssertionError : Error {
  explicit AssertionError(const std::string& what);
};

class RuntimeError : public Error {
 public:
  explicit RuntimeError(const std::string& what, const char* name = "RuntimeError",
                        absl::StatusCode code = absl::StatusCode::kInternal)
      : Error(what, name, code) {}
};

struct NotImplementedError : RuntimeError {
  explicit NotImplementedError(const std::string& what);
};

// A party left or the barrier was aborted; start the round again.
struct BrokenBarrierError : RuntimeError {
  explicit BrokenBarrierError(const std::string& what);
};

struct IndexError : Error {
  explicit IndexError(const std::string& what);
};

struct KeyError : Error {
  explicit KeyError(const std::string& what);
};

struct AttributeError : Error {
  explicit AttributeError(const std::string& what);
};

struct BufferError : Error {
  explicit BufferError(const std::string& what);
};

// No memory: the machine's, or the family's budget (the text says which).
struct MemoryError : Error {
  explicit MemoryError(const std::string& what);
};

// Nothing more will come: the other end is gone, at a message boundary.
struct EOFError : Error {
  explicit EOFError(const std::string& what);
};

// SIGINT arrived in a blocking call under mp::interruptible.
struct KeyboardInterrupt : Error {
  explicit KeyboardInterrupt(const std::string& what);
};

// The kernel refused. errno_value() is its reason.
class OSError : public Error {
 public:
  // `what` names the object and the call; the text of `err` is appended.
  OSError(int err, const std::string& what, const char* name = "OSError");
  // For errors of the reference that carry no errno: "handle is closed".
  explicit OSError(const std::string& what, const char* name = "OSError",
                   absl::StatusCode code = absl::StatusCode::kFailedPrecondition)
      : Error(what, name, code) {}

  int errno_value() const noexcept { return errno_; }
  absl::Status status() const override;

 protected:
  // `what` is the whole text of `err`.
  OSError(const std::string& what, int err, const char* name);

 private:
  int errno_ = 0;
};

// OSErrors of one errno each, which raise() throws for it.

struct BrokenPipeError : OSError {
  explicit BrokenPipeError(const std::string& what);
};

// Nobody listens at the address.
struct ConnectionRefusedError : OSError {
  explicit ConnectionRefusedError(const std::string& what);
};

struct FileExistsError : OSError {
  explicit FileExistsError(const std::string& what);
};

struct FileNotFoundError : OSError {
  explicit FileNotFoundError(const std::string& what);
};

// The queue is empty and the time is over; try again.
struct Empty : Error {
  explicit Empty(const std::string& what);
};

// The queue is full and the time is over; try again.
class Full : public Error {
 public:
  explicit Full(const std::string& what, uint64_t put = 0)
      : Error(what, "Full", absl::StatusCode::kUnavailable), put_(put) {}
  // How many of its values a put_many() had put before; 0 in one that comes from another process.
  uint64_t put() const noexcept { return put_; }

 private:
  uint64_t put_;
};

// The queue was shut down (queue.ShutDown of Python 3.13).
struct ShutDown : Error {
  explicit ShutDown(const std::string& what);
};

// The holder of a lock died and the lock's rule is to refuse until recover().
struct OwnerDied : RuntimeError {
  explicit OwnerDied(const std::string& what);
};

// Base of multiprocessing's own errors.
class ProcessError : public Error {
 public:
  explicit ProcessError(const std::string& what, const char* name = "ProcessError",
                        absl::StatusCode code = absl::StatusCode::kUnknown)
      : Error(what, name, code) {}
};

// recv_bytes_into() was given too little room; message() holds what came.
class BufferTooShort : public ProcessError {
 public:
  explicit BufferTooShort(const std::string& what, std::string message = {})
      : ProcessError(what, "BufferTooShort", absl::StatusCode::kResourceExhausted),
        message_(std::move(message)) {}
  const std::string& message() const noexcept { return message_; }

 private:
  std::string message_;
};

struct TimeoutError : ProcessError {
  explicit TimeoutError(const std::string& what);
};

struct AuthenticationError : ProcessError {
  explicit AuthenticationError(const std::string& what);
};

// An error of a child or worker whose class is not known here: its type's name, its text, where it
// was thrown. Of one whose class is known it is the cause (remote_error.h).
class RemoteError : public Error {
 public:
  explicit RemoteError(const std::string& what, std::string type_name = {},
                       std::string backtrace = {})
      : Error(what, "RemoteError", absl::StatusCode::kUnknown),
        type_name_(std::move(type_name)),
        backtrace_(std::move(backtrace)) {}
  const std::string& type_name() const noexcept { return type_name_; }
  const std::string& backtrace() const noexcept { return backtrace_; }

 private:
  std::string type_name_;
  std::string backtrace_;
};

// Throws the error that `status` stands for. `status` must not be OK. In a program built without
// exceptions the text goes to stderr and the process aborts.
[[noreturn]] void raise(const absl::Status& status);

namespace internal {

// A status that raise() turns into the class called `name` ("ValueError").
absl::Status make_status(const char* name, absl::StatusCode code, std::string_view text);

inline absl::Status value_error(std::string_view text) {
  return make_status("ValueError", absl::StatusCode::kFailedPrecondition, text);
}
inline absl::Status type_error(std::string_view text) {
  return make_status("TypeError", absl::StatusCode::kInvalidArgument, text);
}
inline absl::Status memory_error(std::string_view text) {
  return make_status("MemoryError", absl::StatusCode::kResourceExhausted, text);
}
// The status of an OSError with this errno; `text` names the object and the call.
absl::Status os_error(int err, std::string_view text);
// The errno of an OSError's status, ENOMEM of a MemoryError's; of others 0.
int errno_of(const absl::Status& status);

// Throws the error of a call that had put so many values before it failed: the text says so, and Full::put().
[[noreturn]] void raise_after(const absl::Status& status, uint64_t put);

inline void raise_if_error(const absl::Status& status) {
  if (!status.ok()) [[unlikely]] {
    raise(status);
  }
}

}  // namespace internal
}  // namespace mp

#endif  // MP_ERRORS_H_

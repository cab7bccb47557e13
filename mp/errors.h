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
// Safety     Values; throw, copy and catch them anywhere.
// Crossing   An error thrown in a child or a task comes back as the same class (remote_error.h).
// Python     multiprocessing's tree is kept: ProcessError is the base of BufferTooShort,
//            TimeoutError and AuthenticationError; queue.Empty, queue.Full and BrokenBarrierError
//            stand outside it.

#ifndef MP_ERRORS_H_
#define MP_ERRORS_H_

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
class CodecError : public ValueError {
 public:
  explicit CodecError(const std::string& what)
      : ValueError(what, "CodecError", absl::StatusCode::kDataLoss) {}
};

// A rule of use was broken, as Python's assert statements report it.
class AssertionError : public Error {
 public:
  explicit AssertionError(const std::string& what)
      : Error(what, "AssertionError", absl::StatusCode::kFailedPrecondition) {}
};

class RuntimeError : public Error {
 public:
  explicit RuntimeError(const std::string& what, const char* name = "RuntimeError",
                        absl::StatusCode code = absl::StatusCode::kInternal)
      : Error(what, name, code) {}
};

class NotImplementedError : public RuntimeError {
 public:
  explicit NotImplementedError(const std::string& what)
      : RuntimeError(what, "NotImplementedError", absl::StatusCode::kUnimplemented) {}
};

// A party left or the barrier was aborted; start the round again.
class BrokenBarrierError : public RuntimeError {
 public:
  explicit BrokenBarrierError(const std::string& what)
      : RuntimeError(what, "BrokenBarrierError", absl::StatusCode::kAborted) {}
};

class IndexError : public Error {
 public:
  explicit IndexError(const std::string& what)
      : Error(what, "IndexError", absl::StatusCode::kOutOfRange) {}
};

class KeyError : public Error {
 public:
  explicit KeyError(const std::string& what)
      : Error(what, "KeyError", absl::StatusCode::kNotFound) {}
};

class AttributeError : public Error {
 public:
  explicit AttributeError(const std::string& what)
      : Error(what, "AttributeError", absl::StatusCode::kNotFound) {}
};

class BufferError : public Error {
 public:
  explicit BufferError(const std::string& what)
      : Error(what, "BufferError", absl::StatusCode::kFailedPrecondition) {}
};

// No memory: the machine's, or the family's budget (the text says which).
class MemoryError : public Error {
 public:
  explicit MemoryError(const std::string& what)
      : Error(what, "MemoryError", absl::StatusCode::kResourceExhausted) {}
};

// Nothing more will come: the other end is gone, at a message boundary.
class EOFError : public Error {
 public:
  explicit EOFError(const std::string& what)
      : Error(what, "EOFError", absl::StatusCode::kOutOfRange) {}
};

// SIGINT arrived in a blocking call under mp::interruptible.
class KeyboardInterrupt : public Error {
 public:
  explicit KeyboardInterrupt(const std::string& what)
      : Error(what, "KeyboardInterrupt", absl::StatusCode::kCancelled) {}
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

 private:
  int errno_ = 0;
};

class BrokenPipeError : public OSError {
 public:
  explicit BrokenPipeError(const std::string& what);
};

class FileExistsError : public OSError {
 public:
  explicit FileExistsError(const std::string& what);
};

class FileNotFoundError : public OSError {
 public:
  explicit FileNotFoundError(const std::string& what);
};

// The queue is empty and the time is over; try again.
class Empty : public Error {
 public:
  explicit Empty(const std::string& what) : Error(what, "Empty", absl::StatusCode::kUnavailable) {}
};

// The queue is full and the time is over; try again.
class Full : public Error {
 public:
  explicit Full(const std::string& what) : Error(what, "Full", absl::StatusCode::kUnavailable) {}
};

// The queue was shut down (queue.ShutDown of Python 3.13).
class ShutDown : public Error {
 public:
  explicit ShutDown(const std::string& what)
      : Error(what, "ShutDown", absl::StatusCode::kCancelled) {}
};

// The holder of a lock died and the lock's rule is to refuse until recover().
class OwnerDied : public RuntimeError {
 public:
  explicit OwnerDied(const std::string& what)
      : RuntimeError(what, "OwnerDied", absl::StatusCode::kAborted) {}
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

class TimeoutError : public ProcessError {
 public:
  explicit TimeoutError(const std::string& what)
      : ProcessError(what, "TimeoutError", absl::StatusCode::kDeadlineExceeded) {}
};

class AuthenticationError : public ProcessError {
 public:
  explicit AuthenticationError(const std::string& what)
      : ProcessError(what, "AuthenticationError", absl::StatusCode::kUnauthenticated) {}
};

// An error of a child or worker whose class is not known here: its type's name, its text, where it
// was thrown.
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

// Throws the mp error whose Python name is `name`, e.g. "ValueError", with this text; false if no
// such class exists.
bool raise_by_name(std::string_view name, const std::string& what);

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

inline void raise_if_error(const absl::Status& status) {
  if (!status.ok()) [[unlikely]] {
    raise(status);
  }
}

}  // namespace internal
}  // namespace mp

#endif  // MP_ERRORS_H_

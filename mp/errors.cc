#include "mp/errors.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace mp {
namespace {

// Payload of a status: the class's name, and for OSError a space and the errno.
constexpr char kNameUrl[] = "mp/error";

std::string os_text(int err, const std::string& what) {
  // strerrordesc_np is thread-safe and does not depend on the locale.
  const char* text = strerrordesc_np(err);
  return absl::StrCat(what, ": [Errno ", err, "] ", text != nullptr ? text : "unknown error");
}

template <class E>
[[noreturn]] void throw_error(E error) {
#if defined(__cpp_exceptions)
  throw std::move(error);
#else
  std::fprintf(stderr, "%s: %s\n", error.name(), error.what());
  std::abort();
#endif
}

template <class E>
void throw_class(const std::string& what) {
  throw_error(E(what));
}

struct NamedError {
  std::string_view name;
  void (*raise)(const std::string& what);
};

constexpr NamedError kErrors[] = {
    {"ValueError", throw_class<ValueError>},
    {"TypeError", throw_class<TypeError>},
    {"CodecError", throw_class<CodecError>},
    {"AssertionError", throw_class<AssertionError>},
    {"RuntimeError", throw_class<RuntimeError>},
    {"NotImplementedError", throw_class<NotImplementedError>},
    {"BrokenBarrierError", throw_class<BrokenBarrierError>},
    {"IndexError", throw_class<IndexError>},
    {"KeyError", throw_class<KeyError>},
    {"AttributeError", throw_class<AttributeError>},
    {"BufferError", throw_class<BufferError>},
    {"MemoryError", throw_class<MemoryError>},
    {"EOFError", throw_class<EOFError>},
    {"KeyboardInterrupt", throw_class<KeyboardInterrupt>},
    {"OSError", throw_class<OSError>},
    {"BrokenPipeError", throw_class<BrokenPipeError>},
    {"ConnectionRefusedError", throw_class<ConnectionRefusedError>},
    {"FileExistsError", throw_class<FileExistsError>},
    {"FileNotFoundError", throw_class<FileNotFoundError>},
    {"Empty", throw_class<Empty>},
    {"Full", throw_class<Full>},
    {"ShutDown", throw_class<ShutDown>},
    {"OwnerDied", throw_class<OwnerDied>},
    {"ProcessError", throw_class<ProcessError>},
    {"BufferTooShort", throw_class<BufferTooShort>},
    {"TimeoutError", throw_class<TimeoutError>},
    {"AuthenticationError", throw_class<AuthenticationError>},
    {"RemoteError", throw_class<RemoteError>},
    {"Error", throw_class<Error>},
};

// Throws the error whose Python name is `name`, if there is one.
void raise_by_name(std::string_view name, const std::string& what) {
  for (const NamedError& known : kErrors) {
    if (known.name == name) {
      known.raise(what);
    }
  }
}

// `text` ends with that of `err`.
[[noreturn]] void raise_os_error(int err, const std::string& text) {
  switch (err) {
    case EPIPE:
      throw_error(BrokenPipeError(text));
    case ECONNREFUSED:
      throw_error(ConnectionRefusedError(text));
    case EEXIST:
      throw_error(FileExistsError(text));
    case ENOENT:
      throw_error(FileNotFoundError(text));
    default:
      // The constructor appends the errno's text again.
      throw_error(OSError(err, text.substr(0, text.rfind(": [Errno "))));
  }
}

const char* name_of_code(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "Empty";
    case absl::StatusCode::kDeadlineExceeded:
      return "TimeoutError";
    case absl::StatusCode::kOutOfRange:
      return "EOFError";
    case absl::StatusCode::kFailedPrecondition:
      return "ValueError";
    case absl::StatusCode::kInvalidArgument:
      return "TypeError";
    case absl::StatusCode::kAborted:
      return "OwnerDied";
    case absl::StatusCode::kResourceExhausted:
      return "MemoryError";
    case absl::StatusCode::kUnauthenticated:
      return "AuthenticationError";
    case absl::StatusCode::kUnimplemented:
      return "NotImplementedError";
    case absl::StatusCode::kCancelled:
      return "ShutDown";
    case absl::StatusCode::kDataLoss:
      return "CodecError";
    default:
      return "RuntimeError";
  }
}

}  // namespace

absl::Status Error::status() const { return internal::make_status(name_, code_, what()); }

OSError::OSError(int err, const std::string& what, const char* name)
    : Error(os_text(err, what), name, absl::ErrnoToStatusCode(err)), errno_(err) {}

OSError::OSError(const std::string& what, int err, const char* name)
    : Error(what, name, absl::ErrnoToStatusCode(err)), errno_(err) {}

absl::Status OSError::status() const {
  absl::Status status = Error::status();
  if (errno_ != 0) {
    status.SetPayload(kNameUrl, absl::Cord(absl::StrCat(name(), " ", errno_)));
  }
  return status;
}

CodecError::CodecError(const std::string& what)
    : ValueError(what, "CodecError", absl::StatusCode::kDataLoss) {}
AssertionError::AssertionError(const std::string& what)
    : Error(what, "AssertionError", absl::StatusCode::kFailedPrecondition) {}
NotImplementedError::NotImplementedError(const std::string& what)
    : RuntimeError(what, "NotImplementedError", absl::StatusCode::kUnimplemented) {}
BrokenBarrierError::BrokenBarrierError(const std::string& what)
    : RuntimeError(what, "BrokenBarrierError", absl::StatusCode::kAborted) {}
IndexError::IndexError(const std::string& what)
    : Error(what, "IndexError", absl::StatusCode::kOutOfRange) {}
KeyError::KeyError(const std::string& what)
    : Error(what, "KeyError", absl::StatusCode::kNotFound) {}
AttributeError::AttributeError(const std::string& what)
    : Error(what, "AttributeError", absl::StatusCode::kNotFound) {}
BufferError::BufferError(const std::string& what)
    : Error(what, "BufferError", absl::StatusCode::kFailedPrecondition) {}
MemoryError::MemoryError(const std::string& what)
    : Error(what, "MemoryError", absl::StatusCode::kResourceExhausted) {}
EOFError::EOFError(const std::string& what)
    : Error(what, "EOFError", absl::StatusCode::kOutOfRange) {}
KeyboardInterrupt::KeyboardInterrupt(const std::string& what)
    : Error(what, "KeyboardInterrupt", absl::StatusCode::kAborted) {}
Empty::Empty(const std::string& what) : Error(what, "Empty", absl::StatusCode::kUnavailable) {}
ShutDown::ShutDown(const std::string& what)
    : Error(what, "ShutDown", absl::StatusCode::kCancelled) {}
OwnerDied::OwnerDied(const std::string& what)
    : RuntimeError(what, "OwnerDied", absl::StatusCode::kAborted) {}
TimeoutError::TimeoutError(const std::string& what)
    : ProcessError(what, "TimeoutError", absl::StatusCode::kDeadlineExceeded) {}
AuthenticationError::AuthenticationError(const std::string& what)
    : ProcessError(what, "AuthenticationError", absl::StatusCode::kUnauthenticated) {}
BrokenPipeError::BrokenPipeError(const std::string& what)
    : OSError(what, EPIPE, "BrokenPipeError") {}
ConnectionRefusedError::ConnectionRefusedError(const std::string& what)
    : OSError(what, ECONNREFUSED, "ConnectionRefusedError") {}
FileExistsError::FileExistsError(const std::string& what)
    : OSError(what, EEXIST, "FileExistsError") {}
FileNotFoundError::FileNotFoundError(const std::string& what)
    : OSError(what, ENOENT, "FileNotFoundError") {}

void raise(const absl::Status& status) {
  std::string text(status.message());
  std::string name = name_of_code(status.code());
  if (auto payload = status.GetPayload(kNameUrl); payload.has_value()) {
    name = std::string(*payload);
    size_t space = name.find(' ');
    int err = 0;
    if (space != std::string::npos && absl::SimpleAtoi(name.substr(space + 1), &err)) {
      raise_os_error(err, text);
    }
  }
  raise_by_name(name, text);
  throw_error(RuntimeError(text));
}

namespace internal {

absl::Status make_status(const char* name, absl::StatusCode code, std::string_view text) {
  absl::Status status(code, absl::string_view(text.data(), text.size()));
  status.SetPayload(kNameUrl, absl::Cord(name));
  return status;
}

int errno_of(const absl::Status& status) {
  auto payload = status.GetPayload(kNameUrl);
  std::string name = payload.has_value() ? std::string(*payload) : std::string();
  size_t space = name.find(' ');
  int err = 0;
  if (space != std::string::npos && absl::SimpleAtoi(name.substr(space + 1), &err)) {
    return err;
  }
  return name == "MemoryError" ? ENOMEM : 0;
}

void raise_after(const absl::Status& status, uint64_t put) {
  if (put == 0) {
    raise(status);
  }
  std::string text(status.message());
  // Before the errno's own text, which ends an OSError's.
  text.insert(std::min(text.rfind(": [Errno "), text.size()),
              absl::StrCat("; ", put, " of the values were put before"));
  if (auto payload = status.GetPayload(kNameUrl); payload.has_value() && *payload == "Full") {
    throw_error(Full(text, put));
  }
  absl::Status told(status.code(), text);
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { told.SetPayload(url, payload); });
  raise(told);
}

absl::Status os_error(int err, std::string_view text) {
  return OSError(err, std::string(text)).status();
}

}  // namespace internal
}  // namespace mp

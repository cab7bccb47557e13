#include "mp/internal/frame/failure.h"

#include <any>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <variant>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"
#include "mp/internal/frame/codec_values.h"

namespace mp {
namespace internal {
namespace {

using Thrown = const std::exception_ptr&;

// The object that was thrown: libstdc++'s exception_ptr is a pointer to it.
const void* object_of(Thrown thrown) {
  const void* object;
  static_assert(sizeof thrown == sizeof object);
  std::memcpy(&object, static_cast<const void*>(&thrown), sizeof object);
  return object;
}

// libstdc++ throws the iostreams' errors as a hidden class, which catch clauses take for the public one.
const std::type_info& type_of(Thrown thrown) {
  const std::type_info& type = *thrown.__cxa_exception_type();
  return std::string_view(type.name()) == "St13__ios_failure" ? typeid(std::ios_base::failure)
                                                              : type;
}

template <class E>
using Make = E (*)(const FailureText& failure, const Reader& state);

template <class E, Make<E> make>
ExceptionType made(const char* name,
                   Encoder::Ref (*encode)(Encoder& e, const void* object) = nullptr) {
  return {&typeid(E), type_with_cause<E>(), name, encode,
          [](const FailureText& f, const Reader& state) { throw_remote(make(f, state), f); }};
}

// Exceptions made from their text; and those that have one text only.
template <class E>
E make_with_text(const FailureText& f, const Reader&) {
  return E(std::string(f.text));
}
template <class E>
E make_without_text(const FailureText&, const Reader&) {
  return E();
}

OSError make_os_error(const FailureText& f, const Reader&) {
  if (f.code == 0) {
    return OSError(std::string(f.text));
  }
  // The constructor appends the errno's text again.
  return {static_cast<int>(f.code), std::string(f.text.substr(0, f.text.rfind(": [Errno ")))};
}

std::error_code code_of(const FailureText& f) {
  const std::error_category& category = f.category == "generic"    ? std::generic_category()
                                        : f.category == "iostream" ? std::iostream_category()
                                        : f.category == "future"   ? std::future_category()
                                                                   : std::system_category();
  return {static_cast<int>(f.code), category};
}

// What the constructor of a std::system_error was given: what() without the code's text.
std::string own_text(std::string_view what, const std::error_code& code) {
  std::string tail = code.message();
  if (what.ends_with(tail)) {
    what.remove_suffix(tail.size());
    if (what.ends_with(": ")) {
      what.remove_suffix(2);
    }
  }
  return std::string(what);
}

std::system_error make_system_error(const FailureText& f, const Reader&) {
  std::error_code code = code_of(f);
  std::string text = own_text(f.text, code);
  return text.empty() ? std::system_error(code) : std::system_error(code, text);
}

std::ios_base::failure make_ios_failure(const FailureText& f, const Reader&) {
  std::error_code code = code_of(f);
  return std::ios_base::failure(own_text(f.text, code), code);
}

std::future_error make_future_error(const FailureText& f, const Reader&) {
  return std::future_error(static_cast<std::future_errc>(f.code));
}

using std::filesystem::filesystem_error;

Encoder::Ref encode_paths(Encoder& e, const void* object) {
  auto& error = *static_cast<const filesystem_error*>(object);
  return encode_parts(e, false, error.path1(), error.path2());
}

filesystem_error make_filesystem_error(const FailureText& f, const Reader& state) {
  std::error_code code = code_of(f);
  state.expect_items(2, "two paths");
  auto path1 = state[0].as<std::filesystem::path>();
  auto path2 = state[1].as<std::filesystem::path>();
  std::string_view text = f.text;
  if (text.starts_with("filesystem error: ")) {
    text.remove_prefix(18);
  }
  // It is shown with as many paths as it was made with.
  auto cut = [&](const std::string& tail) {
    bool ends = text.ends_with(tail);
    text.remove_suffix(ends ? tail.size() : 0);
    return ends;
  };
  if (cut(absl::StrCat(" [", path1.native(), "] [", path2.native(), "]"))) {
    return {own_text(text, code), path1, path2, code};
  }
  if (cut(absl::StrCat(" [", path1.native(), "]"))) {
    return {own_text(text, code), path1, code};
  }
  return {own_text(text, code), code};
}

Encoder::Ref encode_message_of(Encoder& e, const void* object) {
  auto& error = *static_cast<const BufferTooShort*>(object);
  return e.bytes(std::as_bytes(std::span<const char>(error.message())));
}

BufferTooShort make_buffer_too_short(const FailureText& f, const Reader& state) {
  std::span<const std::byte> message = state.bytes();
  return BufferTooShort(std::string(f.text),
                        {reinterpret_cast<const char*>(message.data()), message.size()});
}

const ExceptionType kTypes[] = {
    made<ValueError, make_with_text>("mp::ValueError"),
    made<TypeError, make_with_text>("mp::TypeError"),
    made<CodecError, make_with_text>("mp::CodecError"),
    made<AssertionError, make_with_text>("mp::AssertionError"),
    made<RuntimeError, make_with_text>("mp::RuntimeError"),
    made<NotImplementedError, make_with_text>("mp::NotImplementedError"),
    made<BrokenBarrierError, make_with_text>("mp::BrokenBarrierError"),
    made<IndexError, make_with_text>("mp::IndexError"),
    made<KeyError, make_with_text>("mp::KeyError"),
    made<AttributeError, make_with_text>("mp::AttributeError"),
    made<BufferError, make_with_text>("mp::BufferError"),
    made<MemoryError, make_with_text>("mp::MemoryError"),
    made<EOFError, make_with_text>("mp::EOFError"),
    made<KeyboardInterrupt, make_with_text>("mp::KeyboardInterrupt"),
    made<OSError, make_os_error>("mp::OSError"),
    made<BrokenPipeError, make_with_text>("mp::BrokenPipeError"),
    made<ConnectionRefusedError, make_with_text>("mp::ConnectionRefusedError"),
    made<FileExistsError, make_with_text>("mp::FileExistsError"),
    made<FileNotFoundError, make_with_text>("mp::FileNotFoundError"),
    made<Empty, make_with_text>("mp::Empty"),
    made<Full, make_with_text>("mp::Full"),
    made<ShutDown, make_with_text>("mp::ShutDown"),
    made<OwnerDied, make_with_text>("mp::OwnerDied"),
    made<ProcessError, make_with_text>("mp::ProcessError"),
    made<BufferTooShort, make_buffer_too_short>("mp::BufferTooShort", encode_message_of),
    made<TimeoutError, make_with_text>("mp::TimeoutError"),
    made<AuthenticationError, make_with_text>("mp::AuthenticationError"),
    made<Error, make_with_text>("mp::Error"),
    made<std::runtime_error, make_with_text>("std::runtime_error"),
    made<std::logic_error, make_with_text>("std::logic_error"),
    made<std::invalid_argument, make_with_text>("std::invalid_argument"),
    made<std::domain_error, make_with_text>("std::domain_error"),
    made<std::length_error, make_with_text>("std::length_error"),
    made<std::out_of_range, make_with_text>("std::out_of_range"),
    made<std::range_error, make_with_text>("std::range_error"),
    made<std::overflow_error, make_with_text>("std::overflow_error"),
    made<std::underflow_error, make_with_text>("std::underflow_error"),
    made<std::exception, make_without_text>("std::exception"),
    made<std::bad_alloc, make_without_text>("std::bad_alloc"),
    made<std::bad_array_new_length, make_without_text>("std::bad_array_new_length"),
    made<std::bad_cast, make_without_text>("std::bad_cast"),
    made<std::bad_typeid, make_without_text>("std::bad_typeid"),
    made<std::bad_exception, make_without_text>("std::bad_exception"),
    made<std::bad_any_cast, make_without_text>("std::bad_any_cast"),
    made<std::bad_function_call, make_without_text>("std::bad_function_call"),
    made<std::bad_optional_access, make_without_text>("std::bad_optional_access"),
    made<std::bad_variant_access, make_without_text>("std::bad_variant_access"),
    made<std::bad_weak_ptr, make_without_text>("std::bad_weak_ptr"),
    made<std::system_error, make_system_error>("std::system_error"),
    made<std::ios_base::failure, make_ios_failure>("std::ios_base::failure"),
    made<std::future_error, make_future_error>("std::future_error"),
    made<filesystem_error, make_filesystem_error>("std::filesystem::filesystem_error",
                                                  encode_paths),
};

// Registered types. Never freed; read without a lock, also in a forked child.
struct Registered {
  ExceptionType type;
  Registered* next;
};
constinit std::atomic<Registered*> registered{nullptr};

template <class Matches>
const ExceptionType* find_type(Matches matches) {
  // sync: exception-types (pairs with register_exception_type)
  for (Registered* r = registered.load(std::memory_order_acquire); r != nullptr; r = r->next) {
    if (matches(r->type)) {
      return &r->type;
    }
  }
  for (const ExceptionType& type : kTypes) {
    if (matches(type)) {
      return &type;
    }
  }
  return nullptr;
}

const ExceptionType* find_type(const std::type_info& type) {
  return find_type([&](const ExceptionType& t) {
    return *t.type == type || (t.with_cause != nullptr && *t.with_cause == type);
  });
}

// What is said of an exception. The texts are the caller's to keep.
struct Description {
  std::string type;
  std::string text;
  std::string backtrace;  // that it brought along
  int64_t code = 0;
  std::string category;
};

std::exception_ptr cause_of(Thrown thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::nested_exception& e) {
    return e.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

// A class of the user's may return null.
std::string text_of(const std::exception& e) {
  const char* text = e.what();
  return text == nullptr ? "" : text;
}

Description describe_fully(Thrown thrown) {
  Description d;
  const std::type_info& type = type_of(thrown);
  d.type = pretty_name(type);
  try {
    std::rethrow_exception(thrown);
  } catch (const RemoteError& e) {
    d.text = e.what();
    d.backtrace = e.backtrace();
    if (!e.type_name().empty()) {
      // It goes on as what it was.
      d.type = e.type_name();
      if (d.text == d.type) {
        d.text.clear();
      } else if (d.text.starts_with(d.type + ": ")) {
        d.text.erase(0, d.type.size() + 2);
      }
    }
  } catch (const OSError& e) {
    d.text = e.what();
    d.code = e.errno_value();
  } catch (const std::system_error& e) {
    d.text = text_of(e);
    d.code = e.code().value();
    d.category = e.code().category().name();
  } catch (const std::future_error& e) {
    d.text = text_of(e);
    d.code = e.code().value();
  } catch (const std::exception& e) {
    d.text = text_of(e);
  } catch (const char* text) {
    d.text = text == nullptr ? "" : text;
  } catch (const std::string& text) {
    d.text = text;
  } catch (int number) {
    d.text = absl::StrCat(number);
  } catch (...) {
  }
  const ExceptionType* known = find_type(type);
  if (known != nullptr) {
    // The names that decode() knows have one spelling for all compilers.
    d.type = known->name;
  }
  if (std::exception_ptr cause = cause_of(thrown); cause != nullptr) {
    if (known != nullptr && type != *known->type) {
      d.backtrace = describe_fully(cause).backtrace;
    } else {
      absl::StrAppend(&d.text, "; caused by ", describe(cause));
    }
  }
  return d;
}

std::string name_and_text(std::string_view type, std::string_view text) {
  // mp's own have Python's names.
  std::string all(type.starts_with("mp::") ? type.substr(4) : type);
  if (!text.empty()) {
    all.append(": ").append(text);
  }
  return all;
}

std::string below(std::string_view backtrace, std::string_view text) {
  std::string all;
  if (!backtrace.empty()) {
    all.append("Traceback (most recent call first):\n").append(backtrace);
  }
  return all.append(text);
}

Encoder::Ref encode(Encoder& e, Thrown exception, std::string_view backtrace) {
  Description d = describe_fully(exception);
  const ExceptionType* known = find_type(type_of(exception));
  Encoder::Ref state;
  if (known != nullptr && known->encode != nullptr) {
    state = known->encode(e, object_of(exception));
  }
  return e.failure(
      {d.type, d.text, d.backtrace.empty() ? backtrace : d.backtrace, d.code, d.category}, state);
}

[[noreturn]] void rethrow_failure(const FailureText& failure, const Reader& state) {
  const ExceptionType* type =
      find_type([&](const ExceptionType& t) { return t.name == failure.type; });
  if (type != nullptr) {
    type->rethrow(failure, state);
  }
  if (failure.type == "mp::RemoteError") {
    throw RemoteError(std::string(failure.text), {}, std::string(failure.backtrace));
  }
  throw RemoteError(name_and_text(failure.type, failure.text), std::string(failure.type),
                    std::string(failure.backtrace));
}

}  // namespace

void register_exception_type(const ExceptionType& type) {
  Registered* node = new Registered{type, registered.load(std::memory_order_relaxed)};
  // sync: exception-types (pairs with find_type)
  while (!registered.compare_exchange_weak(node->next, node, std::memory_order_release,
                                           std::memory_order_relaxed)) {
  }
}

void handle_cause(const FailureText& failure, absl::FunctionRef<void()> f) {
  try {
    throw RemoteError(
        absl::StrCat("\n\"\"\"\n",
                     below(failure.backtrace, name_and_text(failure.type, failure.text)),
                     "\n\"\"\""),
        std::string(failure.type), std::string(failure.backtrace));
  } catch (const RemoteError&) {
    f();
  }
}

void encode_exception(Encoder& encoder, const std::exception_ptr& exception,
                      std::string_view backtrace) {
  Encoder::Building building(encoder);
  encoder.finish(encode(encoder, exception, backtrace));
}

void rethrow(const Reader& r) {
  Reader state;
  FailureText failure = r.failure(&state);
  rethrow_failure(failure, state);
}

std::string describe(const std::exception_ptr& exception) {
  if (exception == nullptr) {
    return "";
  }
  Description d = describe_fully(exception);
  return name_and_text(d.type, d.text);
}

std::string traceback(const std::exception_ptr& exception, std::string_view backtrace) {
  Description d = describe_fully(exception);
  return below(d.backtrace.empty() ? backtrace : d.backtrace, name_and_text(d.type, d.text));
}

}  // namespace internal

Encoder::Ref Codec<std::exception_ptr>::encode(Encoder& e, const std::exception_ptr& exception) {
  return exception == nullptr ? e.none() : internal::encode(e, exception, {});
}

std::exception_ptr Codec<std::exception_ptr>::decode(const Reader& r) {
  if (r.is_none()) {
    return nullptr;
  }
  Reader state;
  internal::FailureText failure = r.failure(&state);
  try {
    internal::rethrow_failure(failure, state);
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace mp

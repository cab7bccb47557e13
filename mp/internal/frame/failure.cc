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
#include "mp/internal/frame/trace.h"

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

// mp's errors, by their Python names.
template <class E>
ExceptionType own(const char* name) {
  return {&typeid(E), name, nullptr, [](const FailureText& f, const Reader&) {
            raise_by_name(f.type.substr(4), std::string(f.text));
          }};
}

ExceptionType os_error_type(const std::type_info& type, const char* name) {
  return {&type, name, nullptr, [](const FailureText& f, const Reader&) {
            std::string_view text = f.text;
            if (f.code == 0) {
              raise_by_name(f.type.substr(4), std::string(text));
            }
            // The constructor appends the errno's text again.
            throw OSError(static_cast<int>(f.code),
                          std::string(text.substr(0, text.rfind(": [Errno "))));
          }};
}

// Exceptions made from their text; and those that have one text only.
template <class E>
ExceptionType with_text(const char* name) {
  return {&typeid(E), name, nullptr,
          [](const FailureText& f, const Reader&) { throw E(std::string(f.text)); }};
}
template <class E>
ExceptionType without_text(const char* name) {
  return {&typeid(E), name, nullptr, [](const FailureText&, const Reader&) { throw E(); }};
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

template <class E>
ExceptionType with_code(const char* name) {
  return {&typeid(E), name, nullptr, [](const FailureText& f, const Reader&) {
            std::error_code code = code_of(f);
            std::string text = own_text(f.text, code);
            throw text.empty() ? E(code) : E(code, text);
          }};
}

using std::filesystem::filesystem_error;

Encoder::Ref encode_paths(Encoder& e, const void* object) {
  auto& error = *static_cast<const filesystem_error*>(object);
  return encode_parts(e, false, error.path1(), error.path2());
}

void rethrow_filesystem_error(const FailureText& f, const Reader& state) {
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
    throw filesystem_error(own_text(text, code), path1, path2, code);
  }
  if (cut(absl::StrCat(" [", path1.native(), "]"))) {
    throw filesystem_error(own_text(text, code), path1, code);
  }
  throw filesystem_error(own_text(text, code), code);
}

Encoder::Ref encode_message_of(Encoder& e, const void* object) {
  auto& error = *static_cast<const BufferTooShort*>(object);
  return e.bytes(std::as_bytes(std::span<const char>(error.message())));
}

void rethrow_buffer_too_short(const FailureText& f, const Reader& state) {
  std::span<const std::byte> message = state.bytes();
  throw BufferTooShort(std::string(f.text),
                       {reinterpret_cast<const char*>(message.data()), message.size()});
}

const ExceptionType kTypes[] = {
    own<ValueError>("mp::ValueError"),
    own<TypeError>("mp::TypeError"),
    own<CodecError>("mp::CodecError"),
    own<AssertionError>("mp::AssertionError"),
    own<RuntimeError>("mp::RuntimeError"),
    own<NotImplementedError>("mp::NotImplementedError"),
    own<BrokenBarrierError>("mp::BrokenBarrierError"),
    own<IndexError>("mp::IndexError"),
    own<KeyError>("mp::KeyError"),
    own<AttributeError>("mp::AttributeError"),
    own<BufferError>("mp::BufferError"),
    own<MemoryError>("mp::MemoryError"),
    own<EOFError>("mp::EOFError"),
    own<KeyboardInterrupt>("mp::KeyboardInterrupt"),
    os_error_type(typeid(OSError), "mp::OSError"),
    own<BrokenPipeError>("mp::BrokenPipeError"),
    own<FileExistsError>("mp::FileExistsError"),
    own<FileNotFoundError>("mp::FileNotFoundError"),
    own<Empty>("mp::Empty"),
    own<Full>("mp::Full"),
    own<ShutDown>("mp::ShutDown"),
    own<OwnerDied>("mp::OwnerDied"),
    own<ProcessError>("mp::ProcessError"),
    {&typeid(BufferTooShort), "mp::BufferTooShort", encode_message_of, rethrow_buffer_too_short},
    own<TimeoutError>("mp::TimeoutError"),
    own<AuthenticationError>("mp::AuthenticationError"),
    own<Error>("mp::Error"),
    with_text<std::runtime_error>("std::runtime_error"),
    with_text<std::logic_error>("std::logic_error"),
    with_text<std::invalid_argument>("std::invalid_argument"),
    with_text<std::domain_error>("std::domain_error"),
    with_text<std::length_error>("std::length_error"),
    with_text<std::out_of_range>("std::out_of_range"),
    with_text<std::range_error>("std::range_error"),
    with_text<std::overflow_error>("std::overflow_error"),
    with_text<std::underflow_error>("std::underflow_error"),
    without_text<std::exception>("std::exception"),
    without_text<std::bad_alloc>("std::bad_alloc"),
    without_text<std::bad_array_new_length>("std::bad_array_new_length"),
    without_text<std::bad_cast>("std::bad_cast"),
    without_text<std::bad_typeid>("std::bad_typeid"),
    without_text<std::bad_exception>("std::bad_exception"),
    without_text<std::bad_any_cast>("std::bad_any_cast"),
    without_text<std::bad_function_call>("std::bad_function_call"),
    without_text<std::bad_optional_access>("std::bad_optional_access"),
    without_text<std::bad_variant_access>("std::bad_variant_access"),
    without_text<std::bad_weak_ptr>("std::bad_weak_ptr"),
    with_code<std::system_error>("std::system_error"),
    {&typeid(std::ios_base::failure), "std::ios_base::failure", nullptr,
     [](const FailureText& f, const Reader&) {
       std::error_code code = code_of(f);
       throw std::ios_base::failure(own_text(f.text, code), code);
     }},
    {&typeid(std::future_error), "std::future_error", nullptr,
     [](const FailureText& f, const Reader&) {
       throw std::future_error(static_cast<std::future_errc>(f.code));
     }},
    {&typeid(filesystem_error), "std::filesystem::filesystem_error", encode_paths,
     rethrow_filesystem_error},
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

// What is said of an exception. The texts are the caller's to keep.
struct Description {
  std::string type;
  std::string text;
  std::string backtrace;
  int64_t code = 0;
  std::string category;
};

void describe_nested(const std::exception& e, std::string* text) {
  if (auto* nested = dynamic_cast<const std::nested_exception*>(&e);
      nested != nullptr && nested->nested_ptr() != nullptr) {
    absl::StrAppend(text, "; caused by ", describe(nested->nested_ptr()));
  }
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
    d.text = e.what();
    d.code = e.code().value();
    d.category = e.code().category().name();
  } catch (const std::future_error& e) {
    d.text = e.what();
    d.code = e.code().value();
  } catch (const std::exception& e) {
    d.text = e.what();
    describe_nested(e, &d.text);
  } catch (const char* text) {
    d.text = text == nullptr ? "" : text;
  } catch (const std::string& text) {
    d.text = text;
  } catch (int number) {
    d.text = absl::StrCat(number);
  } catch (...) {
  }
  // The names that decode() knows have one spelling for all compilers.
  if (const ExceptionType* known =
          find_type([&](const ExceptionType& t) { return *t.type == type; });
      known != nullptr) {
    d.type = known->name;
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

[[noreturn]] void rethrow_failure(const FailureText& failure, const Reader& state) {
  const ExceptionType* type =
      find_type([&](const ExceptionType& t) { return t.name == failure.type; });
  if (type != nullptr) {
    type->rethrow(failure, state);
  }
  if (failure.type == "mp::RemoteError") {
    throw RemoteError(std::string(failure.text));
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

void encode_exception(Encoder& encoder, const std::exception_ptr& exception) {
  Encoder::Building building(encoder);
  encoder.finish(encoder.value(exception));
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

}  // namespace internal

Encoder::Ref Codec<std::exception_ptr>::encode(Encoder& e, const std::exception_ptr& exception) {
  if (exception == nullptr) {
    return e.none();
  }
  internal::Description d = internal::describe_fully(exception);
  const std::type_info& thrown = internal::type_of(exception);
  const internal::ExceptionType* type =
      internal::find_type([&](const internal::ExceptionType& t) { return *t.type == thrown; });
  Encoder::Ref state;
  if (type != nullptr && type->encode != nullptr) {
    state = type->encode(e, internal::object_of(exception));
  }
  if (type == nullptr && d.backtrace.empty()) {
    d.backtrace = internal::backtrace_of(exception);
  }
  return e.failure({d.type, d.text, d.backtrace, d.code, d.category}, state);
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

#include "mp/remote_error.h"

#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <typeinfo>
#include <utility>
#include <variant>

#include "gtest/gtest.h"
#include "mp/codec.h"
#include "mp/internal/frame/failure.h"
#include "mp/internal/frame/trace.h"

namespace app {

struct Unknown : std::runtime_error {
  using runtime_error::runtime_error;
};
struct Broken : std::runtime_error {
  using runtime_error::runtime_error;
};
const bool kBroken = mp::register_exception<Broken>();

// More than a text.
class Refused : public std::exception {
 public:
  Refused() = default;
  Refused(int code, std::string why) : code_(code), why_(std::move(why)) {}
  const char* what() const noexcept override { return why_.c_str(); }
  int code() const { return code_; }
  auto fields() { return std::tie(code_, why_); }

 private:
  int code_ = 0;
  std::string why_;
};
const bool kRefused = mp::register_exception<Refused>();

struct NoException {
  int n;
};
const bool kNoException = mp::register_exception<NoException>();

struct OwnError : mp::ValueError {
  using ValueError::ValueError;
};

template <class E>
[[gnu::noinline]] void throws(int depth) {
  if (depth == 0) {
    throw E("text");
  }
  throws<E>(depth - 1);
  asm volatile("");  // no tail call
}

}  // namespace app

namespace mp {
namespace {

std::exception_ptr sent(const std::exception_ptr& exception, const std::string& backtrace = {}) {
  Encoder e;
  internal::encode_exception(e, exception, backtrace);
  return internal::decode_message<std::exception_ptr>(e.message());
}

template <class F>
std::exception_ptr caught(F f) {
  try {
    f();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

// What f throws, as who waits for a task gets it.
template <class F>
std::exception_ptr sent_traced(F f) {
  try {
    internal::run_traced(f);
  } catch (...) {
    return sent(std::current_exception(), internal::backtrace_of(std::current_exception()));
  }
  return nullptr;
}

// f's exception comes back as its own type with its own text.
template <class E, class F>
void expect_same(F f) {
  std::exception_ptr thrown = caught(f);
  ASSERT_NE(thrown, nullptr);
  std::exception_ptr got = sent(thrown);
  EXPECT_EQ(describe(got), describe(thrown));
  try {
    std::rethrow_exception(got);
  } catch (const E& e) {
    EXPECT_EQ(typeid(e), typeid(E));
  } catch (...) {
    ADD_FAILURE() << "another type: " << describe(got);
  }
}

TEST(RemoteError, MpsErrorsComeBackAsTheyWere) {
  expect_same<ValueError>([] { throw ValueError("v"); });
  expect_same<TypeError>([] { throw TypeError("t"); });
  expect_same<CodecError>([] { throw CodecError("c"); });
  expect_same<KeyError>([] { throw KeyError("'k'"); });
  expect_same<IndexError>([] { throw IndexError("i"); });
  expect_same<TimeoutError>([] { throw TimeoutError("late"); });
  expect_same<Empty>([] { throw Empty("e"); });
  expect_same<ShutDown>([] { throw ShutDown("s"); });
  expect_same<BrokenBarrierError>([] { throw BrokenBarrierError("b"); });
  expect_same<KeyboardInterrupt>([] { throw KeyboardInterrupt(""); });
  expect_same<OSError>([] { throw OSError(2, "open 'x'"); });
  expect_same<OSError>([] { throw OSError("handle is closed"); });
  expect_same<FileNotFoundError>([] { throw FileNotFoundError("no 'x'"); });
  expect_same<ConnectionRefusedError>([] { throw ConnectionRefusedError("nobody"); });
  expect_same<BufferTooShort>([] { throw BufferTooShort("short", "the message"); });
  expect_same<Error>([] { throw Error("base"); });
  try {
    std::rethrow_exception(sent(std::make_exception_ptr(OSError(13, "open"))));
  } catch (const OSError& e) {
    EXPECT_EQ(e.errno_value(), 13);
  }
  try {
    std::rethrow_exception(sent(std::make_exception_ptr(BufferTooShort("s", "bytes\0!"))));
  } catch (const BufferTooShort& e) {
    EXPECT_EQ(e.message(), "bytes");
  }
}

TEST(RemoteError, StandardExceptionsComeBackAsTheyWere) {
  expect_same<std::runtime_error>([] { throw std::runtime_error("r"); });
  expect_same<std::logic_error>([] { throw std::logic_error("l"); });
  expect_same<std::invalid_argument>([] { (void)std::stoi("x"); });
  expect_same<std::out_of_range>([] { std::map<int, int>().at(1); });
  expect_same<std::overflow_error>([] { throw std::overflow_error("o"); });
  expect_same<std::exception>([] { throw std::exception(); });
  expect_same<std::bad_alloc>([] { throw std::bad_alloc(); });
  expect_same<std::bad_cast>([] { throw std::bad_cast(); });
  expect_same<std::bad_function_call>([] { std::function<void()>()(); });
  expect_same<std::bad_optional_access>([] { (void)std::optional<int>().value(); });
  expect_same<std::bad_variant_access>([] { throw std::bad_variant_access(); });
  expect_same<std::bad_weak_ptr>([] { std::shared_ptr<int>(std::weak_ptr<int>()); });
  expect_same<std::system_error>(
      [] { throw std::system_error(std::make_error_code(std::errc::io_error), "disk"); });
  expect_same<std::system_error>([] { throw std::system_error(5, std::system_category()); });
  expect_same<std::filesystem::filesystem_error>([] { std::filesystem::rename("/no/a", "/no/b"); });
  expect_same<std::filesystem::filesystem_error>(
      [] { std::filesystem::create_directory("/proc/no/x"); });
  expect_same<std::future_error>([] {
    std::future<int> broken = std::promise<int>().get_future();
    broken.get();
  });
  try {
    std::rethrow_exception(sent(caught([] {
      std::ifstream in("/no/file");
      in.exceptions(std::ios::failbit);
    })));
  } catch (const std::ios_base::failure& e) {
    EXPECT_STREQ(e.what(), "basic_ios::clear: iostream error");
    EXPECT_EQ(e.code(), std::io_errc::stream);
  }
}

TEST(RemoteError, RegisteredExceptionsComeBackAsTheyWere) {
  expect_same<app::Broken>([] { throw app::Broken("it broke"); });
  expect_same<app::Refused>([] { throw app::Refused(403, "no"); });
  try {
    std::rethrow_exception(sent(std::make_exception_ptr(app::Refused(403, "no"))));
  } catch (const app::Refused& e) {
    EXPECT_EQ(e.code(), 403);
  }
  try {
    std::rethrow_exception(sent(std::make_exception_ptr(app::NoException{7})));
  } catch (const app::NoException& e) {
    EXPECT_EQ(e.n, 7);
  }
}

RemoteError as_remote_error(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const RemoteError& e) {
    return e;
  } catch (...) {
  }
  ADD_FAILURE() << "no RemoteError: " << describe(exception);
  return RemoteError("");
}

// What an unregistered exception comes back as.
RemoteError remote(const std::exception_ptr& exception) { return as_remote_error(sent(exception)); }

// What std::rethrow_if_nested() throws of an E; no error if there is nothing.
template <class E>
std::optional<RemoteError> cause_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const E& e) {
    try {
      std::rethrow_if_nested(e);
    } catch (const RemoteError& cause) {
      return cause;
    }
  } catch (...) {
    ADD_FAILURE() << "another type: " << describe(exception);
  }
  return std::nullopt;
}

TEST(RemoteError, AnyOtherTypeIsNamed) {
  RemoteError e = remote(std::make_exception_ptr(app::Unknown("boom")));
  EXPECT_STREQ(e.what(), "app::Unknown: boom");
  EXPECT_EQ(e.type_name(), "app::Unknown");
  EXPECT_EQ(e.backtrace(), "");
  // A class derived from a known one is not that one.
  EXPECT_EQ(remote(std::make_exception_ptr(app::OwnError("own"))).type_name(), "app::OwnError");
  EXPECT_STREQ(remote(std::make_exception_ptr(42)).what(), "int: 42");
  EXPECT_STREQ(remote(std::make_exception_ptr(std::string("text"))).what(), "std::string: text");
  EXPECT_STREQ(remote(caught([] { throw "literal"; })).what(), "char const*: literal");
  EXPECT_STREQ(remote(std::make_exception_ptr(2.5f)).what(), "float");
}

TEST(RemoteError, TellsWhereItWasThrown) {
  RemoteError e = as_remote_error(sent_traced([] { app::throws<app::Unknown>(3); }));
  EXPECT_EQ(e.backtrace().substr(0, 25), "#0 app::throws<>()\n#1 app") << e.backtrace();
  EXPECT_NE(e.backtrace().find("#3 app::throws<>()"), std::string::npos) << e.backtrace();
  // The user's functions only.
  EXPECT_EQ(e.backtrace().find("mp::internal"), std::string::npos) << e.backtrace();
  EXPECT_EQ(e.backtrace().find("main\n"), std::string::npos) << e.backtrace();
  // A pointer is noted by where it points.
  e = as_remote_error(sent_traced([] { throw "literal"; }));
  EXPECT_STREQ(e.what(), "char const*: literal");
  EXPECT_NE(e.backtrace(), "");
}

TEST(RemoteError, IsTheCauseOfWhatComesBackAsItself) {
  std::exception_ptr got = sent_traced([] { app::throws<std::out_of_range>(1); });
  std::optional<RemoteError> cause = cause_of<std::out_of_range>(got);
  ASSERT_TRUE(cause.has_value());
  EXPECT_EQ(cause->type_name(), "std::out_of_range");
  EXPECT_EQ(cause->backtrace().substr(0, 25), "#0 app::throws<>()\n#1 app");
  EXPECT_EQ(cause->what(), "\n\"\"\"\nTraceback (most recent call first):\n" + cause->backtrace() +
                               "std::out_of_range: text\n\"\"\"");
  EXPECT_EQ(describe(got), "std::out_of_range: text");

  EXPECT_TRUE(cause_of<ValueError>(sent_traced([] { app::throws<ValueError>(0); })).has_value());
  EXPECT_TRUE(cause_of<app::Broken>(sent_traced([] { app::throws<app::Broken>(0); })).has_value());
  EXPECT_TRUE(cause_of<std::ios_base::failure>(sent_traced([] {
                std::ifstream in("/no/file");
                in.exceptions(std::ios::failbit);
              })).has_value());
  // With its fields; an object without virtual functions has no cause.
  got = sent_traced([] { throw app::Refused(403, "no"); });
  EXPECT_TRUE(cause_of<app::Refused>(got).has_value());
  got = sent(got);
  EXPECT_TRUE(cause_of<app::Refused>(got).has_value());
  try {
    std::rethrow_exception(got);
  } catch (const app::Refused& e) {
    EXPECT_EQ(e.code(), 403);
  }
  EXPECT_THROW(std::rethrow_exception(sent_traced([] { throw app::NoException{7}; })),
               app::NoException);
  // Nobody knows where this was thrown.
  EXPECT_FALSE(cause_of<ValueError>(sent(std::make_exception_ptr(ValueError("v")))).has_value());
}

TEST(RemoteError, GoesOnAsWhatItWas) {
  RemoteError once = as_remote_error(sent_traced([] { app::throws<app::Unknown>(0); }));
  RemoteError twice = remote(std::make_exception_ptr(once));
  EXPECT_STREQ(twice.what(), once.what());
  EXPECT_EQ(twice.type_name(), "app::Unknown");
  EXPECT_EQ(twice.backtrace(), once.backtrace());
  RemoteError own = remote(std::make_exception_ptr(RemoteError("mine")));
  EXPECT_STREQ(own.what(), "mine");
  EXPECT_EQ(own.type_name(), "");

  // Also through a task that waited for it and threw it again.
  std::exception_ptr first = sent_traced([] { app::throws<ValueError>(2); });
  std::exception_ptr second = sent_traced([&] { std::rethrow_exception(first); });
  EXPECT_EQ(describe(second), "ValueError: text");
  EXPECT_EQ(cause_of<ValueError>(second)->backtrace(), cause_of<ValueError>(first)->backtrace());
}

TEST(RemoteError, NamesTheCauseOfANestedException) {
  RemoteError e = remote(caught([] {
    try {
      throw std::runtime_error("inner");
    } catch (...) {
      std::throw_with_nested(app::Unknown("outer"));
    }
  }));
  EXPECT_NE(std::string(e.what()).find("outer; caused by std::runtime_error: inner"),
            std::string::npos);
}

TEST(RemoteError, DescribeNamesTypeAndText) {
  EXPECT_EQ(describe(nullptr), "");
  EXPECT_EQ(describe(std::make_exception_ptr(ValueError("no such key"))),
            "ValueError: no such key");
  EXPECT_EQ(describe(std::make_exception_ptr(std::out_of_range("at"))), "std::out_of_range: at");
  EXPECT_EQ(describe(std::make_exception_ptr(RemoteError("app::X: y", "app::X"))), "app::X: y");
}

TEST(RemoteError, NoExceptionIsNone) {
  Encoder e;
  internal::encode_message(e, std::exception_ptr());
  EXPECT_EQ(internal::decode_message<std::exception_ptr>(e.message()), nullptr);
  internal::encode_message(e, 5);
  EXPECT_THROW(internal::rethrow(Reader::open(e.message())), TypeError);
}

// The backtrace of the exception that leaves f, taken where run_traced() is called.
template <class F>
std::string backtrace_from(F f) {
  try {
    internal::run_traced(f);
  } catch (...) {
    return internal::backtrace_of(std::current_exception());
  }
  return "nothing was thrown";
}

TEST(Backtrace, IsOfTheExceptionThatLeft) {
  EXPECT_EQ(backtrace_from([] {}), "nothing was thrown");
  EXPECT_EQ(internal::backtrace_of(nullptr), "");
  // One that f itself catches is not noted.
  EXPECT_EQ(backtrace_from([] {
              try {
                app::throws<ValueError>(1);
              } catch (const ValueError&) {
              }
              throw app::Unknown("outer");
            }).find("app::throws"),
            std::string::npos);
  // Traced calls nest.
  EXPECT_EQ(backtrace_from([] {
              EXPECT_NE(backtrace_from([] { app::throws<ValueError>(1); }), "");
              app::throws<app::Unknown>(0);
            }).substr(0, 19),
            "#0 app::throws<>()\n");
  // What is null has no place by which it could be told from another.
  EXPECT_EQ(backtrace_from([] {
              try {
                internal::run_traced([] { app::throws<ValueError>(1); });
              } catch (const ValueError&) {
              }
              throw static_cast<const char*>(nullptr);
            }),
            "");
  // It is told once: another may lie where the last one lay.
  try {
    internal::run_traced([] { app::throws<ValueError>(1); });
  } catch (...) {
    EXPECT_NE(internal::backtrace_of(std::current_exception()), "");
    EXPECT_EQ(internal::backtrace_of(std::current_exception()), "");
  }
  // Another exception has none, nor has one of an earlier call.
  try {
    internal::run_traced([] { app::throws<ValueError>(1); });
  } catch (...) {
    EXPECT_EQ(internal::backtrace_of(std::make_exception_ptr(1)), "");
    std::exception_ptr kept = std::current_exception();
    internal::run_traced([] {});
    EXPECT_EQ(internal::backtrace_of(kept), "");
  }
}

// What a destructor on the way down does, does not hide where the throw was.
TEST(Backtrace, IsNotedBeforeAnythingIsUnwound) {
  struct Throwing {
    ~Throwing() {
      try {
        throw std::logic_error("inside of a destructor");
      } catch (const std::logic_error&) {
      }
    }
  };
  std::string text = backtrace_from([] {
    Throwing here;
    app::throws<ValueError>(3);
  });
  EXPECT_NE(text.find("#3 app::throws<>()"), std::string::npos) << text;
}

TEST(RemoteError, TracebackIsBelowTheStack) {
  std::exception_ptr error = std::make_exception_ptr(ValueError("v"));
  EXPECT_EQ(internal::traceback(error, ""), "ValueError: v");
  EXPECT_EQ(internal::traceback(error, "#0 f()\n"),
            "Traceback (most recent call first):\n#0 f()\nValueError: v");
  // What it brought along is nearer to the cause.
  EXPECT_EQ(internal::traceback(sent(error, "#0 there()\n"), "#0 f()\n"),
            "Traceback (most recent call first):\n#0 there()\nValueError: v");
}

}  // namespace
}  // namespace mp

// mp/function.h
//
// Function<R(A...)>: code as a value, which can be kept, called, and sent to another process of the program.
// bind: a callable with its first arguments (Python: functools.partial). fn<f>: a function as a type of its own.
//
//   mp::Queue<mp::Function<double(double)>> jobs;
//   jobs.put(&std::sqrt);
//   jobs.put([](double x) { return x * x; });
//   jobs.put(mp::bind([](double a, double x) { return a * x; }, 0.5));
//
// What can be sent: lambdas without captures; pointers to functions and to (not virtual) member functions; mp::fn<f>;
// mp::bind; structs with operator() whose fields can be sent; other Functions. A lambda with captures cannot: what it captured
// is hidden, and may be a pointer. Pass the values with mp::bind, or make them the fields of a struct.
//
// Handles    A value: copying a Function copies what it holds.
// Safety     As the callable's own.
// Ordering   None of its own.
// Blocking   As the callable.
// Cost       A call is a virtual call. Sending: as the fields it holds, and about 100 bytes.
// Death      It is memory of this process only; a handle among its fields is one as anywhere.
// Crossing   Inside one program: the receiver finds the code by the build id of its module, so a library must be loaded there
//            too. A damaged message is an mp::CodecError, never a call of something else.
// Python     A lambda is sent by where it is, not by its code (dill); its type must be known to the receiver's program.

#ifndef MP_FUNCTION_H_
#define MP_FUNCTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "mp/codec.h"
#include "mp/internal/frame/invoke.h"
#include "mp/internal/frame/thunk.h"

namespace mp {

// The function f, or member function, as an object without state. Cheaper to send than a pointer, and to call.
template <auto f>
struct Fn {
  using Parameters = internal::Parameters<decltype(f)>;
  template <class... A>
  requires std::is_invocable_v<decltype(f), A...>
  decltype(auto) operator()(A&&... arguments) const {
    return internal::call_with(f, std::forward<A>(arguments)...);
  }
  std::string name() const { return internal::pointer_name(internal::take_apart(f)); }
};
template <auto f>
inline constexpr Fn<f> fn{};

// f with its first arguments.
template <class F, class... V>
struct Bind {
  using Parameters = typename internal::DropFirst<internal::Parameters<F>, sizeof...(V)>::type;

  template <class... A>
  requires std::is_invocable_v<const F&, const V&..., A...>
  decltype(auto) operator()(A&&... more) const {
    return std::apply(
        [&](const V&... first) -> decltype(auto) {
          return internal::call_with(f, first..., std::forward<A>(more)...);
        },
        values);
  }
  std::string name() const { return internal::callable_name(f); }

  F f;
  std::tuple<V...> values;
};

// Views among `values` are kept as what owns the same: "abc" as a std::string.
template <class F, class... V>
auto bind(F&& f, V&&... values) {
  using B = Bind<std::decay_t<F>, internal::Kept<internal::Given, V>...>;
  return B{std::forward<F>(f), std::tuple<internal::Kept<internal::Given, V>...>(
                                   internal::keep<internal::Kept<internal::Given, V>>(values)...)};
}

template <class Signature>
class Function;

template <class R, class... A>
class Function<R(A...)> {
 public:
  Function() noexcept = default;
  Function(std::nullptr_t) noexcept {}

  // Does not compile when `f` cannot be sent. A null pointer makes an empty Function.
  template <class F>
  requires(!std::is_same_v<std::decay_t<F>, Function> &&
           std::is_invocable_r_v<R, std::decay_t<F>&, A...>)
      Function(F&& f) {  // NOLINT: implicit, as std::function's
    using D = std::decay_t<F>;
    static_assert(internal::require_shippable<D>());
    D held(std::forward<F>(f));
    if constexpr (std::is_pointer_v<D> || std::is_member_pointer_v<D> ||
                  internal::is_instance<D, mp::Function>) {
      if (!held) {
        return;
      }
    }
    held_.reset(new Of<D>(std::move(held)));
  }

  Function(const Function& other) : held_(other.held_ ? other.held_->clone() : nullptr) {}
  Function(Function&&) noexcept = default;
  Function& operator=(Function other) noexcept {
    held_ = std::move(other.held_);
    return *this;
  }

  // Throws mp::TypeError when it is empty.
  R operator()(A... arguments) const {
    if (!held_) [[unlikely]] {
      internal::refuse_empty_call();
    }
    return held_->call(std::forward<A>(arguments)...);
  }

  explicit operator bool() const noexcept { return held_ != nullptr; }
  friend bool operator==(const Function& f, std::nullptr_t) noexcept { return !f; }

  // What it would call: "app::scale", "main()::<lambda(int)>"; "None" when it is empty.
  std::string name() const { return held_ ? held_->name() : "None"; }

 private:
  friend Codec<Function>;
  static constexpr uint64_t kRole = internal::hash_of(internal::type_name<Function>());

  struct Held {
    virtual ~Held() = default;
    virtual R call(A&&... arguments) = 0;
    virtual Held* clone() const = 0;
    virtual Encoder::Ref encode(Encoder& e) const = 0;
    virtual std::string name() const = 0;
  };

  template <class F>
  struct [[gnu::visibility("hidden")]] Of final : Held {
    explicit Of(F callable) : f(std::move(callable)) {}
    R call(A && ... arguments) override {
      return static_cast<R>(internal::call_with(f, std::forward<A>(arguments)...));
    }
    Held* clone() const override { return new Of(f); }
    Encoder::Ref encode(Encoder & e) const override {
      Encoder::Level level(e);
      Encoder::Ref state = e.value<F>(f);
      return e.callable(thunk.token(), state);
    }
    std::string name() const override { return internal::callable_name(f); }

    static Held* decode(const Reader& state) { return new Of(state.as<F>()); }
    inline static const internal::Thunk thunk{kRole, internal::type_name<F>(),
                                              reinterpret_cast<internal::Thunk::Entry>(&decode)};

    F f;
  };

  std::unique_ptr<Held> held_;
};

template <class R, class... A>
struct Codec<Function<R(A...)>> {
  static Encoder::Ref encode(Encoder& e, const Function<R(A...)>& f) {
    return f ? f.held_->encode(e) : e.none();
  }
  static Function<R(A...)> decode(const Reader& r) {
    using F = Function<R(A...)>;
    F f;
    if (!r.is_none()) {
      Reader state;
      internal::Token token = r.callable(&state, internal::type_name<F>());
      auto decode = reinterpret_cast<typename F::Held* (*)(const Reader&)>(
          internal::find_thunk(token, F::kRole));
      f.held_.reset(decode(state));
    }
    return f;
  }
};

}  // namespace mp

#endif  // MP_FUNCTION_H_

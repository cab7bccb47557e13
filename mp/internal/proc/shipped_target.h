// mp/internal/proc/shipped_target.h
//
// A Target that can cross to a process that is no copy of this one. Arguments are kept as they
// would arrive there, so that a start method changes nothing: a view's text is copied when the
// Process is made.

#ifndef MP_INTERNAL_PROC_SHIPPED_TARGET_H_
#define MP_INTERNAL_PROC_SHIPPED_TARGET_H_

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "mp/internal/frame/call.h"
#include "mp/internal/frame/invoke.h"
#include "mp/internal/proc/target.h"

namespace mp::internal {

// What an argument that is given as an A&& and kept as an S is taken from.
template <class S, class A>
using TakenFrom = std::conditional_t<std::is_same_v<S, std::decay_t<A>>, A, S>;

// P: the parameters of F, or Given; S: what the arguments are kept as.
template <class F, class P, class S>
class ShippedTarget;

template <class F, class... P, class... S>
class ShippedTarget<F, Types<P...>, Types<S...>> final : public Target {
 public:
  template <class G, class... A>
  explicit ShippedTarget(G&& f, A&&... args)
      : f_(std::forward<G>(f)), args_(take<S>(std::forward<A>(args))...) {}

  template <class... A>
  static constexpr bool kTakes = (can_be_kept<TakenFrom<S, A>> && ...);
  template <class... A>
  static constexpr bool require_taken() {
    return (require_kept<TakenFrom<S, A>>() && ...);
  }

  void run() override {
    [this]<size_t... i>(std::index_sequence<i...>) {
      call_with(f_, hand_over<P>(std::get<i>(args_))...);
    }
    (std::index_sequence_for<S...>());
  }
  bool encode(Encoder& encoder) const override {
    std::apply([&](const S&... args) { encode_call(encoder, f_, args...); }, args_);
    return true;
  }

 private:
  template <class T, class A>
  static decltype(auto) take(A&& arg) {
    if constexpr (std::is_same_v<T, std::decay_t<A>>) {
      return std::forward<A>(arg);
    } else {
      return keep<T>(static_cast<const std::decay_t<A>&>(arg));
    }
  }

  F f_;
  std::tuple<S...> args_;
};

template <class F, class P, class... A>
struct ShippedTargetOf;
template <class F, class... P, class... A>
struct ShippedTargetOf<F, Types<P...>, A...> {
  using type = ShippedTarget<F, Types<P...>, Types<Kept<P, A>...>>;
};
template <class F, class... A>
struct ShippedTargetOf<F, void, A...> {
  using type = ShippedTarget<F, Types<std::enable_if_t<sizeof(A*) != 0, Given>...>,
                             Types<Kept<Given, A>...>>;
};

// The call f(args...), for any start method. Does not compile, with a reason, when it cannot cross.
template <class F, class... A>
std::unique_ptr<Target> ship(F&& f, A&&... args) {
  using Function = std::decay_t<F>;
  static_assert(require_call<Function, std::decay_t<A>...>());
  if constexpr (ships_call<Function, std::decay_t<A>...>()) {
    using Shipped =
        typename ShippedTargetOf<Function, Parameters<Function>, std::decay_t<A>...>::type;
    static_assert(require_kept<F>() && Shipped::template require_taken<A...>());
    if constexpr (can_be_kept<F> && Shipped::template kTakes<A...>) {
      return std::make_unique<Shipped>(std::forward<F>(f), std::forward<A>(args)...);
    }
  }
  return nullptr;  // so that the reason is the only thing the compiler says
}

}  // namespace mp::internal

#endif  // MP_INTERNAL_PROC_SHIPPED_TARGET_H_

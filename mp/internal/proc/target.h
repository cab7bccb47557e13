// mp/internal/proc/target.h
//
// Target: what a process is to run, with its arguments, until it is started.

#ifndef MP_INTERNAL_PROC_TARGET_H_
#define MP_INTERNAL_PROC_TARGET_H_

#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "mp/internal/frame/invoke.h"

namespace mp {

class Encoder;

namespace internal {

class Target {
 public:
  virtual ~Target() = default;

  // In a copy of this process, once.
  virtual void run() = 0;
  // Builds the message of the call in `encoder`. False when it cannot cross.
  virtual bool encode(Encoder& encoder) const = 0;
};

// A call that only a copy of this process can make.
template <class F, class... A>
class LocalTarget final : public Target {
 public:
  template <class G, class... B>
  explicit LocalTarget(G&& f, B&&... args)
      : f_(std::forward<G>(f)), args_(std::forward<B>(args)...) {}

  void run() override {
    std::apply([this](A&... args) { std::invoke(std::move(f_), std::move(args)...); }, args_);
  }
  bool encode(Encoder&) const override { return false; }

 private:
  F f_;
  std::tuple<A...> args_;
};

// The call f(args...), for this process and copies of it.
template <class F, class... A>
std::unique_ptr<Target> keep_here(F&& f, A&&... args) {
  static_assert((require_kept<F>() && ... && require_kept<A>()));
  if constexpr ((can_be_kept<F> && ... && can_be_kept<A>)) {
    return std::make_unique<LocalTarget<std::decay_t<F>, std::decay_t<A>...>>(
        std::forward<F>(f), std::forward<A>(args)...);
  } else {
    return nullptr;  // so that the reason is the only thing the compiler says
  }
}

}  // namespace internal
}  // namespace mp

#endif  // MP_INTERNAL_PROC_TARGET_H_

// mp/context.h
//
// Context: how processes start. Python: get_context, set_start_method, get_start_method.
//
//   mp::set_start_method("spawn");                  // for the whole program, once, before it is used
//   mp::Context fork = mp::get_context("fork");     // for some processes only
//   mp::Process p({.context = fork}, f, a);
//
//   "forkserver"  a fork of a clean copy of this program that stopped in freeze_support(). Default.
//   "spawn"       a new run of this program.
//   "fork"        a fork of this very process, with all its memory and one of its threads.
//
// Handles   A Context is a value: the name of a method, or "whatever is the default".
// Safety    Any thread.
// Blocking  Never.
// Cost      8 bytes; asking for the default is a load.
// Death     Says nothing of other processes, so nothing is left.
// Crossing  A child's default is the method by which it was started.
// Python    The default is fixed, as there, by set_start_method(), by get_start_method() and
//           get_context() without arguments, and by the first start of a Process that names no
//           context. It is the default of Process and nothing else: every lock, queue or other
//           object works with every method, and making one fixes nothing. The module's functions
//           (cpu_count, Lock, ...) are not methods of a Context.

#ifndef MP_CONTEXT_H_
#define MP_CONTEXT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mp {

enum class StartMethod { kFork, kSpawn, kForkserver };

// Python's allow_none=True.
struct AllowNone {};
inline constexpr AllowNone kAllowNone;

class Context {
 public:
  // The default context, which follows set_start_method(). get_context() gives what it stands for.
  Context() noexcept = default;
  explicit Context(StartMethod method) noexcept : method_(method) {}

  // "fork", "spawn" or "forkserver". Fixes it.
  std::string get_start_method() const;
  // Fixes nothing: none while it is the default context and nothing has fixed its method.
  std::optional<std::string> get_start_method(AllowNone) const;

  // Fixes the method of processes that name none. Throws mp::ValueError for an unknown one and on a
  // context that is not the default one, mp::RuntimeError "context has already been set" when it was
  // fixed before, unless `force`.
  void set_start_method(std::string_view method, bool force = false) const;
  // The one that it is when nobody sets it; with `force`, nothing is fixed from here on.
  void set_start_method(std::nullopt_t, bool force = false) const;

  // The context of that method. Throws mp::ValueError for an unknown one.
  Context get_context(std::string_view method) const;
  // This one; of the default context, that of its method, which is then fixed.
  Context get_context() const;

  // The default one first.
  static std::vector<std::string> get_all_start_methods();

  // How a process started now in this context would start. Fixes nothing.
  StartMethod method() const noexcept;
  // It names a method of its own.
  bool is_concrete() const noexcept { return method_.has_value(); }

  friend bool operator==(const Context&, const Context&) = default;

 private:
  std::optional<StartMethod> method_;
};

inline Context get_context() { return Context().get_context(); }
inline Context get_context(std::string_view method) { return Context().get_context(method); }
inline std::string get_start_method() { return Context().get_start_method(); }
inline std::optional<std::string> get_start_method(AllowNone none) {
  return Context().get_start_method(none);
}
inline void set_start_method(std::string_view method, bool force = false) {
  Context().set_start_method(method, force);
}
inline void set_start_method(std::nullopt_t none, bool force = false) {
  Context().set_start_method(none, force);
}
inline std::vector<std::string> get_all_start_methods() { return Context::get_all_start_methods(); }

namespace internal {

// "fork", "spawn", "forkserver".
const char* name_of(StartMethod method) noexcept;
// The method of `context`, which is fixed if it is the default one's.
StartMethod fix_start_method(const Context& context) noexcept;
// In a child: its parent's choice.
void inherit_start_method(StartMethod method) noexcept;

}  // namespace internal
}  // namespace mp

#endif  // MP_CONTEXT_H_

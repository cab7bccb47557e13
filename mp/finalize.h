// mp/finalize.h
//
// Finalize: what is still to do for an object, done once: when the object goes, when it is called, or
// when this process ends. Python: multiprocessing.util.Finalize.
//
//   class Scratch {
//     std::string path_ = make_directory();
//     mp::Finalize remove_{[path = path_] { std::filesystem::remove_all(path); }, 10};
//   };
//
//   mp::at_exit([] { say_goodbye(); });        // without an object
//
// When a process ends in order (main or its function returns, exit()), those with a priority of 0 and
// above are called, then its children end, then the others with a priority. Higher ones come first,
// and of one priority the youngest. mp::exit() in one ends that one; the others are called, and the
// process ends with its code.
//
// Handles   Move-only: a member or a variable, whose end is the object's.
// Safety    Any method, any thread: the function is called once.
// Ordering  What was done before the Finalize was made is visible to its function.
// Blocking  As long as the function takes.
// Cost      Two allocations.
// Death     A process that is killed calls none.
// Crossing  Not: a child begins without any, by whatever method it was started, and one that it
//           inherits as memory does nothing there.
// Python    Belongs to the object as a member, instead of watching it. The exit of an object at
//           namespace scope calls the function too. mp::exit() in one keeps no other from being
//           called, and counts in the first process too.

#ifndef MP_FINALIZE_H_
#define MP_FINALIZE_H_

#include <functional>
#include <optional>
#include <utility>

#include "mp/internal/proc/finalizers.h"

namespace mp {

class Finalize {
 public:
  // Without a priority the function is not called because the process ends.
  explicit Finalize(std::function<void()> callback, std::optional<int> exitpriority = {})
      : id_(internal::add_finalizer(std::move(callback), exitpriority)) {}
  Finalize(Finalize&& other) noexcept : id_(std::exchange(other.id_, {})) {}
  Finalize& operator=(Finalize&&) = delete;
  // Calls it, unless it was called or cancelled. What it throws goes to stderr, and so does
  // mp::exit(), which ends nothing here.
  ~Finalize() {
    if (auto callback = internal::take_finalizer(id_)) {
      internal::call_finalizer(callback);
    }
  }

  // Calls it, unless it was called or cancelled. What it throws passes through.
  void operator()() {
    if (auto callback = internal::take_finalizer(id_)) {
      callback();
    }
  }
  void cancel() noexcept { internal::take_finalizer(id_); }
  // Whether it is still to be called.
  bool still_active() const noexcept { return internal::has_finalizer(id_); }

 private:
  internal::FinalizerId id_;
};

// Calls it when this process ends. Python: Finalize(None, callback, exitpriority=...).
inline void at_exit(std::function<void()> callback, int exitpriority = 0) {
  internal::add_finalizer(std::move(callback), exitpriority);
}

}  // namespace mp

#endif  // MP_FINALIZE_H_

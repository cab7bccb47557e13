// mp/executable.h
//
// set_executable: which program runs the children of spawn. Python: multiprocessing.set_executable.
//
//   mp::set_executable("/opt/app/worker");
//
// Handles   None.
// Safety    Any thread; waits for a start() of another.
// Ordering  Of a start() after it.
// Blocking  Never longer than that.
// Cost      Nothing.
// Death     A program that cannot be run: start() throws mp::OSError.
// Crossing  A child has its own program, and runs that.
// Python    A script may stand before the program, which ends in it: `exec program "$@"`. Counts for
//           spawn, and for a fork server that is still to be started.

#ifndef MP_EXECUTABLE_H_
#define MP_EXECUTABLE_H_

#include <string_view>

namespace mp {

// The program, which calls freeze_support() and has the code of what it is to run: a copy of this one,
// or one that was linked from the same functions by name. "": this one again.
void set_executable(std::string_view path);
template <class Path>  // std::filesystem::path
requires requires(const Path& path) { path.native().c_str(); }
void set_executable(const Path& path) { set_executable(std::string_view(path.native())); }

}  // namespace mp

#endif  // MP_EXECUTABLE_H_

// bench/paths.h
//
// Files as the caller of `bazel run` names them, and the files that Bazel brings along.

#ifndef MP_BENCH_PATHS_H_
#define MP_BENCH_PATHS_H_

#include <string>

namespace bench {

// `bazel run` starts a program somewhere else: a relative path means the directory of the caller.
std::string from_working_directory(const std::string& path);

// The path of a file of this workspace among the runfiles; empty if it is not there.
std::string runfile(const std::string& path);

}  // namespace bench

#endif  // MP_BENCH_PATHS_H_

// mp/internal/core/caller_name.h
//
// Who calls, as Python's text forms name it: "MainProcess", "P1", "P1|T2" in another thread than the
// main one.

#ifndef MP_INTERNAL_CORE_CALLER_NAME_H_
#define MP_INTERNAL_CORE_CALLER_NAME_H_

#include <string>

namespace mp::internal {

using NameFunction = std::string (*)();

// The name of this process. Set by the process layer, where it is linked; a program without it is
// nobody's child.
extern NameFunction g_process_name;

std::string caller_name();

}  // namespace mp::internal

#endif  // MP_INTERNAL_CORE_CALLER_NAME_H_

// mp/internal/os/module.h
//
// The modules of the program, its executable and shared libraries, by build id: how one process names a place in code or data
// so that another process of the same program finds it, wherever the module is loaded there.

#ifndef MP_INTERNAL_OS_MODULE_H_
#define MP_INTERNAL_OS_MODULE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace mp::internal {

// The first 16 bytes of the build id; of a module linked without one, a hash of its code.
struct ModuleId {
  uint64_t high = 0;
  uint64_t low = 0;
  friend bool operator==(const ModuleId&, const ModuleId&) = default;
};

struct Place {
  ModuleId module;
  uint64_t offset = 0;  // address minus load address
  bool stays = false;   // in the program itself: nothing else will ever be there
};

// Where `address` is; false if it belongs to no module. Takes no lock once the module was seen.
bool find_place(const void* address, Place* place);

// The address of a place; null if no module with that id is loaded, or the offset is outside of it. Takes no lock once the
// module was seen.
const void* find_address(const Place& place);

// True if the unwind tables say that a function begins exactly there.
bool is_function(const void* address);

// The demangled name of the function at `address`, or "".
std::string function_name(const void* address);

// How often a module has been unloaded so far. When that has changed, an address may mean something else.
uint64_t modules_unloaded();

// The paths of the libraries that this program opened (dlopen) and has not closed, in the order in which it did; not those
// that it was linked with.
std::vector<std::string> opened_libraries();

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_MODULE_H_

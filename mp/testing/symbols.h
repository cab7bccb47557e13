// mp/testing/symbols.h
//
// Names for the instructions of this program, and how it was linked.

#ifndef MP_TESTING_SYMBOLS_H_
#define MP_TESTING_SYMBOLS_H_

#include <cstdint>
#include <string>

namespace mp::testing {

// "mp::Lock::acquire()+0x12", or a module and an offset where no symbol is known.
std::string symbol_of(uintptr_t address);

// False when the program binds functions lazily, so that a first call runs the dynamic linker. Link with -Wl,-z,now.
bool bound_at_start();

}  // namespace mp::testing

#endif  // MP_TESTING_SYMBOLS_H_

// mp/internal/frame/thunk.h
//
// How code crosses: a Thunk is registered for every callable type when its module is loaded, and travels as the place of its
// registration record. A pointer to a function travels as its own place. The receiver takes what it knows: a registered record,
// or an address where the unwind tables say that a function begins; and the token's check value must be that of the module,
// the offset and the type. Anything else is a CodecError.

#ifndef MP_INTERNAL_FRAME_THUNK_H_
#define MP_INTERNAL_FRAME_THUNK_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "mp/internal/frame/encoder.h"
#include "mp/internal/frame/reader.h"
#include "mp/internal/frame/type_name.h"

namespace mp::internal {

// The registration record of one callable type in one role, a static member of a class template:
//   static void run(...);
//   inline static const Thunk thunk{kRole, type_name<F>(), reinterpret_cast<Thunk::Entry>(&run)};
// It registers itself if and only if the member is odr-used, as thunk.token() does. Each module has its own: give the class
// hidden visibility, or the record of one library would stand for another's.
class Thunk {
 public:
  using Entry = void (*)();

  Thunk(uint64_t role, std::string_view type, Entry entry) noexcept;
  Thunk(const Thunk&) = delete;
  Thunk& operator=(const Thunk&) = delete;

  Token token() const;

 private:
  uint64_t kind_;  // hash of role and type
};

// The entry of the thunk that a token names. Raises CodecError unless it is registered, in this role.
Thunk::Entry find_thunk(const Token& token, uint64_t role);

// A pointer to a function or member function, taken apart as the ABI has it.
struct CodePointer {
  const void* address = nullptr;
  int64_t adjustment = 0;
};
Encoder::Ref encode_pointer(Encoder& e, CodePointer pointer, std::string_view type);
CodePointer decode_pointer(const Reader& r, std::string_view type);

// The name of a function, "f" or "app::f".
std::string pointer_name(CodePointer pointer);

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_THUNK_H_

// mp/internal/frame/fd_source.h
//
// FdSource: where a decoder gets the file descriptors that came with a message.

#ifndef MP_INTERNAL_FRAME_FD_SOURCE_H_
#define MP_INTERNAL_FRAME_FD_SOURCE_H_

#include <cstdint>

namespace mp::internal {

class FdSource {
 public:
  // Descriptor number `index` of the message; the caller owns it. Throws mp::CodecError when there is none.
  virtual int take_fd(uint32_t index) = 0;

 protected:
  ~FdSource() = default;
};

}  // namespace mp::internal

#endif  // MP_INTERNAL_FRAME_FD_SOURCE_H_

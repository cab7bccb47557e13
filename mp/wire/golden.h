// mp/wire/golden.h
//
// The values whose bytes are kept in golden/: how each is written, and what reading it must give.

#ifndef MP_WIRE_GOLDEN_H_
#define MP_WIRE_GOLDEN_H_

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "mp/internal/frame/encoder.h"

namespace mp::testing {

struct Golden {
  const char* name;
  // Builds the message.
  std::function<void(Encoder& e)> write;
  // Fails the running test unless the message means what it meant when it was written.
  std::function<void(std::span<const std::byte> message)> check;
};

const std::vector<Golden>& golden_values();

// A file's bytes at a 16-aligned place.
class AlignedFile {
 public:
  // The test fails when it cannot be read.
  explicit AlignedFile(const std::string& path);
  std::span<const std::byte> bytes() const;
  std::span<std::byte> mutable_bytes();

 private:
  std::vector<std::byte> room_;
  size_t size_ = 0;
};

}  // namespace mp::testing

#endif  // MP_WIRE_GOLDEN_H_

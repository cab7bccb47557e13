// mp/testing/large_message.h
//
// Messages too large to compare whole: memory of which only what is written is real, with marks at which a piece that is
// missing, doubled or elsewhere shows.

#ifndef MP_TESTING_LARGE_MESSAGE_H_
#define MP_TESTING_LARGE_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace mp::testing {

class LargeMessage {
 public:
  explicit LargeMessage(uint64_t size);
  ~LargeMessage();
  LargeMessage(const LargeMessage&) = delete;
  LargeMessage& operator=(const LargeMessage&) = delete;

  std::span<std::byte> bytes() const { return {data_, size_}; }
  void mark() const;
  // Adds a failure to the test for each mark that is wrong.
  void expect_marked() const;

 private:
  std::byte* data_;
  uint64_t size_;
};

// What the machine can give now, in bytes.
uint64_t available_memory();

}  // namespace mp::testing

#endif  // MP_TESTING_LARGE_MESSAGE_H_

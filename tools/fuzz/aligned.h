// tools/fuzz/aligned.h
//
// Aligned: a copy of a fuzzer's input where frames are received: 16-aligned and of exactly its size, so that
// AddressSanitizer sees who reads on.

#ifndef TOOLS_FUZZ_ALIGNED_H_
#define TOOLS_FUZZ_ALIGNED_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

namespace mp::testing {

class Aligned {
 public:
  explicit Aligned(std::span<const std::byte> bytes) : size_(bytes.size()) {
    void* at = nullptr;
    if (posix_memalign(&at, 16, size_ == 0 ? 1 : size_) != 0) {
      std::abort();
    }
    at_ = static_cast<std::byte*>(at);
    if (size_ != 0) {
      std::memcpy(at_, bytes.data(), size_);
    }
  }
  Aligned(const uint8_t* data, size_t size)
      : Aligned(std::span(reinterpret_cast<const std::byte*>(data), size)) {}
  ~Aligned() { std::free(at_); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;

  std::span<const std::byte> bytes() const { return {at_, size_}; }
  std::byte* data() { return at_; }

 private:
  size_t size_;
  std::byte* at_;
};

}  // namespace mp::testing

#endif  // TOOLS_FUZZ_ALIGNED_H_

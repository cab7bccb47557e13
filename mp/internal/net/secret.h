// mp/internal/net/secret.h
//
// Secret: a key, in memory of its own that no core dump has, and that is overwritten when it goes.
//
// Safety     const members: any thread.
// Cost       A page, and the system calls for it.
// Crossing   A forked child has it too, and no core dump of the child has it.

#ifndef MP_INTERNAL_NET_SECRET_H_
#define MP_INTERNAL_NET_SECRET_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace mp::internal {

class Secret {
 public:
  // The empty key.
  Secret() noexcept = default;
  // A copy: what it is copied from is for the caller to wipe. Throws mp::MemoryError, and mp::OSError when the kernel does not
  // keep it out of core dumps.
  explicit Secret(std::string_view key);
  Secret(Secret&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Secret();

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

// Overwrites it; the compiler does not take that away.
void wipe(std::span<std::byte> secret) noexcept;
// The key that options have, if they have one.
void wipe(std::optional<std::string>& key) noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_NET_SECRET_H_

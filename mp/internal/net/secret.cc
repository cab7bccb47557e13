#include "mp/internal/net/secret.h"

#include <string.h>
#include <sys/mman.h>

#include <new>

namespace mp::internal {

Secret::Secret(std::string_view key) {
  if (key.empty()) {
    return;
  }
  // Whole pages, which nothing else shares: that is what the kernel can leave out.
  void* room =
      mmap(nullptr, key.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) {
    throw std::bad_alloc();
  }
  madvise(room, key.size(), MADV_DONTDUMP);
  memcpy(room, key.data(), key.size());
  data_ = static_cast<std::byte*>(room);
  size_ = key.size();
}

Secret::~Secret() {
  if (data_ != nullptr) {
    wipe({data_, size_});
    munmap(data_, size_);
  }
}

void wipe(std::span<std::byte> secret) noexcept {
  if (!secret.empty()) {
    explicit_bzero(secret.data(), secret.size());
  }
}

}  // namespace mp::internal

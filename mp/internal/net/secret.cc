#include "mp/internal/net/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "absl/strings/str_cat.h"
#include "mp/errors.h"

namespace mp::internal {

Secret::Secret(std::string_view key) {
  if (key.empty()) {
    return;
  }
  // Whole pages, which nothing else shares: that is what the kernel can leave out.
  void* room =
      mmap(nullptr, key.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) {
    raise(memory_error(
        absl::StrCat("mp: there is no memory for a copy of an authkey of ", key.size(), " bytes")));
  }
  if (madvise(room, key.size(), MADV_DONTDUMP) != 0) {
    const int err = errno;
    munmap(room, key.size());
    raise(os_error(err, "mp: keeping an authkey out of core dumps"));
  }
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

void wipe(std::optional<std::string>& key) noexcept {
  if (key.has_value()) {
    wipe(std::as_writable_bytes(std::span(*key)));
  }
}

}  // namespace mp::internal

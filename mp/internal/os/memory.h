// mp/internal/os/memory.h
//
// The family's memory as the kernel sees it: a sealed, sparse memfd, its mapping, its pages.

#ifndef MP_INTERNAL_OS_MEMORY_H_
#define MP_INTERNAL_OS_MEMORY_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "mp/internal/base/unique_fd.h"

namespace mp::internal {

struct Mapping {
  UniqueFd fd;  // close-on-exec
  std::byte* base = nullptr;
  uint64_t size = 0;
};

// Creates a memfd of the largest size of the ladder that the machine allows (2 x (RAM + swap)
// first, 4 GiB last, at most `limit`), seals its size and maps it, excluded from core dumps.
absl::Status create_mapping(uint64_t limit, Mapping* out);

// Maps an existing one whole; its size must be sealed.
absl::Status open_mapping(UniqueFd fd, Mapping* out);

// Reserves real pages for [offset, offset + size): an error instead of a SIGBUS at the first touch.
// Returns an errno.
int reserve_pages(int fd, uint64_t offset, uint64_t size) noexcept;
// Gives the pages back; the bytes read as 0 afterwards.
void release_pages(int fd, uint64_t offset, uint64_t size) noexcept;

// Maps reserved pages that are about to be written, in one call: by faults it costs several times as much. A hint.
void map_pages(std::byte* at, uint64_t size) noexcept;

// min(RAM, limit of the memory cgroup), in bytes.
uint64_t machine_memory() noexcept;

}  // namespace mp::internal

#endif  // MP_INTERNAL_OS_MEMORY_H_

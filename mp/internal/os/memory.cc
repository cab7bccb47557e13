#include "mp/internal/os/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>

#include "mp/errors.h"
#include "mp/internal/base/sanitizer.h"
#include "mp/internal/os/reopen.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace mp::internal {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

// ThreadSanitizer keeps shadow for every mapped byte it sees touched, and has little room for
// mappings.
constexpr uint64_t kMost = kThreadSanitizer    ? 64 * kGiB
                           : kAddressSanitizer ? 256 * kGiB
                                               : uint64_t{1} << 45;

int make_memfd() {
  int fd = memfd_create("mp", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) {
    // Kernels before 6.3 do not know MFD_NOEXEC_SEAL.
    fd = memfd_create("mp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  }
  return above_stdio(fd);
}

// Aligned as the kernel's huge pages are, and as the 64 KiB windows in which it maps what lies around a page in use: the
// first touch of a new process maps all of the arena's first pages.
constexpr uint64_t kAlignment = 2 << 20;

std::byte* map(int fd, uint64_t size) {
  void* room = mmap(nullptr, size + kAlignment, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) {
    return nullptr;
  }
  auto* start = static_cast<std::byte*>(room);
  uint64_t before = -reinterpret_cast<uintptr_t>(room) % kAlignment;
  void* base = mmap(start + before, size, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0);
  if (base == MAP_FAILED) {
    int err = errno;
    munmap(room, size + kAlignment);
    errno = err;
    return nullptr;
  }
  // A core dump would otherwise read, and so fill, every hole.
  madvise(base, size, MADV_DONTDUMP);
  if (before != 0) {
    munmap(start, before);
  }
  munmap(start + before + size, kAlignment - before);
  return static_cast<std::byte*>(base);
}

uint64_t read_limit(const char* path) {
  uint64_t limit = ~uint64_t{0};
  if (FILE* f = fopen(path, "re")) {
    char text[64];
    if (fgets(text, sizeof text, f) != nullptr && text[0] >= '0' && text[0] <= '9') {
      limit = strtoull(text, nullptr, 10);
    }
    fclose(f);
  }
  return limit;
}

// The memory limit of the cgroup and of those above it, version 2 or 1.
uint64_t cgroup_limit() {
  uint64_t limit = ~uint64_t{0};
  FILE* f = fopen("/proc/self/cgroup", "re");
  if (f == nullptr) {
    return limit;
  }
  char line[4096];
  while (fgets(line, sizeof line, f) != nullptr) {
    std::string text(line);
    while (!text.empty() && text.back() == '\n') {
      text.pop_back();
    }
    size_t second = text.find(':', text.find(':') + 1);
    if (second == std::string::npos) {
      continue;
    }
    bool v2 = text.compare(0, 3, "0::") == 0;
    bool v1 = text.find(":memory:") != std::string::npos;
    if (!v2 && !v1) {
      continue;
    }
    std::string dir = text.substr(second + 1);
    const std::string root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    const char* file = v2 ? "/memory.max" : "/memory.limit_in_bytes";
    for (;;) {
      limit = std::min(limit, read_limit((root + dir + file).c_str()));
      size_t slash = dir.rfind('/');
      if (slash == std::string::npos || dir.empty()) {
        break;
      }
      dir.resize(slash);
    }
  }
  fclose(f);
  return limit;
}

}  // namespace

absl::Status create_mapping(uint64_t limit, Mapping* out) {
  struct sysinfo info {};
  sysinfo(&info);
  uint64_t machine = (uint64_t{info.totalram} + info.totalswap) * info.mem_unit;
  UniqueFd fd(make_memfd());
  if (!fd.valid()) {
    return os_error(errno, "mp: memfd_create for the shared arena");
  }
  uint64_t size = std::min({2 * machine, limit, kMost});
  size = std::max(size, 4 * kGiB) & ~uint64_t{(2 << 20) - 1};
  for (;; size = std::max(size / 4, 4 * kGiB)) {
    if (ftruncate(fd.get(), static_cast<off_t>(size)) == 0) {
      if (std::byte* base = map(fd.get(), size)) {
        fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
        *out = Mapping{std::move(fd), base, size};
        return absl::OkStatus();
      }
    }
    if (size == 4 * kGiB) {
      return os_error(errno,
                      "mp: mapping 4 GiB of address space for the shared arena (RLIMIT_AS or "
                      "RLIMIT_FSIZE too low?)");
    }
  }
}

absl::Status open_mapping(UniqueFd fd, Mapping* out) {
  struct stat st {};
  if (fstat(fd.get(), &st) != 0) {
    return os_error(errno, "mp: the family's arena");
  }
  int seals = fcntl(fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return value_error("mp: the file handed over as the family's arena is not one");
  }
  uint64_t size = static_cast<uint64_t>(st.st_size);
  std::byte* base = map(fd.get(), size);
  if (base == nullptr) {
    return os_error(errno, "mp: mapping the family's arena");
  }
  fcntl(fd.get(), F_SETFD, FD_CLOEXEC);
  *out = Mapping{std::move(fd), base, size};
  return absl::OkStatus();
}

int reserve_pages(int fd, uint64_t offset, uint64_t size) noexcept {
  while (fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(size)) !=
         0) {
    if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

void release_pages(int fd, uint64_t offset, uint64_t size) noexcept {
  while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                   static_cast<off_t>(size)) != 0 &&
         errno == EINTR) {
  }
}

void map_pages(std::byte* at, uint64_t size) noexcept {
  auto begin = reinterpret_cast<uintptr_t>(at) & ~uintptr_t{4095};
  madvise(reinterpret_cast<void*>(begin), reinterpret_cast<uintptr_t>(at) + size - begin,
          MADV_POPULATE_WRITE);
}

uint64_t machine_memory() noexcept {
  struct sysinfo info {};
  sysinfo(&info);
  return std::min(uint64_t{info.totalram} * info.mem_unit, cgroup_limit());
}

}  // namespace mp::internal
